"""The doctor, in environments that are sound and in such that are not."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from otel_residency.cli.doctor.check import MEANINGS
from otel_residency.settings.projects import ProjectSettings, ProjectsFile
from tests.audit.keys import openssl
from tests.cli.command import DoctorRun, environment, examine, start
from tests.ledger.calls import call, ledger

ROOT = Path(__file__).parents[2]
SOUND = """
require = ["eu"]
on_call = "block"

[attest]
zero_data_retention = { value = true, reference = "annex 2" }
retention_amendment = { value = true, reference = "amendment 1" }
"""
EU = "https://eu.api.openai.com/v1"
SECRETS = ("sk-verysecret1234", "user-secret", "query-secret", "header-secret")


@pytest.fixture
def sound(tmp_path: Path) -> dict[str, str]:
    """The variables of a service that is set up well."""
    policy = tmp_path / "residency.toml"
    policy.write_text(SOUND, encoding="utf-8")
    return {
        "OTEL_RESIDENCY_POLICY": str(policy),
        "OPENAI_BASE_URL": EU,
        "OTEL_TRACES_EXPORTER": "console",
    }


def test_a_sound_environment_is_ok(sound: dict[str, str]) -> None:
    """Where all is well every check is ok, also with `--strict`, and the exit code is 0."""
    run = examine("--strict", **sound)
    assert [each for each in run.document["checks"] if each["status"] != "ok"] == []
    assert (run.code, run.document["status"]) == (0, "ok")
    assert run["guard.installed"] == ("ok", "active", None)
    assert run["gate.installed"][0] == "ok"


def test_the_document_has_every_check_with_its_meaning(kept: dict[str, str]) -> None:
    """The JSON names each check of the code once, in order, with the keys that programs rely on."""
    run = examine(**kept)
    assert list(run.document) == ["otel_residency", "command", "status", "checks"]
    assert [each["id"] for each in run.document["checks"]] == list(MEANINGS)
    assert all(list(each) == ["id", "meaning", "status", "found", "fix"] for each in run.document["checks"])


def test_every_check_is_documented() -> None:
    """The page lists the ids and meanings of the code, in the order of the output, and no others."""
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+\.\w+)` \| ([^|]*) \|", page, re.MULTILINE) == list(MEANINGS.items())


def test_an_exporter_that_is_not_installed_is_reported_with_its_fix(sound: dict[str, str]) -> None:
    """The doctor shows the error that opentelemetry-instrument swallows, and that the guard is missing."""
    run = examine(**sound | {"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"})
    status, found, fix = run["start.telemetry"]
    assert (run.code, status) == (1, "failure")
    assert "RuntimeError: component 'otlp_proto_grpc' not found" in found
    assert "pip install opentelemetry-exporter-otlp-proto-grpc" in fix
    assert run["guard.installed"][0] == "failure"


@pytest.mark.parametrize(
    ("url", "status", "part"),
    [
        pytest.param("https://api.openai.eu/v1", "failure", "not an OpenAI host", id="bogus"),
        pytest.param("https://us.api.openai.com/v1", "failure", "us, not eu", id="other-region"),
        pytest.param("http://eu.api.openai.com/v1", "failure", "http to eu", id="unencrypted"),
        pytest.param("", "failure", "set and empty", id="empty"),
        pytest.param("eu.api.openai.com", "failure", "not a URL", id="no-scheme"),
        pytest.param("https://gateway.example/v1", "warning", "not known", id="unknown"),
    ],
)
def test_a_base_url_is_judged_by_the_policy(sound: dict[str, str], url: str, status: str, part: str) -> None:
    """OPENAI_BASE_URL is read as the client reads it and judged as a call to it would be."""
    run = examine(**sound | {"OPENAI_BASE_URL": url})
    assert run["client.base_url"][0] == status
    assert part in run["client.base_url"][1]
    assert run["client.base_url"][2]
    assert run.code == int(status == "failure")


def test_the_clients_default_host_is_judged_too(sound: dict[str, str]) -> None:
    """Without OPENAI_BASE_URL the doctor warns that the client's default host has no region."""
    del sound["OPENAI_BASE_URL"]
    status, found, fix = examine(**sound)["client.base_url"]
    assert status == "warning"
    assert "has no data residency" in found
    assert EU in fix


def test_what_the_clients_other_variables_do_is_reported(sound: dict[str, str]) -> None:
    """OPENAI_API_BASE is ignored by the client and OPENAI_LOG=debug logs prompts; both are reported."""
    del sound["OPENAI_BASE_URL"]
    run = examine(OPENAI_API_BASE=EU, OPENAI_LOG="debug", **sound)
    assert run["client.api_base"][0] == "failure"
    assert run["client.log"][0] == "warning"


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        pytest.param({"OTEL_RESIDENCY_POLICY": "nowhere.toml"}, "nowhere.toml: can't be read", id="file"),
        pytest.param({"OTEL_RESIDENCY_REQUIRE": "uk"}, "did you mean 'gb'", id="region"),
        pytest.param({"OTEL_RESIDENCY_CATALOGUE": "openai-2026-13"}, "'openai-2026-13'", id="catalogue"),
    ],
)
def test_a_setting_that_cant_be_read_is_a_failure(
    sound: dict[str, str], variables: dict[str, str], part: str
) -> None:
    """A wrong setting is reported with the text of the settings' problem."""
    run = examine(**sound | variables)
    assert run["policy.readable"][0] == "failure"
    assert part in run["policy.readable"][1]
    assert run.code == 1


def test_a_warning_fails_only_with_strict() -> None:
    """Nothing required and nothing exported are warnings: exit code 0, and 1 with `--strict`."""
    run = examine()
    assert (run.code, run.document["status"]) == (0, "warning")
    assert [run[name][0] for name in ("policy.require", "telemetry.exporter")] == ["warning"] * 2
    assert examine("--strict").code == 1


def test_attestations_that_the_region_asks_for_are_named() -> None:
    """With a requirement and no policy file each group of attestations that is missing is named."""
    run = examine(OTEL_RESIDENCY_REQUIRE="eu")
    found = [each["found"] for each in run.document["checks"] if each["id"] == "policy.attestations"]
    first, second = (text.split(";")[0] for text in found)
    assert first.startswith("eu: needs attestation: zero_data_retention or modified_abuse_monitoring or ")
    assert second == "eu: needs attestation: retention_amendment"


@pytest.mark.parametrize(
    ("project", "status", "part"),
    [
        pytest.param("", "ok", "all stated", id="those-of-the-region"),
        pytest.param("proj_zdr", "ok", "all stated", id="named"),
        pytest.param(
            "proj_none", "warning", "eu, proj_none: needs attestation: zero_data", id="named-without-it"
        ),
    ],
)
def test_attestations_are_those_that_a_verdict_counts(
    tmp_path: Path, project: str, status: str, part: str
) -> None:
    """What the settings of the projects show is not missing: a call to such a project is eligible."""
    file = ProjectsFile(
        observed=datetime.now(UTC).date(),
        source="https://api.openai.com/v1",
        projects={
            "proj_zdr": ProjectSettings(residency="EU_STORAGE_PROCESSING", retention="zero_data_retention"),
            "proj_none": ProjectSettings(residency="GLOBAL", retention="none"),
        },
    )
    (tmp_path / "projects.json").write_text(file.as_json(), encoding="utf-8")
    lines = (
        'require = ["eu"]',
        "attest.retention_amendment = { value = true }",
        'projects.file = "projects.json"',
    )
    (tmp_path / "residency.toml").write_text("\n".join(lines), encoding="utf-8")
    variables = {"OTEL_RESIDENCY_POLICY": str(tmp_path / "residency.toml"), "OPENAI_PROJECT_ID": project}
    found = examine(**variables)["policy.attestations"]
    assert found[0] == status
    assert part in found[1]


def test_a_guard_that_is_switched_off_is_a_failure(sound: dict[str, str]) -> None:
    """OTEL_RESIDENCY_ENABLED=false guards nothing, and the doctor reports it."""
    run = examine(OTEL_RESIDENCY_ENABLED="false", **sound)
    assert run["guard.installed"][0] == "failure"
    assert "OTEL_RESIDENCY_ENABLED" in run["guard.installed"][1]


LEDGER = "\n[ledger]\nrequired = true\n"
UNPRIVILEGED = 65534


@pytest.fixture
def kept(sound: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The variables of a service that keeps a ledger, with a key, and refuses calls without a record."""
    policy = Path(sound["OTEL_RESIDENCY_POLICY"])
    policy.write_text(SOUND.replace("\n[attest]", LEDGER + "\n[attest]"), encoding="utf-8")
    place, key = tmp_path / "log", tmp_path / "key.pem"
    place.mkdir(0o700)
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    key.chmod(0o400)
    variables = {"OTEL_RESIDENCY_LEDGER": str(place / "ledger.jsonl"), "OTEL_RESIDENCY_LEDGER_KEY": str(key)}
    return sound | variables


def ledger_checks(run: DoctorRun) -> dict[str, tuple[str, str]]:
    """Status and finding of each check of the ledger that is not ok."""
    return {
        each["id"].partition(".")[2]: (each["status"], each["found"])
        for each in run.document["checks"]
        if each["id"].startswith("ledger.") and each["status"] != "ok"
    }


@pytest.mark.parametrize("place", ["ledger.jsonl", "each/", "each/of/them/"])
def test_a_ledger_is_looked_at_and_not_touched(kept: dict[str, str], tmp_path: Path, place: str) -> None:
    """A ledger to come is ok, as a file and as a folder, and the doctor writes nothing."""
    path = f"{tmp_path}/log/{place}"
    run = examine("--strict", **kept | {"OTEL_RESIDENCY_LEDGER": path})
    assert ledger_checks(run) == {}
    assert run.code == 0
    assert "no record yet" in run["ledger.kept"][1]
    assert list((tmp_path / "log").iterdir()) == []


def test_a_ledger_that_was_begun_stays_as_it_is(kept: dict[str, str]) -> None:
    """No byte and no time of a ledger with records changes; missing checkpoints are reported."""
    path = Path(kept["OTEL_RESIDENCY_LEDGER"])
    made = ledger(path)
    made.record(call())
    made.close()
    before = path.read_bytes(), path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns
    run = examine("--strict", **kept)
    assert (run.code, ledger_checks(run)) == (0, {})
    assert "it has records" in run["ledger.kept"][1]
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns) == before
    Path(f"{path}.checkpoints").unlink()
    status, found = ledger_checks(examine(**kept))["checkpoints"]
    assert (status, found) == ("warning", f"there is a ledger, but no {path}.checkpoints")


def test_no_ledger_is_information(sound: dict[str, str]) -> None:
    """No ledger is reported and is no problem; a policy that demands a ledger has to name it."""
    run = examine(**sound)
    assert run["ledger.kept"][:2][0] == "ok"
    assert "there is none" in run["ledger.kept"][1]
    Path(sound["OTEL_RESIDENCY_POLICY"]).write_text(SOUND + LEDGER, encoding="utf-8")
    run = examine(**sound)
    assert (run.code, run["ledger.kept"][0]) == (1, "failure")


def test_rights_of_other_users_are_reported(kept: dict[str, str]) -> None:
    """A file that other users can write to fails; a folder, key or owner that allows it is reported."""
    path, key = Path(kept["OTEL_RESIDENCY_LEDGER"]), Path(kept["OTEL_RESIDENCY_LEDGER_KEY"])
    path.touch(0o600)
    path.chmod(0o620)
    path.parent.chmod(0o777)
    key.chmod(0o644)
    run = examine(**kept)
    private = [each for each in run.document["checks"] if each["id"] == "ledger.private"]
    assert [(each["status"], each["fix"]) for each in private] == [
        ("failure", f"chmod 600 {path}"),
        ("warning", f"chmod go-w {path.parent}"),
    ]
    assert run["ledger.key"][0] == "warning"
    path.chmod(0o600)
    path.parent.chmod(0o700)
    if os.getuid() == 0:
        os.chown(path, UNPRIVILEGED, -1)
        assert f"belongs to user {UNPRIVILEGED}" in examine(**kept)["ledger.private"][1]


@pytest.mark.parametrize(
    ("place", "part"),
    [
        pytest.param(
            "missing/ledger.jsonl", "can't be created: No such directory; every call is refused", id="folder"
        ),
        pytest.param("file/ledger.jsonl", "can't be created: Not a directory", id="no-folder"),
        pytest.param("pipe", "can't be written: It is not a regular file", id="pipe"),
        pytest.param("link", "can't be written: It is a link", id="link"),
        pytest.param("hard", "can't be written: It has another name", id="hard link"),
    ],
)
def test_a_ledger_that_cant_be_written_is_a_failure(
    kept: dict[str, str], tmp_path: Path, place: str, part: str
) -> None:
    """The doctor reports what is wrong with the place, and whether calls are refused."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "hard").hardlink_to(tmp_path / "file")
    run = examine(**kept | {"OTEL_RESIDENCY_LEDGER": str(tmp_path / place)})
    status, found = ledger_checks(run)["writable"]
    assert (run.code, status) == (1, "failure")
    assert part in found


def test_a_key_that_cant_be_used_is_a_failure(kept: dict[str, str], tmp_path: Path) -> None:
    """A key that is missing, of another kind, or in a variable is reported and never shown."""
    rsa = tmp_path / "rsa.pem"
    openssl("genpkey", "-algorithm", "rsa", "-out", str(rsa))
    for path, part in ((tmp_path / "nowhere.pem", "nor a file"), (rsa, "not an unencrypted Ed25519")):
        run = examine(**kept | {"OTEL_RESIDENCY_LEDGER_KEY": str(path)})
        status, found, _ = run["ledger.key"]
        assert (run.code, status) == (1, "failure")
        assert part in found
        assert "every call is refused" in found
    pem = Path(kept["OTEL_RESIDENCY_LEDGER_KEY"]).read_text(encoding="ascii")
    run = examine(**kept | {"OTEL_RESIDENCY_LEDGER_KEY": pem})
    assert run["ledger.key"][0] == "ok"
    assert pem.splitlines()[1] not in run.text


def test_signatures_without_their_library_are_a_failure(
    kept: dict[str, str], distro: Callable[[str], dict[str, str]]
) -> None:
    """Where cryptography is not installed for the service, a key is of no use."""
    without = "import sys; sys.modules['cryptography.hazmat.primitives.asymmetric.ed25519'] = None"
    run = examine(
        **kept, **distro(f"{without}\nfrom opentelemetry.distro import OpenTelemetryDistro as Distro")
    )
    assert run["ledger.key"][0] == "failure"
    assert "install otel-residency[audit]" in run["ledger.key"][1]


def test_a_demand_without_effect_and_little_room_are_reported(kept: dict[str, str]) -> None:
    """`required` does nothing without block; a disk with less room than one file is warned of."""
    path = Path(kept["OTEL_RESIDENCY_POLICY"])
    huge = LEDGER + f"rotate_bytes = {1 << 60}\n"
    path.write_text(SOUND.replace('"block"', '"flag"') + huge, encoding="utf-8")
    run = ledger_checks(examine(**kept))
    assert run["required"] == ("warning", "required has no effect while on_call is flag")
    assert run["space"][0] == "warning"


READ_STATE = """
import os, sys
from otel_residency.cli.doctor.ledger_state import read_ledger_state
from otel_residency.core.policy import LedgerPolicy, Policy
if os.getuid() == 0:
    os.setuid({user})
for path in sys.argv[1:]:
    seen = read_ledger_state(Policy(ledger=LedgerPolicy(path)))
    print(seen.written.error)
"""


def test_rights_are_those_of_the_user_who_asks() -> None:
    """A user without the right to write to a folder, or to read it, gets that as the result."""
    with TemporaryDirectory() as place:
        closed = Path(place) / "closed"
        closed.mkdir()
        Path(place).chmod(0o555)
        closed.chmod(0)
        paths = [f"{place}/ledger.jsonl", place, f"{closed}/ledger.jsonl", f"{closed}/each/"]
        command = [sys.executable, "-c", READ_STATE.format(user=UNPRIVILEGED), *paths]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        Path(place).chmod(0o700)
    assert (done.stderr, done.stdout.splitlines()) == ("", ["Permission denied"] * 4)


@pytest.fixture
def distro(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Installs a distro made of this code, and answers the variables that choose it."""

    def install(code: str) -> dict[str, str]:
        (tmp_path / "vendor.py").write_text(code, encoding="utf-8")
        metadata = tmp_path / "vendor-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: vendor\nVersion: 1\n", encoding="utf-8"
        )
        entry = "[opentelemetry_distro]\nvendor = vendor:Distro\n"
        (metadata / "entry_points.txt").write_text(entry, encoding="utf-8")
        return {"PYTHONPATH": str(tmp_path), "OTEL_PYTHON_DISTRO": "vendor"}

    return install


AROUND = """
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from opentelemetry.instrumentation.distro import BaseDistro

class Eager(SpanProcessor):
    span_exporter = ConsoleSpanExporter()
    def on_start(self, span, parent_context=None):
        self.span_exporter.export([span])

class Active(SpanProcessor):
    _span_processors = (Eager(),)
    def on_end(self, span):
        pass

class Distro(BaseDistro):
    def _configure(self, **kwargs):
        trace.set_tracer_provider(TracerProvider(active_span_processor=Active()))
"""


def test_exporters_around_the_gate_are_reported(
    sound: dict[str, str], distro: Callable[[str], dict[str, str]]
) -> None:
    """A provider with a processor of its own class, one that works at the start, and hooks are found."""
    hook = {"OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "upload"}
    run = examine(**sound, **distro(AROUND), **hook)
    found = " ".join(each["found"] for each in run.document["checks"] if each["status"] == "warning")
    assert "has a multi processor that is not the SDK's" in found
    assert "vendor.Eager may export when a span starts" in found
    assert "the completion hook 'upload' uploads prompts" in found


WITHOUT_CONNECT = """
from aiohttp.connector import BaseConnector
from opentelemetry.instrumentation.distro import BaseDistro
del BaseConnector.connect

class Distro(BaseDistro):
    def _configure(self, **kwargs):
        pass
"""


def test_an_http_client_that_cant_be_patched_is_reported(
    sound: dict[str, str], distro: Callable[[str], dict[str, str]]
) -> None:
    """Where another HTTP client lacks what the guard patches the doctor warns; openai's patches are whole."""
    run = examine(**sound, **distro(WITHOUT_CONNECT))
    assert run["guard.clients"][:2] == ("warning", "can't be patched: BaseConnector.connect")
    assert run["guard.patches"][0] == "ok"
    assert run.code == 0


@pytest.fixture
def install_metadata(tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """Installs the metadata of a package, and answers the variables that make it found."""

    def install(name: str, version: str) -> dict[str, str]:
        metadata = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (metadata / "METADATA").write_text(text, encoding="utf-8")
        return {"PYTHONPATH": str(tmp_path)}

    return install


@pytest.mark.parametrize(
    ("name", "variable"),
    [("langfuse", "LANGFUSE_MEDIA_UPLOAD_ENABLED"), ("traceloop-sdk", "TRACELOOP_TRACE_CONTENT")],
)
def test_uploads_of_media_are_reported(
    sound: dict[str, str], install_metadata: Callable[[str, str], dict[str, str]], name: str, variable: str
) -> None:
    """A package that uploads media without its exporter is a warning until its variable switches that off."""
    variables = sound | install_metadata(name, "1.0")
    status, found, fix = examine(**variables)["gate.upload"]
    assert status == "warning"
    assert found.startswith(f"{name} uploads images")
    assert f"{variable}=false" in fix
    assert examine(**variables, **{variable: "false"})["gate.upload"][0] == "ok"


@pytest.mark.parametrize(
    ("version", "address", "status"),
    [
        pytest.param("3.3.9", "", "ok", id="before"),
        pytest.param("3.4.0rc1", "", "warning", id="first"),
        pytest.param("4.0", "", "warning", id="later"),
        pytest.param("3.4.1", EU, "ok", id="address-by-variable"),
    ],
)
def test_a_library_with_separate_sockets_is_reported(
    sound: dict[str, str],
    install_metadata: Callable[[str, str], dict[str, str]],
    version: str,
    address: str,
    status: str,
) -> None:
    """The engine of dspy can't be guarded; with the address in a variable dspy does not use it."""
    run = examine(**sound | install_metadata("dspy", version) | {"OPENAI_BASE_URL": address})["guard.unseen"]
    assert run[0] == status
    assert bool(run[2]) == (status == "warning")


def test_exporters_are_reported_with_host_and_region(
    sound: dict[str, str], distro: Callable[[str], dict[str, str]]
) -> None:
    """Each exporter's host is listed with its region, and one outside the region is a warning."""
    run = examine(**sound, **distro(ABROAD))
    exporters = [each for each in run.document["checks"] if each["id"] == "telemetry.exporter"]
    assert [(each["status"], each["found"]) for each in exporters] == [
        ("ok", "traces: Exporter to otlp.eu-west-1a.arize.com, region eu"),
        ("warning", "traces: Exporter to otlp.arize.com:4317, region us"),
        ("warning", "traces: Exporter to collector.example, region unknown"),
        ("ok", "traces: Exporter to localhost:4318, this machine; what it forwards is not checked"),
    ]


ABROAD = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.instrumentation.distro import BaseDistro

class Exporter(SpanExporter):
    def __init__(self, endpoint):
        self._endpoint = endpoint

class Distro(BaseDistro):
    def _configure(self, **kwargs):
        provider = TracerProvider()
        for endpoint in (
            "https://otlp.eu-west-1a.arize.com/v1",
            "otlp.arize.com:4317",
            "https://user:pass@collector.example/v1?key=1",
            "http://localhost:4318",
        ):
            provider.add_span_processor(SimpleSpanProcessor(Exporter(endpoint)))
        trace.set_tracer_provider(provider)
"""


def test_a_program_that_does_not_come_up_is_reported(
    sound: dict[str, str], distro: Callable[[str], dict[str, str]]
) -> None:
    """Where the start itself ends the process, the doctor reports how, and the checks that need no start."""
    run = examine(**sound, **distro("import os; os.write(2, b'no licence'); os._exit(3)"))
    assert run["start.probe"][:2] == ("failure", "no report, exit code 3")
    assert run["policy.readable"][0] == "ok"


def test_no_secret_is_shown(sound: dict[str, str]) -> None:
    """Neither the table nor the document shows a key, userinfo, a query or a header."""
    key, user, query, header = SECRETS
    variables = sound | {
        "OPENAI_API_KEY": key,
        "OPENAI_BASE_URL": f"https://{user}:{user}@api.openai.eu:x/v1?q={query}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={header}",
        "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "upload",
        "OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH": f"https://{user}@bucket.example/p?sig={query}",
        "OTEL_TRACES_EXPORTER": f"exporter-{key}",
        "OTEL_RESIDENCY_POLICY": f"https://{user}@policies.example/p.toml?{query}",
    }
    shown = examine(**variables).text + start("doctor", **variables).stdout
    assert "OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH names" in shown
    assert "OTEL_RESIDENCY_POLICY: can't be read" in shown
    assert [secret for secret in SECRETS if secret in shown] == []


def test_the_table_is_plain_and_fits_when_piped(sound: dict[str, str]) -> None:
    """Without a terminal there are no colours, no line is longer than 100, and none ends in blanks."""
    lines = start("doctor", **sound | {"OPENAI_BASE_URL": ""}).stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in "".join(lines)
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[-1] == "1 failed, 0 with a warning, 26 ok"

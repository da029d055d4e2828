"""`otel-residency attest`, against an Admin API on loopback, and the policy that uses what it wrote."""

import json
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency.settings.load import read_settings
from tests.cli.command import read_document, start
from tests.internet import BOGUS, EU, GATEWAY, GLOBAL, Internet
from tests.recorded import Instrument
from tests.vendor import answer, error, ordinary

SECRET = "proxy-password"
KEY = "sk-admin-verysecret1234"
PROJECTS: Mapping[str, Mapping[str, Any]] = {
    "proj_test": {"name": "Shop", "residency": "EU_STORAGE_PROCESSING"},
    "proj_us": {"name": "Support", "residency": "US_STORAGE_PROCESSING"},
    "proj_old": {"name": None},
}
TELLS_TIERS = find_spec("openai.types.admin.organization.projects.project_service_tier_settings") is not None
RETENTION = {"proj_test": "organization_default", "proj_us": "none"}
"""Of a project that is not named here the API does not tell it."""


def administration(request: Asked) -> Reply:
    """The Admin API: two pages of projects, and a retention for all but one of them."""
    path, _, query = request.path.partition("?")
    if request.headers["authorization"] != f"Bearer {KEY}":
        return error(
            401, "invalid_api_key", f"Incorrect API key provided: {request.headers['authorization']}"
        )
    if path == "/v1/organization/projects":
        names = list(PROJECTS)
        page = names[2:] if "after=proj_us" in query else names[:2]
        data = [
            {"id": name, "object": "organization.project", "created_at": 1, **PROJECTS[name]} for name in page
        ]
        return answer({"object": "list", "data": data, "last_id": page[-1], "has_more": page == names[:2]})
    if path == "/v1/organization/data_retention":
        return answer({"object": "organization.data_retention", "type": "zero_data_retention"})
    if path == "/v1/organization/projects/proj_us/service_tier_settings":
        return answer({"default": "fast", "enabled_tiers": "all", "object": "project.service_tier_settings"})
    name = path.removeprefix("/v1/organization/projects/").removesuffix("/data_retention")
    if name not in RETENTION:
        return error(404)
    return answer({"object": "project.data_retention", "type": RETENTION[name]})


@pytest.fixture
def attested(internet: Internet, tmp_path: Path) -> Path:
    """The file that the command wrote."""
    pytest.importorskip("openai.resources.admin.organization.data_retention")
    internet.respond = administration
    done = start("attest", cwd=tmp_path, OPENAI_ADMIN_KEY=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    for message in (
        "proj_test  Shop",
        "EU_STORAGE_PROCESSING",
        "3 projects of https://api.openai.com/v1,",
        "[projects]",
    ):
        assert message in done.stdout
    return tmp_path / "residency-projects.json"


def test_it_writes_what_the_api_reports(attested: Path, internet: Internet) -> None:
    """The file has every project of every page with date and source, what was not told is empty."""
    assert json.loads(attested.read_text(encoding="utf-8")) == {
        "observed": datetime.now(UTC).date().isoformat(),
        "source": "https://api.openai.com/v1",
        "retention": "zero_data_retention",
        "projects": {
            "proj_test": {
                "residency": "EU_STORAGE_PROCESSING",
                "retention": "organization_default",
                "name": "Shop",
                "default_tier": "",
            },
            "proj_us": {
                "residency": "US_STORAGE_PROCESSING",
                "retention": "none",
                "name": "Support",
                "default_tier": "fast" if TELLS_TIERS else "",
            },
            "proj_old": {"residency": "", "retention": "", "name": "", "default_tier": ""},
        },
    }
    assert set(internet.hosts) == {GLOBAL}
    assert stat.S_ISREG(attested.stat().st_mode)
    assert [each.name for each in attested.parent.iterdir()] == [attested.name]


def test_the_key_is_written_nowhere(internet: Internet, tmp_path: Path) -> None:
    """Neither the file nor the output has the key, also where the API's error quotes it."""
    pytest.importorskip("openai.resources.admin.organization.data_retention")
    internet.respond = administration
    for key in (KEY, "sk-admin-another-one"):
        done = start("attest", "--json", cwd=tmp_path, OPENAI_ADMIN_KEY=key, OPENAI_LOG="debug")
        assert key not in done.stdout + done.stderr
        assert all(key not in file.read_text(encoding="utf-8") for file in tmp_path.iterdir())
        if key == KEY:
            assert list(read_document(done.stdout)["projects"]) == list(PROJECTS)
    assert done.returncode == 1
    assert "the Admin API answered 401" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("base_url", [f"https://{GATEWAY}/v1", f"https://{BOGUS}/v1", f"http://{EU}/v1"])
def test_the_key_is_shown_to_the_vendor_only(internet: Internet, tmp_path: Path, base_url: str) -> None:
    """A base URL in the environment that leads elsewhere, or is not encrypted, gets no request."""
    done = start("attest", cwd=tmp_path, OPENAI_ADMIN_KEY=KEY, OPENAI_BASE_URL=base_url)
    assert (done.returncode, internet.requests) == (1, [])
    assert "--base-url" in done.stderr


def test_another_url_may_be_named_on_purpose(internet: Internet, tmp_path: Path) -> None:
    """`--base-url` leads through a company's own proxy, whose password is written nowhere."""
    pytest.importorskip("openai.resources.admin.organization.data_retention")
    admin = {"authorization": f"Bearer {KEY}"}  # which the proxy puts in
    internet.respond = lambda request: administration(request._replace(headers={**request.headers, **admin}))
    url = f"https://someone:{SECRET}@{GATEWAY}/v1"
    done = start("attest", "--base-url", url, cwd=tmp_path, OPENAI_ADMIN_KEY=KEY)
    assert (done.returncode, set(internet.hosts)) == (0, {GATEWAY})
    written = (tmp_path / "residency-projects.json").read_text(encoding="utf-8")
    assert SECRET not in done.stdout + done.stderr + written


@pytest.mark.parametrize(
    ("output", "key", "code", "message"),
    [
        ("projects.json", "", 2, "set OPENAI_ADMIN_KEY"),
        ("missing/projects.json", KEY, 1, "can't be written"),
    ],
)
def test_what_prevents_it_is_reported(
    internet: Internet, tmp_path: Path, *, output: str, key: str, code: int, message: str
) -> None:
    """A missing key or directory is one line and an exit code."""
    internet.respond = administration
    done = start("attest", "--output", output, cwd=tmp_path, OPENAI_ADMIN_KEY=key)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_calls_are_judged_by_the_project_that_answers(
    attested: Path, internet: Internet, instrument: Instrument
) -> None:
    """A policy that names the file tells a project of the US that answers on the host of the EU."""
    policy = attested.with_name("residency.toml")
    amended = 'attest.retention_amendment = { value = true, reference = "amendment 1" }'
    lines = 'require = ["eu"]', amended, "[projects]", f'file = "{attested.name}"'
    policy.write_text("\n".join(lines), encoding="utf-8")
    residency = instrument(read_settings({"OTEL_RESIDENCY_POLICY": str(policy)}))
    client = openai.OpenAI(base_url=f"https://{EU}/v1")

    def answering(project: str) -> Callable[[Asked], Reply]:
        def respond(request: Asked) -> Reply:
            reply = ordinary(request)
            return reply._replace(headers={**reply.headers, "openai-project": project})

        return respond

    for project in ("proj_test", "proj_us", "proj_old"):
        internet.respond = answering(project)
        client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert residency.values("residency.verdict") == ["eligible", "ineligible", "indeterminate"]
    assert residency.values("residency.reasons") == [
        ("catalogue.inherited",),
        ("project.region_mismatch", "attestation.missing", "catalogue.inherited"),
        ("project.unknown", "attestation.missing", "catalogue.inherited"),
    ]

"""No command, log or record of telemetry repeats a secret that stands in a setting, however it got there."""

import json
import logging
import types
import typing
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from typer.testing import CliRunner

from otel_residency.cli.app import app
from otel_residency.core.decode import field_types
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.errors import ResidencyError
from otel_residency.guard import Guard
from otel_residency.records.signing import signer
from otel_residency.settings.ledger_key import read_ledger_key
from otel_residency.settings.load import read_settings
from otel_residency.settings.table import SETTINGS
from tests.cli.command import start

WORD = "Zq7mArKeR9xWvB3"
PEM = f"-----BEGIN PRIVATE KEY-----\n{WORD}/{WORD}+\n-----END PRIVATE KEY-----\n"
ENCODED = b64encode(PEM.encode()).decode()
FORMS = {
    "plain": WORD,
    "quotes": f'"{WORD}"',
    "single quotes": f"'{WORD}'",
    "mark": f"\ufeff{WORD}",
    "list": f"eu,{WORD}",
    "assignment": f"OPENAI_API_KEY={WORD}",
    "key": f"sk-proj-{WORD}",
    "header": f"Authorization=Bearer {WORD}",
    "pem": PEM,
    "pem in quotes": f'"{PEM}"',
    "pem in single quotes": f"'{PEM}'",
    "pem with mark": f"\ufeff{PEM}",
    "pem without its first line": PEM.partition("\n")[2],
    "pem in one line": PEM.replace("\n", "\\n"),
    "base64": ENCODED,
    "path": f"/{WORD}/{WORD}==",
    "relative path": f"{WORD}/{WORD}",
    "url": f"https://user:{WORD}@host.example/v1?key={WORD}",
    "user alone": f"https://{WORD}@host.example/catalogue.json",
    "url path": f"https://host.example/{WORD}/v1",
    "no scheme": f"user:{WORD}@host.example:8443",
}
OTHERS = ("OPENAI_BASE_URL", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OTEL_SERVICE_NAME")
"""Variables of others that commands read."""
COMMANDS = (
    ("policy", "check", "--json"),
    ("policy", "show", "--json"),
    ("check", "--endpoint", "/v1/responses", "--json"),
    ("check-batch", "BATCH", "--require", "eu"),
    ("scan", "SOURCE", "--require", "eu", "--format", "sarif"),
)
MORE_COMMANDS = (
    ("policy", "check"),
    ("policy", "show"),
    ("check", "--endpoint", "/v1/responses", "--require", "eu"),
    ("scan", "SOURCE", "--require", "eu"),
    ("catalogue", "list"),
    ("catalogue", "show", "--json"),
    ("explain", "model.alias"),
    ("attest",),
)
FILES = (
    ("policy", "check", "FILE"),
    ("policy", "check", "FILE", "--json"),
    ("catalogue", "validate", "FILE"),
    ("catalogue", "validate", "FILE", "--json"),
    ("check-batch", "FILE", "--require", "eu"),
    ("scan", "FILE", "--require", "eu"),
    ("scan", "FILE", "--require", "eu", "--format", "sarif"),
    ("verify", "FILE", "--key", "FILE"),
    ("report", "FILE", "--what-if", "FILE"),
)


def leaked(text: str) -> bool:
    """Whether a text has the secret in it, whole or encoded; region codes are written in lower case."""
    return WORD.lower() in text.lower() or ENCODED[:40] in text or ENCODED[40:80] in text


def run(arguments: tuple[str, ...], folder: Path, variables: Mapping[str, str]) -> str:
    """Everything that a command writes when it runs in this process."""
    places = {"BATCH": "batch.jsonl", "SOURCE": "settings.env", "FILE": "file.toml"}
    named = [str(folder / places[each]) if each in places else each for each in arguments]
    result = CliRunner().invoke(app, named, env=dict(variables), prog_name="otel-residency")
    error = (
        repr(result.exception) if result.exception and not isinstance(result.exception, SystemExit) else ""
    )
    return result.output + (result.stderr or "") + error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    """A directory with a batch and a file of variables; no variable of this process is a setting."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)
    for name in (*OTHERS, *(each.variable for each in SETTINGS)):
        monkeypatch.delenv(name, raising=False)
    line = {"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": {"model": "gpt-4o"}}
    (tmp_path / "batch.jsonl").write_text(json.dumps(line), encoding="utf-8")
    return tmp_path


def of_process(variables: Mapping[str, str]) -> str:
    """What a guarded process logs and exports for a call."""
    settings = read_settings(variables)
    guard = Guard(settings)
    guard.log_problems()
    hop = Hop(scheme="https", host="us.api.openai.com", port=None, path="/v1/responses", payload=True)
    judged = guard.judge(CallFacts(on=date(2026, 11, 20), method="POST", hops=(hop,), model="gpt-4o"))
    found = [repr(judged._replace(facts=None)), *map(str, settings.problems)]
    try:
        signer(read_ledger_key(settings.policy, variables) or b"")
    except ResidencyError as error:
        found.append(str(error))
    return "\n".join(found)


@pytest.mark.parametrize("form", FORMS)
def test_no_variable_is_repeated(folder: Path, caplog: pytest.LogCaptureFixture, form: str) -> None:
    """Each of our settings and those of the client, in each malformed way, by each command and the guard."""
    text = FORMS[form]
    for name in (*OTHERS, *(each.variable for each in SETTINGS)):
        (folder / "settings.env").write_text(f"{name}={text}\n", encoding="utf-8")
        variables = {name: text}
        for arguments in (*COMMANDS, *(MORE_COMMANDS if form in ("pem in quotes", "url") else ())):
            assert not leaked(run(arguments, folder, variables)), (name, arguments)
        assert not leaked(of_process(variables)), name
    assert not leaked(caplog.text)


def documents(text: str) -> Iterator[str]:
    """Policies with `text` in the place of each key and each value; one by one."""
    quoted = json.dumps(text)
    yield f"{quoted} = 1"
    for key, kind in field_types(Policy).items():
        yield from (f"{key} = {value}" for value in values(kind, quoted))
    yield from (f"{quoted} = ", f"[{quoted}]\n[{quoted}]", text, f"a = 1\n{text} = 1\n{text} = 2")


def values(kind: Any, quoted: str) -> Iterator[str]:
    """Values for a key of this kind with the text in each place, right and wrong ones."""
    yield quoted
    yield f"[{quoted}]"
    yield f"{{ {quoted} = 1 }}"
    arguments = get_args(kind)
    if get_origin(kind) in (typing.Union, types.UnionType):
        for each in arguments:
            yield from values(each, quoted)
    elif get_origin(kind) is tuple and hasattr(arguments[0], "_fields"):
        yield from (f"[{value}]" for value in values(arguments[0], quoted))
    elif get_origin(kind) is Mapping:
        yield from (
            f"{{ {quoted} = {value} }}" for value in (quoted, "{ region = 'eu' }", "{ value = true }")
        )
        yield from (f"{{ 'gw.example' = {value} }}" for value in values(arguments[1], quoted))
    elif hasattr(kind, "_fields"):
        for key, each in field_types(kind).items():
            yield from (f"{{ {key} = {value} }}" for value in values(each, quoted))


@pytest.mark.parametrize("form", ["plain", "key", "pem", "url", "no scheme"])
def test_no_key_or_value_of_a_policy_is_repeated(
    folder: Path, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    """Each key of the policy with the secret as key, value, element and table; and text that is no TOML."""
    file = folder / "file.toml"
    for document in documents(FORMS[form]):
        file.write_text(document, encoding="utf-8")
        variables = {"OTEL_RESIDENCY_POLICY": str(file)}
        assert not leaked(run(("policy", "check", str(file), "--json"), folder, {})), document
        assert not leaked(of_process(variables)), document
        assert not leaked(run(("policy", "show", "--json"), folder, variables)), document
    assert not leaked(caplog.text)


@pytest.mark.parametrize("form", FORMS)
def test_no_file_is_repeated(folder: Path, form: str) -> None:
    """A file that is a secret, in the place of a policy, catalogue, batch, source, ledger or key."""
    for suffix in ("", "\n", " = 1\n"):
        (folder / "file.toml").write_text(FORMS[form] + suffix, encoding="utf-8")
        for arguments in FILES:
            assert not leaked(run(arguments, folder, {})), arguments


@pytest.mark.parametrize("form", ["plain", "pem in quotes", "url", "no scheme"])
def test_no_process_repeats_a_variable(folder: Path, form: str) -> None:
    """`doctor` and `run` as real processes, with the secret in every variable, and in those of OTLP."""
    text = FORMS[form]
    ours = {each.variable: text for each in SETTINGS if each.key != "enabled"}
    others = dict.fromkeys(OTHERS[:2], text)
    upstream = {
        "OTEL_EXPORTER_OTLP_HEADERS": text,
        "OTEL_EXPORTER_OTLP_ENDPOINT": text,
        "OTEL_TRACES_EXPORTER": text,
        "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": text,
        "OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH": text,
    }
    for arguments, variables in (
        (("doctor", "--json"), {**ours, **others}),
        (("doctor",), {**others, **upstream}),
        (("run", "python", "-c", "pass"), ours),
    ):
        done = start(*arguments, cwd=folder, **variables)
        assert not leaked(done.stdout + done.stderr), arguments
        assert done.returncode in (0, 1, 78)

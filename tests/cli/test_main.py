"""The command line as a whole."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import otel_residency.cli
from otel_residency.catalogue import load_catalogue
from otel_residency.cli.app import COMMANDS
from otel_residency.version import __version__
from tests.audit.ledgers import facts
from tests.cli.command import SCHEMA, environment, start
from tests.cli.vendor_page import as_markdown
from tests.internet import EU, US
from tests.vendor import SNAPSHOT

ROOM = Path(otel_residency.cli.__file__).parent
PAGE = Path(__file__).parent.parent.parent / "docs" / "cli.md"


def test_each_subcommand_has_help_and_a_place_in_the_docs() -> None:
    """The command lists its subcommands, each explains itself, and the page holds the help of all."""
    listed = start("--help").stdout
    assert [line.split()[0] for line in listed.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)
    page = PAGE.read_text(encoding="utf-8")
    for name in COMMANDS:
        done = start(name, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        inner = re.findall(r"(?m)^  (\w+)", done.stdout.partition("Commands:\n")[2])
        for words in [f"{name} {each}" for each in inner] or [name]:
            assert f"<!-- help {words} -->\n```text\nUsage: otel-residency {words} " in page


def test_each_command_with_json_has_its_document_in_the_schema() -> None:
    """The schema describes a document of every command that offers one, and of no other."""
    described = {
        each["properties"]["command"]["const"]
        for each in SCHEMA["$defs"].values()
        if "command" in each.get("properties", {})
    }
    offered = set()
    for name in COMMANDS:
        shown = start(name, "--help").stdout
        inner = re.findall(r"(?m)^  (\w+)", shown.partition("Commands:\n")[2])
        for words in [f"{name} {each}" for each in inner] or [name]:
            if re.search(r"--json|json\|", start(*words.split(), "--help").stdout):
                offered.add(words)
    assert described == offered


def test_the_schema_refuses_what_it_does_not_describe() -> None:
    """A document of another command, with another key or without one is not valid."""
    sound = {"otel_residency": "1", "command": "policy check", "problems": [], "notes": []}
    jsonschema.validate(sound, SCHEMA)
    for wrong in (
        {**sound, "command": "verify"},
        {**sound, "more": 1},
        {"command": "policy check", "problems": []},
        [sound],
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


def test_the_version_is_reported() -> None:
    """`--version` prints name and version."""
    assert start("--version").stdout == f"otel-residency {__version__}\n"


def test_a_shell_can_complete_commands_codes_and_revisions() -> None:
    """What bash asks for is answered: subcommands, reason codes, ids of revisions."""

    def completed(line: str) -> list[str]:
        completion = {"_OTEL_RESIDENCY_COMPLETE": "complete_bash", "COMP_WORDS": line}
        return start(COMP_CWORD=str(len(line.split()) - 1), **completion).stdout.split()

    assert completed("otel-residency check") == ["check", "check-batch"]
    assert completed("otel-residency explain model.alias") == ["model.alias", "model.alias_resolved"]
    assert completed("otel-residency catalogue show openai-2026-1") == ["openai-2026-10", "openai-2026-11"]


def test_the_distribution_brings_the_command() -> None:
    """`otel-residency` stands beside the interpreter and is what `python -m otel_residency.cli` is."""
    script = Path(sys.executable).with_name("otel-residency")
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True, check=False)
    assert done.stdout == start("--help").stdout


def test_a_wrong_option_is_a_usage_error() -> None:
    """An option that does not exist ends with 2, also before a program's name."""
    assert start("doctor", "--no-such").returncode == 2
    assert start("run", "--no-such", "python").returncode == 2


def test_without_the_extra_the_command_names_what_to_install() -> None:
    """Without typer or rich there is one line and exit code 2."""
    for name in ("typer", "rich"):
        code = f"import sys; sys.modules[{name!r}] = None; from otel_residency.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"otel-residency: the command needs {name}: pip install 'otel-residency[cli]'\n"
        )


def test_a_guarded_program_loads_nothing_of_the_command_line() -> None:
    """A program started by `run` does not carry typer and rich along."""
    code = "import sys; print([name for name in ('typer', 'rich') if name in sys.modules])"
    disabled = {
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx,httpx2"
    }  # httpx has a command line of its own
    assert start("run", "python", "-c", code, **disabled).stdout == "[]\n"


def test_one_module_of_the_room_touches_the_environment() -> None:
    """Only `environ.py` takes the environment from `os`; the settings are read by `read_settings`."""
    readers = set()
    for file in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Attribute):
                names = [node.attr]
            if {"environ", "getenv", "putenv"} & set(names) and not _of_doctor(node):
                readers.add(file.name)
    assert readers == {"environ.py"}


def _of_doctor(node: ast.AST) -> bool:
    """Whether it is the field `environ` of what the doctor has gathered."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "env"


CHECKED = ("check", "--endpoint", "/v1/chat/completions", "--model", SNAPSHOT)
CODES: dict[str, dict[int, tuple[str, ...]]] = {
    "catalogue list": {0: ("catalogue", "list"), 2: ("catalogue", "list", "CATALOGUE=NONE")},
    "catalogue show": {0: ("catalogue", "show"), 2: ("catalogue", "show", "NONE")},
    "catalogue diff": {0: ("catalogue", "diff", "openai-2025-02"), 2: ("catalogue", "diff", "NONE")},
    "catalogue validate": {0: ("catalogue", "validate", "TABLE"), 1: ("catalogue", "validate", "NONE")},
    "catalogue import": {
        0: ("catalogue", "import", "PAGE"),
        1: ("catalogue", "import", "TABLE"),
        2: ("catalogue", "import", "NONE"),
    },
    "check": {
        0: (*CHECKED, "--require", "eu"),
        1: (*CHECKED, "--require", "eu", "--host", US),
        2: (*CHECKED, "--require", "atlantis"),
    },
    "check-batch": {
        0: ("check-batch", "BATCH", "--require", "eu"),
        1: ("check-batch", "BATCH", "--require", "eu", "--base-url", f"https://{US}/v1"),
        2: ("check-batch", "NONE", "--require", "eu"),
    },
    "explain": {0: ("explain", "host.bogus"), 2: ("explain", "NONE")},
    "policy check": {
        0: ("policy", "check"),
        1: ("policy", "check", "NONE"),
        2: ("policy", "check", "--none"),
    },
    "policy show": {
        0: ("policy", "show"),
        1: ("policy", "show", "POLICY=NONE"),
        2: ("policy", "show", "--none"),
    },
    "report": {0: ("report", "LEDGER"), 1: ("report", "BROKEN"), 2: ("report", "NONE")},
    "scan": {
        0: ("scan", "SOUND", "--require", "eu"),
        1: ("scan", "VIOLATING", "--require", "eu"),
        2: ("scan", "SOUND"),
    },
    "verify": {0: ("verify", "LEDGER"), 1: ("verify", "BROKEN"), 2: ("verify", "NONE")},
}
"""What ends with each code. Those of attest, doctor and run need more, and are in their own tests."""


@pytest.mark.parametrize("command", CODES)
def test_every_exit_code_of_the_help_is_true(
    command: str, ledger: Callable[..., str], tmp_path: Path
) -> None:
    """The help names the codes that there are, and no others."""
    line = {"method": "POST", "url": "/v1/chat/completions", "body": {"model": SNAPSHOT, "messages": []}}
    places = {
        "NONE": str(tmp_path / "none"),
        "LEDGER": ledger(name="sound.jsonl"),
        "BROKEN": ledger(facts(US), name="broken.jsonl"),
    }
    Path(places["BROKEN"]).write_bytes(Path(places["BROKEN"]).read_bytes().replace(b"claims", b"claimz", 1))
    for name, file, text in (
        ("BATCH", "batch.jsonl", json.dumps({"custom_id": "1", **line}) + "\n"),
        ("TABLE", "table.json", "{}"),
        ("PAGE", "page.md", as_markdown(load_catalogue().revisions[-1])),
        ("SOUND", "sound.py", f'OpenAI(base_url="https://{EU}/v1")\n'),
        ("VIOLATING", "violating.py", f'OpenAI(base_url="https://{US}/v1")\n'),
    ):
        places[name] = str(tmp_path / file)
        Path(places[name]).write_text(text, encoding="utf-8")
    for code, words in CODES[command].items():
        placeholders = dict(each.split("=") for each in words if "=" in each)
        variables = {f"OTEL_RESIDENCY_{name}": places[value] for name, value in placeholders.items()}
        done = start(*(places.get(each, each) for each in words if "=" not in each), **variables)
        assert done.returncode == code, (words, done.stderr)
    shown = start(*command.split(), "--help").stdout
    (exit_codes,) = re.findall(r"(?s)Exit\s+code:(.*?)\n\n", shown)
    assert {int(code) for code in re.findall(r"\b\d\b", exit_codes)} == CODES[command].keys()


def test_commands_that_share_a_line_are_few() -> None:
    """Whatever is added has its codes tested here, or by itself."""
    named = {words.split()[0] for words in CODES}
    assert set(COMMANDS) - named == {"attest", "doctor", "run"}

"""The command before the eyes of a person: in a terminal, in a pipe, and in the hands of a shell."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.ledgers import Ledger, facts, listing
from tests.cli.command import COMMAND, environment, start
from tests.cli.terminal import ESCAPE, start_in_terminal
from tests.internet import US

BASH = shutil.which("bash") or "bash"
COLOUR = re.compile(r"\x1b\[[\d;]*(?:3|4|9)\d(?:;[\d;]*)?m")
CODES = re.compile(r"\x1b(?:\[[\d;?]*[A-Za-z]|\][^\x07]*\x07)")
CHECK = ("check", "--endpoint", "/v1/chat/completions", "--model", "gpt-4o", "--require", "eu")


@pytest.fixture
def records(tmp_path: Path) -> str:
    """Ledgers of services with long names, and one of everything."""
    for number in range(4):
        made = Ledger(f"a-service-with-a-name-that-is-long-{number}")
        for second in range(60):
            made.call(facts(), second)
        made.call(facts(US))
        made.call(facts(US), 1, action="blocked")
        made.call(facts(model="gpt-4o")._replace(answer=None))
        made.call(listing())
        (tmp_path / f"{number}.jsonl").write_bytes(made.text)
    return str(tmp_path)


@pytest.mark.parametrize("command", ["report", "check", "verify", "explain"])
def test_a_terminal_has_colours_and_a_pipe_has_none(command: str, records: str) -> None:
    """The same words, coloured where somebody is looking, and by nothing where not."""
    arguments = {"check": CHECK, "explain": ("explain", "host.bogus")}.get(command, (command, records))
    terminal, piped = start_in_terminal(*arguments), start(*arguments)
    assert COLOUR.search(terminal.text)
    assert ESCAPE not in piped.stdout + piped.stderr
    assert _words(CODES.sub("", terminal.text)).endswith(_words(piped.stdout))
    assert terminal.code == piped.returncode


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_colours_can_be_declined(variables: dict[str, str], records: str) -> None:
    """NO_COLOR takes the colours away, TERM=dumb everything that a dumb terminal does not know."""
    for arguments in (("report", records), CHECK):
        terminal = start_in_terminal(*arguments, **variables)
        assert not COLOUR.search(terminal.text)
        if "TERM" in variables:
            assert ESCAPE not in terminal.text


@pytest.mark.parametrize(
    "arguments",
    [("report", "RECORDS"), ("verify", "RECORDS"), ("check-batch", "RECORDS/0.jsonl", "--require", "eu")],
)
def test_progress_is_shown_to_a_person_and_not_to_a_program(arguments: tuple[str, ...], records: str) -> None:
    """It goes to standard error, so that what is asked for as JSON stays JSON."""
    command = [each.replace("RECORDS", records) for each in arguments]
    json_too = ["--format", "json"] if command[0] == "report" else ["--json"]
    assert "━" in start_in_terminal(*command, *json_too, errors_only=True).text
    piped = start(*command, *json_too)
    assert piped.stderr == ""
    json.loads(piped.stdout)


@pytest.mark.parametrize("columns", [60, 40])
def test_a_narrow_terminal_loses_nothing(columns: int, records: str) -> None:
    """Every word and number is there, on lines that fit, and none is cut short."""
    wide = start("report", records).stdout
    narrow = start_in_terminal("report", records, columns=columns, NO_COLOR="1").text
    narrow = CODES.sub("", narrow[narrow.rindex("\x1b[2K") :])
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= columns
    assert sorted(re.sub(r"\s", "", wide)) == sorted(re.sub(r"\s", "", narrow))


@pytest.mark.parametrize(
    ("arguments", "begun"),
    [(("report", "RECORDS"), "reading"), (("verify", "RECORDS"), "Reading"), (("scan", "RECORDS"), "files")],
)
def test_ctrl_c_ends_it_in_silence(arguments: tuple[str, ...], begun: str, tmp_path: Path) -> None:
    """The exit code is that of a command that was interrupted, and there is no traceback."""
    made = Ledger()
    for second in range(200):
        made.call(facts(), second)
    (tmp_path / "ledger.jsonl").write_bytes(made.text * 200)
    for number in range(2000):
        (tmp_path / f"{number}.py").write_text("x = 1\n" * 100, encoding="utf-8")
    command = [each.replace("RECORDS", str(tmp_path)) for each in arguments]
    terminal = start_in_terminal(*command, interrupt_at=begun, OTEL_RESIDENCY_REQUIRE="eu")
    assert terminal.code == 130
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize(
    "arguments", [("catalogue", "show"), ("explain",), ("report", "RECORDS"), ("--help",)]
)
def test_a_closed_pipe_is_no_error(arguments: tuple[str, ...], records: str) -> None:
    """As with `| head -1` of any other command."""
    command = [*COMMAND, *(each.replace("RECORDS", records) for each in arguments)]
    done = subprocess.run(
        [BASH, "-c", '"$@" | head -1', "bash", *command],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, len(done.stdout.splitlines())) == ("", 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("catalogue", "show"), ("report", "RECORDS"), ("--help",)])
def test_a_full_disk_is_reported(arguments: tuple[str, ...], records: str) -> None:
    """What can't be written is one line and exit code 2."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*COMMAND, *(each.replace("RECORDS", records) for each in arguments)],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "otel-residency: standard output: No space left on device\n")


def test_foreign_names_send_the_terminal_no_codes(tmp_path: Path) -> None:
    """A service may be called what it likes: codes in it are neither obeyed nor taken for markup."""
    made = Ledger("evil\x1b[2J[/red]")
    made.call(facts(US, model="m\x1b[8m"))
    (tmp_path / "l.jsonl").write_bytes(made.text)
    for output in ([], ["--output", str(tmp_path / "r.html")]):
        done = start("report", str(tmp_path / "l.jsonl"), *output)
        assert (done.returncode, done.stderr) == (1, "")
        assert "evil?[2J[/red]" in done.stdout
        assert "\x1b" not in done.stdout


def test_a_report_does_not_overwrite_what_it_read(records: str) -> None:
    """A ledger that is named as the output by mistake is still there afterwards."""
    ledger = Path(records, "0.jsonl")
    before = ledger.read_bytes()
    done = start("report", records, "--output", str(ledger))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is an input of this report and would be overwritten" in done.stderr
    assert ledger.read_bytes() == before


def test_a_shell_gets_its_completion_script() -> None:
    """A shell takes the script as it is, and zsh gets one with what it asks for."""
    command = 'eval "$(otel-residency --show-completion)" && complete -p otel-residency'
    done = subprocess.run(
        [BASH, "-c", command], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout.split()[-1]) == ("", "otel-residency")
    script = start(_OTEL_RESIDENCY_COMPLETE="source_zsh").stdout
    assert script.lstrip().startswith("#compdef otel-residency")
    variables = {
        "_OTEL_RESIDENCY_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "otel-residency explain host.",
    }
    assert '"host.bogus"' in start(**variables).stdout


def test_completion_is_installed_for_bash(tmp_path: Path) -> None:
    """`--install-completion` writes into the home directory, and says that a new shell is needed."""
    done = subprocess.run(
        [BASH, "-c", "otel-residency --install-completion; true"],
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, "bash completion installed" in done.stdout) == ("", True)
    assert ".bash_completions/otel-residency.sh" in (tmp_path / ".bashrc").read_text(encoding="utf-8")


HEAVY = (
    "duckdb",
    "jinja2",
    "cryptography",
    "clickhouse_connect",
    "yaml",
    "openai",
    "httpx",
    "opentelemetry.sdk",
)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        CHECK,
        ("explain", "host.bogus"),
        ("catalogue", "list"),
        ("report", "--help"),
    ],
)
def test_a_small_command_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """What the help, a check or an explanation does not need is not imported for it."""
    code = f"""
import sys
from otel_residency.cli import main
try:
    main()
except SystemExit:
    sys.stderr.write(" ".join(sorted(set({HEAVY!r}) & sys.modules.keys())))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout
    assert done.stderr == ""


def _words(text: str) -> str:
    return " ".join(text.split())


WRONG: dict[str, Callable[[Path], bytes | None]] = {
    "missing": lambda _: None,
    "directory": lambda path: path.mkdir(),
    "loop": lambda path: path.symlink_to(path),
    "empty": lambda _: b"",
    "binary": lambda _: bytes(range(256)) * 20,
    "UTF-16": lambda _: 'require = ["eu"]'.encode("utf-16"),
    "deep.json": lambda _: b"[" * 100_000,
    "deep.yaml": lambda _: b"- " * 100_000,
    "deep.ipynb": lambda _: b"[" * 100_000,
    "deep.toml": lambda _: b"a = " + b"[" * 5_000,
    "list.json": lambda _: b"[1, 2]",
    "cut.gz": lambda _: b"\x1f\x8b\x08\x00abc",
    "x\n[red]\x1b[2J": lambda _: b"x",
    "a" * 300: lambda _: None,
}
READERS: tuple[tuple[str, ...], ...] = (
    ("report", "FILE"),
    ("report", "FILE", "--verify"),
    ("report", "LEDGER", "--catalogue", "FILE"),
    ("report", "LEDGER", "--what-if", "FILE"),
    ("verify", "FILE"),
    ("verify", "LEDGER", "--key", "FILE"),
    ("catalogue", "validate", "FILE"),
    ("check-batch", "FILE", "--require", "eu"),
    ("policy", "check", "FILE"),
    ("scan", "FILE", "--require", "eu"),
    ("explain", "FILE"),
    ("check", "--endpoint", "FILE", "--require", "eu"),
    ("check", "--endpoint", "/v1/responses", "--host", "FILE"),
    ("check", "--endpoint", "/v1/responses", "--date", "FILE"),
    ("report", "LEDGER", "--from", "FILE"),
)

ONE_AFTER_THE_OTHER = """
import contextlib, io, json, os, sys, traceback
from otel_residency.cli import main
commands, file = json.loads(sys.argv[1])
told = []
def run(command):
    out, err = io.StringIO(), io.StringIO()
    sys.argv[1:] = command
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            code = traceback.format_exc()
    told.append((command, code, out.getvalue(), err.getvalue()))
for command in commands:
    run(command)
for variable in ("OTEL_RESIDENCY_POLICY", "OTEL_RESIDENCY_CATALOGUE"):
    os.environ[variable] = file
    for command in ("policy show", "check --endpoint /v1/responses --require eu", "catalogue list"):
        run(command.split())
    del os.environ[variable]
sys.stderr.write(json.dumps(told))
"""
"""Commands in one process: starting each anew would take minutes."""


@pytest.mark.parametrize("wrong", WRONG)
def test_no_input_shows_a_traceback(wrong: str, tmp_path: Path, records: str) -> None:
    """Whatever a command is given in the place of a file: it ends with a documented code, and says why."""
    file = tmp_path / "given" / wrong
    file.parent.mkdir()
    content = WRONG[wrong](file)
    if content is not None:
        file.write_bytes(content)
    places = {"FILE": str(file), "LEDGER": f"{records}/0.jsonl"}
    commands = [[places.get(each, each) for each in reader] for reader in READERS]
    script = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps([commands, str(file)])],
        env=environment(PYTHONIOENCODING="utf-8"),
        capture_output=True,
        text=True,
        check=True,
    )
    results = json.loads(script.stderr)
    assert len(results) == len(READERS) + 6
    for command, code, out, err in results:
        assert code in (0, 1, 2), (command, err)
        assert "Traceback" not in out + err, command
        assert "\x1b" not in out + err, command
        if code == 2:
            assert (bool(err), out) == (True, ""), command

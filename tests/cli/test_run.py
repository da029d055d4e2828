"""`run`: a program starts guarded and otherwise untouched, or it does not start."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otel_residency.cli.run.program import is_python, unguardable
from tests.cli.command import COMMAND, environment, start
from tests.test_zero_code import CALL, EU, US

BLOCK = {"OTEL_RESIDENCY_REQUIRE": "eu", "OTEL_RESIDENCY_ON_CALL": "block"}
ECHO = "import json, sys; print(json.dumps([sys.argv, sys.stdin.read()])); sys.exit(7)"
GUARDED = "from otel_residency.calls.state import runtime; print(runtime.state is not None)"
REFUSED = 78
PLACE = Path(__file__).parents[2] / "src" / "otel_residency" / "cli" / "run" / "start"


def test_a_program_gets_its_arguments_and_input_and_its_exit_code_counts(tmp_path: Path) -> None:
    """Arguments, also those that look like ours, standard input and exit code pass unchanged."""
    script = tmp_path / "app.py"
    script.write_text(ECHO, encoding="utf-8")
    arguments = ["--help", "--", "-x", "--allow-disabled", ""]
    for before in ((), ("--",)):
        done = start("run", *before, "python", str(script), *arguments, given="in")
        assert json.loads(done.stdout) == [[str(script), *arguments], "in"]
        assert (done.returncode, done.stderr) == (7, "")


def test_modules_and_console_scripts_start(tmp_path: Path) -> None:
    """`python -m` and a script with the interpreter in its first line start guarded."""
    (tmp_path / "service.py").write_text(GUARDED, encoding="utf-8")
    script = tmp_path / "serve"
    script.write_text(f"#!{sys.executable}\n{GUARDED}\n", encoding="utf-8")
    script.chmod(0o755)
    for command in (("python", "-m", "service"), (str(script),)):
        done = start("run", *command, cwd=tmp_path)
        assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_the_program_stands_in_the_place_of_the_command() -> None:
    """The process is replaced, not watched: same process id, and a signal reaches the program itself."""
    code = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    command = [*COMMAND, "run", "python", "-c", code]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{process.pid}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize(
    "telemetry",
    [
        pytest.param({}, id="set-up"),
        pytest.param({"OTEL_TRACES_EXPORTER": "no-such"}, id="exporter-missing"),
    ],
)
def test_a_violating_call_is_refused(telemetry: dict[str, str]) -> None:
    """In block mode a call out of the region is not sent and another is, also where telemetry fails."""
    for host, outcome, sent in ((EU, "ok", [EU]), (US, "ResidencyViolationError", [])):
        done = start("run", "python", "-c", CALL, host, **BLOCK, **telemetry)
        message = json.loads(done.stdout.splitlines()[-1])
        assert (message["outcome"].partition(":")[0], message["sent"]) == (outcome, sent)


def test_processes_of_the_program_are_guarded_too() -> None:
    """A Python process that a program starts, also through a shell, is guarded likewise."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GUARDED!r}], check=True)"
    assert start("run", "python", "-c", child).stdout == "True\n"
    done = start("run", "sh", "-c", f'python -c "{GUARDED}"')
    assert done.stdout == "True\n"
    assert done.stderr.count("\n") == 1
    assert "sh is not a Python program" in done.stderr


def test_the_sitecustomize_of_the_program_still_runs(tmp_path: Path) -> None:
    """A `sitecustomize` further down the path runs after ours, under its name."""
    (tmp_path / "sitecustomize.py").write_text(f"{GUARDED}\nmine = 1\n", encoding="utf-8")
    code = "import sitecustomize; print(sitecustomize.mine)"
    done = start("run", "python", "-c", code, PYTHONPATH=str(tmp_path))
    assert (done.stdout, done.stderr) == ("True\n1\n", "")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({"OTEL_RESIDENCY_POLICY": "no.toml"}, "no.toml: can't be read", id="file"),
        pytest.param({"OTEL_RESIDENCY_REQUIRE": "uk"}, "did you mean 'gb'", id="region"),
        pytest.param({"OTEL_RESIDENCY_CATALOGUE": "openai-2026-13"}, "'openai-2026-13'", id="catalogue"),
        pytest.param({"OTEL_RESIDENCY_ENABLED": "false"}, "--allow-disabled", id="disabled"),
    ],
)
def test_a_wrong_setting_is_a_start_error(variables: dict[str, str], message: str) -> None:
    """With a setting that can't be read, or switched off, nothing runs: one line, exit code 78."""
    done = start("run", "python", "-c", "print(1)", **variables)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_switched_off_starts_when_allowed() -> None:
    """With `--allow-disabled` the program starts, unguarded."""
    done = start("run", "--allow-disabled", "python", "-c", GUARDED, OTEL_RESIDENCY_ENABLED="false")
    assert (done.stdout, done.returncode) == ("False\n", 0)


def test_a_release_that_cant_be_patched_ends_the_program(tmp_path: Path) -> None:
    """A client without the places to patch ends the program while it is imported, with exit code 78."""
    package = tmp_path / "openai"
    package.mkdir()
    (package / "__init__.py").write_text("class OpenAIError(Exception): pass\n", encoding="utf-8")
    (package / "_base_client.py").write_text("class BaseClient: pass\n", encoding="utf-8")
    (package / "_streaming.py").write_text("", encoding="utf-8")
    done = start("run", "python", "-c", "import openai; print(1)", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "BaseClient._build_request can't be patched" in done.stderr


def test_a_release_that_is_laid_out_otherwise_ends_the_program(tmp_path: Path) -> None:
    """So does a client without even the modules that are patched."""
    package = tmp_path / "openai"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    done = start("run", "python", "-c", "import openai; print(1)", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "openai can't be patched" in done.stderr


def test_a_release_out_of_range_is_refused_before_the_first_line(tmp_path: Path) -> None:
    """A client that the guard is not made for is refused by its version, without importing it."""
    metadata = tmp_path / "openai-1.2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: openai\nVersion: 1.2.0\n", encoding="utf-8"
    )
    done = start("run", "python", "-c", "print(1)", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "openai 1.2.0 is installed" in done.stderr


def test_an_interpreter_without_the_package_is_refused(tmp_path: Path) -> None:
    """Where our package can't be imported Python does not go on to the program."""
    package = tmp_path / "otel_residency"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    path = os.pathsep.join((str(PLACE), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", "print(1)"],
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "ImportError: not here" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("mode", ["redact", "withhold"])
def test_the_export_gate_must_stand_where_it_is_requested(mode: str) -> None:
    """With `on_export` redact or withhold the program starts with the gate in place."""
    code = "from otel_residency.cli.export_gate import gate_active; print(gate_active())"
    done = start("run", "python", "-c", code, OTEL_RESIDENCY_ON_EXPORT=mode, **BLOCK)
    assert done.stdout == "True\n"


def test_without_the_export_gate_nothing_is_redacted_and_nothing_starts() -> None:
    """Where the gate can't be put in its place, a program that asks for it does not start."""
    code = (
        "from otel_residency.runtime.runtime import runtime; runtime.patched.missing_exporters.add('on_end');"
        "from otel_residency.cli.run.guarded import guard_and_start; guard_and_start('')"
    )
    for mode, expected in (("redact", REFUSED), ("flag", 0)):
        variables = environment(OTEL_RESIDENCY_ON_EXPORT=mode, **BLOCK)
        done = subprocess.run(
            [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected
        assert ("the export gate is not active" in done.stderr) == bool(expected)


def test_a_command_that_is_not_there() -> None:
    """A command that isn't found ends as in a shell, with 127 and one line."""
    done = start("run", "no-such-command")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "otel-residency: no-such-command: command not found\n"


@pytest.mark.parametrize("option", ["-I", "-E", "-sS", "-BIc"])
def test_an_option_that_skips_the_guard_is_refused(option: str) -> None:
    """Python options by which it would ignore us are refused and named."""
    done = start("run", "python", option, "print(1)")
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr.count("\n") == 1


def test_the_upstream_launcher_is_not_started_by_ours() -> None:
    """`opentelemetry-instrument` would put our start aside, so `run` asks to leave it out."""
    done = start("run", "opentelemetry-instrument", "python", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("head", "python", "option"),
    [
        pytest.param("#!/usr/bin/python3\n", True, None, id="python"),
        pytest.param("#!/usr/bin/python3 -Es\n", True, "-E", id="python-with-option"),
        pytest.param("#!/usr/bin/env -S python3.12 -I\n", True, "-I", id="env"),
        pytest.param(
            "#!/bin/sh\n'''exec' \"/a b/bin/python\" \"$0\" \"$@\"\n' '''\n", True, None, id="long-path"
        ),
        pytest.param("#!/bin/sh\nexec node app.js\n", False, None, id="shell"),
        pytest.param("\x7fELF", False, None, id="binary"),
    ],
)
def test_a_program_is_recognised_by_its_first_bytes(
    tmp_path: Path, head: str, *, python: bool, option: str | None
) -> None:
    """Scripts of Python are told from others by their interpreter; its options count, not the script's."""
    program = tmp_path / "program"
    program.write_text(head, encoding="utf-8")
    assert (is_python(program), unguardable(program, ["-I"])) == (python, option)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        pytest.param(["app.py", "-I"], None, id="of-the-program"),
        pytest.param(["-m", "app", "-E"], None, id="of-the-module"),
        pytest.param(["-c", "pass", "-S"], None, id="of-the-code"),
        pytest.param(["-W", "-I", "app.py"], None, id="value"),
        pytest.param(["-Wignore", "-E", "app.py"], "-E", id="value-attached"),
        pytest.param(["-X", "utf8", "-uS", "app.py"], "-S", id="after-value"),
        pytest.param(["--check-hash-based-pycs", "never", "-I"], "-I", id="long"),
    ],
)
def test_only_options_of_the_interpreter_count(arguments: list[str], option: str | None) -> None:
    """An option that belongs to the program, or is another's value, does not keep it from starting."""
    assert unguardable(Path("/usr/bin/python3.11"), arguments) == option

"""The command line as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

import otel_residency.cli
from tests.cli.command import environment, start

ROOM = Path(otel_residency.cli.__file__).parent


def test_each_subcommand_has_help() -> None:
    """The command lists its subcommands, and each explains itself."""
    listed = start("--help").stdout
    for name in ("doctor", "check-batch", "run"):
        assert name in listed
        done = start(name, "--help")
        assert (done.returncode, done.stderr) == (0, "")


def test_the_distribution_brings_the_command() -> None:
    """`otel-residency` stands beside the interpreter and is what `python -m otel_residency.cli` is."""
    script = Path(sys.executable).with_name("otel-residency")
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True, check=False)
    assert done.stdout == start("--help").stdout


def test_a_wrong_option_is_a_usage_error() -> None:
    """An option that does not exist ends with 2, also before a program's name."""
    assert start("doctor", "--no-such").returncode == 2
    assert start("run", "--no-such", "python").returncode == 2


def test_without_the_extra_the_command_says_what_to_install() -> None:
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
    others = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx,httpx2"}  # httpx has a command line of its own
    assert start("run", "python", "-c", code, **others).stdout == "[]\n"


def test_one_module_of_the_room_touches_the_environment() -> None:
    """Only `surroundings.py` takes the environment from `os`; the settings are read by `read_settings`."""
    readers = set()
    for file in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Attribute):
                names = [node.attr]
            if {"environ", "getenv", "putenv"} & set(names) and not _of_seen(node):
                readers.add(file.name)
    assert readers == {"surroundings.py"}


def _of_seen(node: ast.AST) -> bool:
    """Whether it is the field `environ` of what the doctor has gathered."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "seen"

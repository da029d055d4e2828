"""Whether a command is a Python program, found without starting it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from otel_residency.runtime.regular_file import open_regular

_PYTHON = re.compile(r"(python|pypy)[\d.]*t?(\.exe)?")
_UNGUARDABLE = frozenset("EIS")
"""Options by which Python ignores PYTHONPATH or does not look for `sitecustomize`."""
_WITH_VALUE = frozenset("WX")
_LONG_WITH_VALUE = "--check-hash-based-pycs"
_LAST = frozenset("cm")
"""Options after which everything belongs to the program."""
_HEAD = 1024
"""Bytes of a file that are read; the path of the interpreter is in its first line."""


def unguardable(program: Path, arguments: Sequence[str]) -> str | None:
    """The option by which this Python program would start without the guard."""
    options = arguments if _is_interpreter(program.name) else _options_of_script(program)
    return next(_unguardable_options(options), None)


def is_python(program: Path) -> bool:
    """Whether it is an interpreter, or a script whose first lines name one."""
    return _is_interpreter(program.name) or any(map(_is_interpreter, _shebang(program)))


def _unguardable_options(arguments: Sequence[str]) -> Iterator[str]:
    """The options of the interpreter that disable `sitecustomize`, before the arguments of the program."""
    skip = False
    for argument in arguments:
        if skip:
            skip = False
            continue
        if argument in ("-", "--") or not argument.startswith("-"):
            return
        if argument.startswith("--"):
            skip = argument == _LONG_WITH_VALUE
            continue
        for at, letter in enumerate(argument[1:], start=1):
            if letter in _UNGUARDABLE:
                yield f"-{letter}"
            if letter in _LAST:
                return
            if letter in _WITH_VALUE:
                skip = at == len(argument) - 1
                break


def _options_of_script(program: Path) -> list[str]:
    parts = _shebang(program)
    at = next((number for number, part in enumerate(parts) if _is_interpreter(part)), None)
    return [] if at is None else [part for part in parts[at + 1 :] if part.startswith("-")]


def _shebang(program: Path) -> list[str]:
    """The words after `#!`; if that is a shell, those that it executes in the second line."""
    try:
        with open_regular(program) as file:
            head = file.read(_HEAD)
    except OSError:
        return []
    if not head.startswith(b"#!"):
        return []
    first, *rest = head[2:].decode("utf-8", "replace").splitlines() or [""]
    if rest and rest[0].startswith("'''exec'"):
        first = rest[0].partition('"$0"')[0]
    return [part.strip("\"'") for part in first.split()]


def _is_interpreter(path: str) -> bool:
    return bool(_PYTHON.fullmatch(Path(path).name))

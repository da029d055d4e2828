"""Reads the code of notebooks; nothing is run, and outputs are skipped."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from otel_residency.cli.scan import read_python
from otel_residency.cli.scan.literals import ApiCall, Found, Position, UnreadableError
from otel_residency.cli.scan.read_yaml import documents

_NOT_PYTHON = re.compile(r"^(\s*)[%!?].*")


def read(content: bytes) -> Iterator[Found]:
    """The literals of its cells, read as one program, at the lines of the file.

    Raises:
        UnreadableError: it is not a notebook, or its code is not Python.
    """
    try:
        (root,) = documents(content)
        lines = [line for cell in _get(root, "cells").value for line in _code(cell)]
    except (ValueError, AttributeError, TypeError):
        raise UnreadableError("is not a notebook") from None
    numbers = [number for number, _ in lines]
    code = "\n".join(_NOT_PYTHON.sub(r"\1pass", line) for _, line in lines)

    def moved(place: Position) -> Position:
        return Position(numbers[place.line - 1])

    for each in read_python.read(code.encode()):
        if isinstance(each, ApiCall):
            places = {name: moved(place) for name, place in each.places.items()}
            yield each._replace(place=moved(each.place), places=places)
        else:
            yield each._replace(place=moved(each.place))


def _code(cell: yaml.Node) -> Iterator[tuple[int, str]]:
    """The lines of a cell of Python, each with its number in the file."""
    source = _get(cell, "source")
    nodes = source.value if isinstance(source, yaml.SequenceNode) else [source]
    text = "".join(node.value for node in nodes)
    if _get(cell, "cell_type").value == "code" and not text.startswith("%%"):
        for node in nodes:
            yield from ((node.start_mark.line + 1, line) for line in node.value.splitlines())


def _get(node: Any, name: str) -> yaml.Node:
    found: yaml.Node = next(
        (value for key, value in node.value if key.value == name), yaml.ScalarNode("", "")
    )
    return found

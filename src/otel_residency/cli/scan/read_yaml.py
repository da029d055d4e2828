"""Reads YAML and JSON files, with the forms in which docker compose and Kubernetes set variables."""

import re
from collections.abc import Iterator

import yaml

from otel_residency.cli.scan.literals import Found, Literal, Position, UnreadableError
from otel_residency.cli.scan.text import in_text

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 500
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(\S*)")
_PROSE = frozenset({"description", "summary", "title"})
_TEMPLATE = re.compile(rb"\{\{[^{}\n]*\}\}")
_IN_QUOTES = re.compile(rb'"([^"]*)"')


def read(content: bytes) -> Iterator[Found]:
    """Each text with its key; tags construct nothing.

    Raises:
        UnreadableError: it is not YAML, nor a template of it.
    """
    try:
        found = documents(content)
    except UnreadableError:
        found = documents(_without_templates(content))
    waiting = [("", node) for node in found]
    visited = set()
    while waiting:
        key, node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            yield from _literals(key, node)
        elif id(node) in visited:
            continue
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(key, each) for each in node.value]
        else:
            fields = {name.value: each for name, each in node.value if isinstance(name, yaml.ScalarNode)}
            named = fields.get("name")
            if isinstance(named, yaml.ScalarNode) and "value" in fields:
                fields[named.value] = fields.pop("value")
            waiting += fields.items()
        visited.add(id(node))


def documents(content: bytes) -> list[yaml.Node]:
    """The documents of a file, YAML or JSON.

    Raises:
        UnreadableError: it is neither, or nested too deeply.
    """
    try:
        depth = 0
        for event in yaml.parse(content, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # compose_all recurses at each level, and a stack overflow ends the process
                raise UnreadableError("is nested too deeply")
        return [node for node in yaml.compose_all(content, Loader=_LOADER) if node is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UnreadableError("is not YAML") from None


def _without_templates(content: bytes) -> bytes:
    """A Helm template with the default of each value instead of the value, without its control lines."""

    def value(found: re.Match[bytes]) -> bytes:
        quoted = _IN_QUOTES.findall(found[0])
        return quoted[-1] if quoted else b"template"

    lines = content.splitlines()
    return b"\n".join(
        b""
        if line.lstrip().startswith(b"{{") and line.rstrip().endswith(b"}}")
        else _TEMPLATE.sub(value, line)
        for line in lines
    )


def _literals(key: str, node: yaml.ScalarNode) -> Iterator[Literal]:
    """A text, a `NAME=value`, or the literals of a script or settings file that stands in a text."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    text = node.value
    if variable := _VARIABLE.fullmatch(text):
        yield Literal(place=Position(line, column), key=variable[1], value=variable[2])
    elif "\n" in text or ("://" in text and not text.startswith(("http", "ws"))):
        is_block = node.style in ("|", ">")
        if key not in _PROSE:
            yield from in_text(text, line + is_block)
    else:
        yield Literal(place=Position(line, column), key=key, value=text)

"""What a YAML file says; docker compose and Kubernetes write variables in ways of their own."""

import re
from collections.abc import Iterator

import yaml

from otel_residency.cli.scan.said import Found, Place, Said, UnreadableError
from otel_residency.cli.scan.text import in_text

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 500
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(\S*)")
_PROSE = frozenset({"description", "summary", "title"})
_TEMPLATE = re.compile(rb"\{\{[^{}\n]*\}\}")
_IN_QUOTES = re.compile(rb'"([^"]*)"')


def read(content: bytes) -> Iterator[Found]:
    """Each text with its key; nothing is constructed, whatever its tags say.

    Raises:
        UnreadableError: it is not YAML, nor a template of it.
    """
    try:
        found = documents(content)
    except UnreadableError:
        found = documents(_without_templates(content))
    waiting = [("", node) for node in found]
    seen = set()
    while waiting:
        key, node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            yield from _said(key, node)
        elif id(node) in seen:
            continue
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(key, each) for each in node.value]
        else:
            fields = {name.value: each for name, each in node.value if isinstance(name, yaml.ScalarNode)}
            named = fields.get("name")
            if isinstance(named, yaml.ScalarNode) and "value" in fields:
                fields[named.value] = fields.pop("value")
            waiting += fields.items()
        seen.add(id(node))


def documents(content: bytes) -> list[yaml.Node]:
    """The documents of a file, YAML or JSON.

    Raises:
        UnreadableError: it is neither, or more deeply nested than anybody writes.
    """
    try:
        depth = 0
        for event in yaml.parse(content, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # what composes goes one call deeper for each, and then down with all of us
                raise UnreadableError("is nested too deeply")
        return [node for node in yaml.compose_all(content, Loader=_LOADER) if node is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UnreadableError("is not YAML") from None


def _without_templates(content: bytes) -> bytes:
    """A template of Helm with the default in the place of each value, and without its control lines."""

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


def _said(key: str, node: yaml.ScalarNode) -> Iterator[Said]:
    """A text; also one like `NAME=value`, and a script or a file of settings with what it says."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    text = node.value
    if variable := _VARIABLE.fullmatch(text):
        yield Said(Place(line, column), variable[1], variable[2])
    elif "\n" in text or ("://" in text and not text.startswith(("http", "ws"))):
        is_block = node.style in ("|", ">")
        if key not in _PROSE:
            yield from in_text(text, line + is_block)
    else:
        yield Said(Place(line, column), key, text)

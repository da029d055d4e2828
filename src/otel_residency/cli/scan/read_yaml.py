"""What a YAML file says; docker compose and Kubernetes write variables in ways of their own."""

import re
from collections.abc import Iterator

import yaml

from otel_residency.cli.scan.said import Found, Place, Said, UnreadableError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def read(content: bytes) -> Iterator[Found]:
    """Each text with its key; nothing is constructed, whatever its tags say.

    Raises:
        UnreadableError: it is not YAML, as a template is not.
    """
    try:
        waiting = [("", node) for node in yaml.compose_all(content, Loader=_LOADER) if node is not None]
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UnreadableError("is not YAML") from None
    seen = set()
    while waiting:
        key, node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            yield _said(key, node)
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


def _said(key: str, node: yaml.ScalarNode) -> Said:
    """A text; in a list, also one like `NAME=value`."""
    place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
    variable = _VARIABLE.fullmatch(node.value)
    return Said(place, variable[1], variable[2]) if variable else Said(place, key, node.value)

"""The attributes and events in which instrumentations put prompts and outputs, from `content.json`."""

import json
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from otel_residency.core.cut import TEXT_LIMIT
from otel_residency.core.interruption import reraise_interruption

Kind = Literal["content", "kept", "urls"]
_KINDS: tuple[Kind, ...] = ("content", "kept", "urls")
_CACHED = 4096
"""Keys whose kind is cached; some end in a number, so there is no end of them."""


class Content:
    """Knows which attributes are content, and which of a model call's are certainly free of it.

    Names count in any letter case: back ends read them so, and somebody writes them so.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Prepare the look-ups in the data of the file."""
        self._events = frozenset(entry["event"].lower() for entry in data["content_events"])
        self._markers = tuple(prefix.lower() for prefix in data["model_call_prefixes"])
        self._loggers = tuple(f"{entry['logger']}.".lower() for entry in data["content_loggers"])
        self._early = tuple((entry["key"], entry["value"]) for entry in data["early_spans"])
        self._exact: dict[str, Kind] = {}
        families: dict[str, Kind] = {}
        for kind in _KINDS:
            for entry in data[kind]:
                key: str = entry["key"].lower()
                if key.endswith("*"):
                    families[key[:-1]] = kind
                else:
                    self._exact[key] = kind
        # The longest first: `gen_ai.prompt.name` is kept although `gen_ai.prompt.*` is content.
        self._families = sorted(families.items(), key=lambda family: -len(family[0]))
        # On the bound method, see `Guard`: the shipped description is one object for the life of the process.
        self.kind = lru_cache(_CACHED)(self._kind)
        self._marks = lru_cache(_CACHED)(lambda key: key.lower().startswith(self._markers))

    def _kind(self, key: str) -> Kind | None:
        """The kind of a key: an exact entry wins over a family, a longer family over a shorter one."""
        key = key.lower()
        exact = self._exact.get(key)
        if exact is not None:
            return exact
        return next((kind for family, kind in self._families if key.startswith(family)), None)

    def of_model_call(self, keys: Iterable[str]) -> bool:
        """Whether a span with these attributes describes a model call."""
        return any(map(self._marks, keys))

    def is_event(self, name: object) -> bool:
        """Whether the whole payload of span events and log events with this name is content."""
        return isinstance(name, str) and name.lower() in self._events

    def is_early(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a span ended before the operation that it describes."""
        return any(attributes.get(key) == value for key, value in self._early)

    def of_logger(self, name: str) -> bool:
        """Whether a logger, or one of its parents, writes content."""
        # With the dot: "openai" is the parent of "openai.agents", and not of "openai_helper".
        return f"{name}.".lower().startswith(self._loggers)

    def in_any(self, keys: Iterable[str]) -> bool:
        """Whether one of the keys holds content."""
        return any(self.kind(key[:TEXT_LIMIT]) == "content" for key in keys)

    def without(self, attributes: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
        """`attributes` without content; with `strict` only what is known to be free of it stays.

        Single numbers and booleans stay; a list of numbers may be the embedding of a text.
        """
        kept = {}
        for key, value in attributes.items():
            kind = self.kind(key[:TEXT_LIMIT])  # by how a key begins, and none of the listed is as long
            # A value that is no text can't be cut, so nothing of it stays.
            if kind == "urls":
                kept[key] = bare_url(value) if isinstance(value, str) else ""
            elif kind == "kept" or (kind is None and (not strict or isinstance(value, bool | int | float))):
                kept[key] = value
        return kept


def bare_url(url: str) -> str:
    """`url` without user information, query and fragment."""
    try:
        parts = urlsplit(url)
        # `netloc` after the last "@": a password may hold one.
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        reraise_interruption()
        return ""


@cache
def load_content() -> Content:
    """The shipped description."""
    text = (files("otel_residency.export_gate") / "content.json").read_text(encoding="utf-8")
    return Content(json.loads(text))

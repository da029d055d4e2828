"""Where content stood in what a package exported, and when it left."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from markers import CONTENT

Json: TypeAlias = Mapping[str, Any]

APPLICATION = "application"
"""Scope of the spans that the application has around each call."""
NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")
"""A position in a list, as instrumentations write it into a key."""
LONG_ID = re.compile(r"(?<=/)[\w-]{20,}$")


class Place(NamedTuple):
    """Where a text stood."""

    item: str
    """The kind of span, the log event or logger, the metric, the way of an upload."""
    part: str
    """`attribute`, `attribute key`, `status`, `body` … of it."""
    name: str = ""
    """The attribute, with N for a position in a list."""
    path: str = ""
    """Where in a structured value."""


def places(document: Json) -> dict[Place, list[str]]:
    """Every place in which markers of content stood, with their names."""
    found: dict[Place, set[str]] = defaultdict(set)
    for place, text in texts(document):
        found[place] |= markers_in(text)
    return {place: sorted(found[place]) for place in sorted(found) if found[place]}


def markers_in(text: str) -> set[str]:
    """The names of the markers of content in a text."""
    return {name for name, marker in CONTENT.items() if marker in text}


def texts(document: Json) -> Iterator[tuple[Place, str]]:
    """Everything that was exported, and where it stood."""
    for span in document["spans"]:
        yield from of_span(span)
    for log in document["logs"]:
        yield from of_log(log)
    for point in document["metrics"]:
        item = f"metric {point['name']}"
        yield from of_item(item, point)
        for exemplar in point["exemplars"]:
            yield from of_attributes(item, "exemplar", exemplar)
    for upload in document["uploads"]:
        yield Place("upload", f"{upload['method']} {LONG_ID.sub('…', upload['path'])}"), upload["body"]


def of_span(span: Json) -> Iterator[tuple[Place, str]]:
    """What stands on a span."""
    item = kind(span)
    yield Place(item, "name"), span["name"]
    yield Place(item, "trace state"), span["trace_state"]
    yield Place(item, "status"), span["status"]["description"] or ""
    yield from of_item(item, span)
    for event in span["events"]:
        yield Place(item, "event name"), event["name"]
        yield from of_attributes(item, f"event {event['name']}", event["attributes"])
    for link in span["links"]:
        yield from of_attributes(item, "link", link["attributes"])


def of_log(log: Json) -> Iterator[tuple[Place, str]]:
    """What stands in a log record."""
    item = log_kind(log)
    yield from of_item(item, log)
    for path, text in text_leaves("", log["body"]):
        yield Place(item, "body", path=path), text


def kind(span: Json) -> str:
    """What kind of span it is, as far as it matters here. Nobody but the application writes its spans."""
    if span["attributes"].get("logfire.span_type") == "pending_span":
        return "pending span"
    if span["scope"]["name"] == APPLICATION:
        return "span of the application"
    return "span of httpx" if "httpx" in span["scope"]["name"] else "span"


def log_kind(log: Json) -> str:
    """The name of a log event, or else of the logger."""
    return f"log {log['name']}" if log["name"] else f"log of {log['scope']['name']}"


def of_item(item: str, exported: Json) -> Iterator[tuple[Place, str]]:
    """What spans, log records and metric points have in common."""
    yield from of_attributes(item, "attribute", exported["attributes"])
    yield from of_attributes(item, "resource", exported["resource"])
    yield from of_attributes(item, "scope", exported["scope"]["attributes"])


def of_attributes(item: str, part: str, attributes: Json | None) -> Iterator[tuple[Place, str]]:
    """Keys and values."""
    for key, value in (attributes or {}).items():
        yield Place(item, f"{part} key"), key
        for path, text in text_leaves("", value):
            yield Place(item, part, NUMBER.sub("N", key), path), text


def text_leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """The texts in a structured value, each with its path."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from text_leaves(f"{path}.{key}", each)
    elif isinstance(value, list):
        for each in value:
            yield from text_leaves(f"{path}[]", each)
    else:
        yield path, str(value)


def items_with_content(document: Json, *, sent: bool) -> list[str]:
    """What carried content before its call's request had left, or else after. Not the application's spans."""
    spans = {
        kind(span)
        for span in document["spans"]
        if span["scope"]["name"] != APPLICATION and span["sent"] is sent and holds_content(of_span(span))
    }
    logs = {log_kind(log) for log in document["logs"] if log["sent"] is sent and holds_content(of_log(log))}
    return sorted(spans | logs)


def holds_content(found: Iterator[tuple[Place, str]]) -> bool:
    """Whether a marker of content stands in any of these texts."""
    return any(markers_in(text) for _, text in found)


def current(document: Json) -> dict[str, list[str]]:
    """The scopes of the spans that were current as requests left, each with the calls."""
    scopes = {span["span"]: span["scope"]["name"] for span in document["spans"]}
    found: dict[str, set[str]] = defaultdict(set)
    for request in document["requests"]:
        found[scopes.get(request["parent"], "none that was exported")].add(request["call"])
    return {scope: sorted(found[scope]) for scope in sorted(found)}


def log_contexts(document: Json) -> dict[str, list[str]]:
    """The scopes of the spans in whose context log records with content were written."""
    scopes = {span["span"]: span["scope"]["name"] for span in document["spans"]}
    found: dict[str, set[str]] = defaultdict(set)
    for log in document["logs"]:
        if holds_content(of_log(log)):
            found[log_kind(log)].add(scopes.get(log["span"], "none that was exported"))
    return {item: sorted(found[item]) for item in sorted(found)}


def unrelated_spans(document: Json) -> dict[str, list[str]]:
    """Spans with content that were not current as the request left, nor above it: by name, with the calls."""
    parents = {span["span"]: span["parent"] for span in document["spans"]}
    ancestors: set[str | None] = set()
    for request in document["requests"]:
        span = request["parent"]
        while span is not None:
            ancestors.add(span)
            span = parents.get(span)
    found: dict[str, set[str]] = defaultdict(set)
    for span in document["spans"]:
        if span["span"] not in ancestors and holds_content(of_span(span)):
            found[f"{kind(span)} {span['name']}"].add(span["call"])
    return {name: sorted(found[name]) for name in sorted(found)}

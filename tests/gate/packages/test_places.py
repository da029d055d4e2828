"""The description of content covers every place in which the real packages were seen to put it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CONTENT = json.loads(
    (HERE.parents[2] / "src/otel_residency/export_gate/content.json").read_text(encoding="utf-8")
)
RECORDED = json.loads((HERE / "places.json").read_text(encoding="utf-8"))["recorded"]
LISTS = {
    "content": "key",
    "content_events": "event",
    "content_loggers": "logger",
    "kept": "key",
    "urls": "key",
}


def kind(key: str) -> str | None:
    """What the description says of a key: an exact entry goes before a family, a longer before a shorter."""
    listed = {entry["key"]: name for name in ("content", "kept", "urls") for entry in CONTENT[name]}
    families = [each for each in listed if each.endswith("*") and key.startswith(each[:-1])]
    return listed.get(key) or (listed[max(families, key=len)] if families else None)


def places(*parts: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """The recorded places in these parts of items, each with its package; without any part, in all others."""
    prefixes = ("attribute", "body", "event ", "status")
    for each in RECORDED:
        for place in each["places"]:
            if place["part"].startswith(parts) if parts else not place["part"].startswith(prefixes):
                yield each["package"], place


def test_every_attribute_with_content_is_listed() -> None:
    """Of spans, of their events and of log records."""
    assert {
        place["name"] for _, place in places("attribute", "event ") if kind(place["name"]) != "content"
    } == set()


def test_every_body_with_content_is_listed() -> None:
    """By the name of the log event, or by the logger or one above it."""
    events = {f"log {entry['event']}" for entry in CONTENT["content_events"]}
    loggers = tuple(f"log of {entry['logger']}." for entry in CONTENT["content_loggers"])
    unknown = {place["item"] for _, place in places("body")} - events
    assert {item for item in unknown if not f"{item}.".startswith(loggers)} == set()


def test_content_stands_nowhere_else() -> None:
    """Names, keys, links, resources, scopes and metrics never held any. Two packages upload it besides."""
    assert {(package, place["item"]) for package, place in places()} == {
        ("genai_openai", "upload"),
        ("langfuse", "upload"),
    }


def test_the_description_is_in_order() -> None:
    """Sorted, said once, and each entry with sources that are described."""
    for name, field in LISTS.items():
        listed = [entry[field] for entry in CONTENT[name]]
        assert listed == sorted(set(listed))
        assert {source for entry in CONTENT[name] for source in entry["by"]} <= CONTENT["sources"].keys()
        assert all(entry["by"] for entry in CONTENT[name])
    assert CONTENT["model_call_prefixes"] == sorted(set(CONTENT["model_call_prefixes"]))
    keys = [entry["key"] for name in ("content", "kept", "urls") for entry in CONTENT[name]]
    assert len(keys) == len(set(keys))


def test_every_package_was_recorded() -> None:
    """Each driver has an environment and recorded places."""
    drivers = {file.stem.removeprefix("drive_") for file in HERE.glob("drive_*.py")}
    assert drivers == {file.stem for file in (HERE / "requirements").glob("*.txt")}
    assert drivers == {each["package"] for each in RECORDED}

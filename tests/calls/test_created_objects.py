"""The memory of stored things: bounded, and asked of the store only where it does not know itself."""

from pathlib import Path

import pytest

from otel_residency.calls import created_objects as memory
from otel_residency.calls.created_objects import CreatedObjects
from otel_residency.calls.created_store import CreatedStore
from otel_residency.core.regions import UNKNOWN
from tests.calls.test_created_store import Failures


def test_the_longest_unused_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds so many things and no more; what is asked for stays."""
    monkeypatch.setattr(memory, "LIMIT", 2)
    objects = CreatedObjects()
    objects.remember("a", "eu")
    objects.remember("b", "us")
    assert objects.region_of("a") == "eu"
    objects.remember("c", "gb")
    assert [objects.region_of(name) for name in "abc"] == ["eu", None, "gb"]


def test_two_things_of_one_id_are_not_distinguished() -> None:
    """What was created under the same id in two regions may be in either, whatever comes after."""
    objects = CreatedObjects()
    objects.remember("a", "us")
    for region in ("eu", "us", "us"):
        objects.remember("a", region)
        assert objects.region_of("a") == UNKNOWN


def test_any_text_may_be_an_id() -> None:
    """Half of a surrogate pair is no reason to fail."""
    objects = CreatedObjects()
    objects.remember("\ud800", "eu")
    assert objects.region_of("\ud800") == "eu"


def test_what_was_forgotten_is_still_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store knows more than the memory, and what it says is kept at hand."""
    monkeypatch.setattr(memory, "LIMIT", 1)
    file = tmp_path / "state.sqlite"
    store = CreatedStore(str(file), Failures())
    objects = CreatedObjects(store)
    objects.remember("a", "eu")
    objects.remember("b", "us")
    store.flush()
    assert objects.region_of("a") == "eu"
    file.unlink()
    assert [objects.region_of(name) for name in "ab"] == ["eu", None]


def test_only_news_is_written(tmp_path: Path) -> None:
    """A thing that is known is not written again."""
    file = tmp_path / "state.sqlite"
    store = CreatedStore(str(file), Failures())
    objects = CreatedObjects(store)
    objects.remember("a", "eu")
    store.flush()
    file.unlink()
    objects.remember("a", "eu")
    store.flush()
    assert not file.exists()

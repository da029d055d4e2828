"""A patch is put in place when its module is imported, and an import succeeds whatever becomes of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_residency.patches.patching import when_imported

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that was not imported yet."""
    (tmp_path / "patched_here.py").write_text("value = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "patched_here", raising=False)
    return "patched_here"


def test_it_is_patched_at_its_import_or_at_once(module: str) -> None:
    """Whichever comes first."""
    modules: list[ModuleType] = []
    when_imported(module, modules.append, set().add)
    assert modules == []
    imported = __import__(module)
    assert modules == [imported]
    when_imported(module, modules.append, set().add)
    assert modules == [imported, imported]


def test_a_patch_that_fails_is_reported_and_the_import_goes_on(
    module: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that moved what is patched does not break the application, and `doctor` finds it."""
    missing: set[str] = set()
    when_imported(module, lambda imported: imported.no_such_thing, missing.add)
    assert __import__(module).value == 1
    assert missing == {module}
    assert f"otel-residency can't patch {module}" in caplog.text

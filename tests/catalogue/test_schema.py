"""The schema that editors check catalogue files by."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from otel_residency.catalogue import load_catalogue
from otel_residency.errors import CatalogueError
from tests.catalogue.test_load import MISTAKES, REVISION, USER_CATALOGUE
from tools.catalogue_schema import FILE, text

SCHEMA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
DATA = Path(str(files("otel_residency.catalogue"))) / "data"
SHIPPED = sorted(DATA.rglob("*.json"))
BEYOND = (
    *("occurs twice", "is not in [sources]", "name at least one source", "write it in lower case"),
    *("is not a network", "is not one letter", "region '", "is not the id of", "release reads"),
)
"""What the loader sees and a schema can't: names that must lead somewhere, or stand there once."""


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_the_schema_is_up_to_date() -> None:
    """The file is what the classes say: `python -m tools.catalogue_schema` writes it."""
    assert text() == FILE.read_text(encoding="utf-8")


def test_the_schema_is_one() -> None:
    """It is valid by its own rules."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_files_are_valid_and_name_the_schema(path: Path) -> None:
    """Each file is valid, and an editor finds the schema by the relative path that it names."""
    content = _content(path)
    VALIDATOR.validate(content)
    assert (path.parent / content["$schema"]).resolve() == FILE.resolve()


@pytest.mark.parametrize("content", [USER_CATALOGUE, {"mode": "replace", **USER_CATALOGUE}, REVISION, {}])
def test_a_user_s_file_is_valid(content: dict[str, Any]) -> None:
    """All sections are optional, and a file may say how it is to be used."""
    VALIDATOR.validate(content)


def _broken(content: Any) -> Iterator[Any]:
    """Copies of `content` with one key misspelt, one value of another type, or one required key left out."""
    if isinstance(content, list):
        for number, each in enumerate(content[:3]):
            yield from ([*content[:number], broken, *content[number + 1 :]] for broken in _broken(each))
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from ({**content, key: broken} for broken in _broken(value))
    else:
        yield {"not": "a scalar"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_broken_copy_is_not_valid(path: Path) -> None:
    """A value of another type is noticed wherever it stands, and so are keys too many."""
    content = {key: value for key, value in _content(path).items() if not key.startswith("$")}
    assert not VALIDATOR.is_valid({**content, "regoins": []})
    for number, broken in enumerate(_broken(content)):
        if number < 40:
            assert not VALIDATOR.is_valid(broken), broken


@pytest.mark.parametrize("key", ["id", "source", "completeness", "translated"])
def test_a_revision_without_a_key_is_not_valid(key: str) -> None:
    """A revision file is checked as one: what it must say is required."""
    with pytest.raises(ValidationError, match=f"'{key}' is a required property"):
        VALIDATOR.validate({name: value for name, value in REVISION.items() if name != key})


@pytest.mark.parametrize("mistake", MISTAKES)
def test_schema_and_loader_agree_about_mistakes(tmp_path: Path, mistake: str) -> None:
    """What the loader refuses, the schema refuses too, but for what only the loader can know."""
    content, _ = MISTAKES[mistake]
    if not isinstance(content, dict):
        return
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(str(path))
    beyond = any(words in str(caught.value) for words in BEYOND)
    assert VALIDATOR.is_valid(content) == beyond

"""The reader of requests finds stored things wherever the catalogue says that one may stand."""

from types import SimpleNamespace
from typing import Any

import pytest

from otel_residency.calls.body import BodyReader
from otel_residency.catalogue import load_catalogue

ENTRIES = load_catalogue().entries
READER = BodyReader(ENTRIES)
PLACES = [(kind.kind, at) for kind in ENTRIES.stored_kinds for at in kind.at]
TYPED = [
    (kind.kind, part, at)
    for kind in ENTRIES.stored_kinds
    for part, paths in kind.typed.items()
    for at in paths
]


def read(body: dict[str, Any]) -> set[tuple[str, str]]:
    """The stored things that a body names."""
    return {*READER.read(SimpleNamespace(json_data=body), None).stored}


def nested(at: str, value: Any) -> Any:
    """An object with a value at a dotted path."""
    first, _, rest = at.partition(".")
    return {first: nested(rest, value) if rest else value}


@pytest.mark.parametrize(("kind", "at"), PLACES)
def test_ids_in_a_body(kind: str, at: str) -> None:
    """One id is found, and each of several; nothing else is taken for one."""
    assert read(nested(at, "x_1")) == {(kind, "x_1")}
    assert read(nested(at, ["x_1", "x_2"])) == {(kind, "x_1"), (kind, "x_2")}
    for value in ("", None, 1, [], {}, [None], {"other": "x_1"}):
        assert read(nested(at, value)) == set()


@pytest.mark.parametrize(("kind", "part", "at"), TYPED)
def test_ids_in_prompts_and_tools(kind: str, part: str, at: str) -> None:
    """A part of a prompt at any depth, and a tool, names what its type says."""
    typed = {"type": part, **nested(at, "x_1")}
    assert (kind, "x_1") in read({"input": [{"role": "user", "content": [typed]}]})
    assert (kind, "x_1") in read({"tools": [typed]})
    assert read({"metadata": typed}) == set()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/files/file-1/content", ("file", "file-1")),
        ("/openai/v1/responses/resp_1", ("response", "resp_1")),
        (
            "/v1/fine_tuning/checkpoints/ft%3Abase%3Aorg%3A%3A1/permissions",
            ("fine_tuned_model", "ft:base:org::1"),
        ),
    ],
)
def test_ids_in_paths(path: str, found: tuple[str, str]) -> None:
    """The segment after that of the collection is an id, whatever base path comes before."""
    assert READER.named(path, None) == (found,)


@pytest.mark.parametrize(
    "path", ["/v1/files", "/v1/responses/compact", "/v1/chat/completions", "/v1/models/a"]
)
def test_paths_without_ids(path: str) -> None:
    """A segment that the catalogue knows by name is no id."""
    assert READER.named(path, "gpt-5.2") == ()

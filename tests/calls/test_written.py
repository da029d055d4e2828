"""A pydantic model is read as the client writes it, or not at all."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import pydantic
import pytest

from otel_residency.calls.written import CONTAINERS, PLAIN, UnreadableBodyError, as_written

# Early releases of the client have neither: they write models in another way.
openapi_dumps = pytest.importorskip("openai._utils._json").openapi_dumps
responses = pytest.importorskip("openai.types.responses")


class Tier(StrEnum):
    """A tier."""

    FAST = "fast"


class Inner(pydantic.BaseModel):
    """A part."""

    type_: str = pydantic.Field(alias="type")
    unset: str = "default"


class Outer(pydantic.BaseModel):
    """A body."""

    model_config = pydantic.ConfigDict(extra="allow")
    parts: list[Inner]
    tier: Tier = Tier.FAST
    since: datetime | None = None


class Text(pydantic.RootModel[str]):
    """A text."""


class Texts(pydantic.RootModel[list[Text]]):
    """Several."""


class WithSerializer(pydantic.BaseModel):
    """It writes something else than its field."""

    type: str

    @pydantic.field_serializer("type")
    def _other(self, _: str) -> str:
        return "mcp"


class WithAnnotation(pydantic.BaseModel):
    """The same by an annotation."""

    type: Annotated[str, pydantic.PlainSerializer(lambda _: "mcp")]


class WithComputed(pydantic.BaseModel):
    """It writes a field that it does not hold."""

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def type(self) -> str:
        """A type."""
        return "mcp"


class WithDump(pydantic.BaseModel):
    """It writes what it likes."""

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Another body."""
        return {"type": "mcp"}


def whole(value: Any) -> Any:
    """`value` and all that it holds, as written."""
    value = as_written(value)
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    return [whole(each) for each in value] if value.__class__ in CONTAINERS else value


@pytest.mark.parametrize(
    "value",
    [
        Inner.model_validate({"type": "mcp"}),
        Outer(parts=[Inner(type="mcp")], tier=Tier.FAST, more={"x": [1]}),
        Text("priority"),
        Texts([Text("a"), Text("b")]),
        {"deep": [Text("a"), {"deeper": Inner(type="x")}]},
        Tier.FAST,
        responses.ResponseOutputMessage(
            id="msg_1",
            type="message",
            role="assistant",
            status="completed",
            content=[
                responses.ResponseOutputText(type="output_text", text="Hello", annotations=[]),
            ],
        ),
        responses.ResponseFunctionWebSearch.construct(
            id="ws_1", type="web_search_call", action={"type": "search"}
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_what_the_client_writes(value: Any) -> None:
    """Aliases, unset fields, fields that are not declared, root models and enums."""
    assert whole(value) == json.loads(openapi_dumps(value))


@pytest.mark.parametrize(
    "value",
    [
        WithSerializer(type="function"),
        WithAnnotation(type="function"),
        WithComputed(),
        WithDump(),
        type("Dict", (dict,), {})(),
        type("List", (list,), {})(),
        object(),
        iter(()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_be_written_otherwise_is_not_read(value: Any) -> None:
    """A serializer, a method or a subclass may write anything: the bytes are read then."""
    with pytest.raises(UnreadableBodyError):
        as_written(value)


def test_plain_values_are_themselves() -> None:
    """They are returned as they are."""
    for value in ("a", 1, 1.5, True, None, b"a", {"a": 1}, ["a"], ("a",)):
        assert as_written(value) is value
        assert value.__class__ in PLAIN | CONTAINERS

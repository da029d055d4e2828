"""The requests and WebSocket connections of the installed client, with the annotations of what they send."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Required
from warnings import catch_warnings

import openai
import typing_extensions

from tests.calls.http_library import canned, http
from tests.calls.resources import METHODS, dummy_arguments, method, methods

RAW = "with_raw_response"
"""Variants of methods that do not read the answer, which would take longer than all else."""
NOT_BODY = ("extra_headers", "extra_query", "extra_body", "timeout", "return", "self", "event_handler")


class Root(NamedTuple):
    """A request, or the events of a connection."""

    name: str
    fields: Mapping[str, Any]
    """By parameter of the body, its annotation; empty for a connection."""
    event: Any = None
    """The annotation of the events of a connection."""
    form: bool = False
    """Whether the body is a form, and not JSON."""


def http_roots() -> Iterator[Root]:
    """The methods that send a body, each way to a resource once."""
    received: list[Any] = []
    admin = {"admin_api_key": "k"} if "admin_api_key" in inspect.signature(openai.OpenAI).parameters else {}
    client = openai.OpenAI(
        api_key="k", http_client=http.Client(transport=canned(received)), max_retries=0, **admin
    )
    known = set()
    for name in METHODS:
        function, raw = method(client, name), method(client, name, RAW)
        if name.startswith("admin.") or function is None or raw is None:
            continue
        received.clear()
        arguments = dummy_arguments(name, function)
        ids = {key: f"id_{key}" for key, value in arguments.items() if value == "dummy"}
        # Deprecated methods warn, which pytest makes an error of.
        with suppress(Exception), catch_warnings(action="ignore"):
            raw(**{**arguments, **ids})
        # Methods that make several requests use other methods for them.
        if len(received) != 1 or received[0].method in ("GET", "DELETE"):
            continue
        (asked,) = received
        # `parse`, `stream` and `create_and_poll` send what `create` sends, and `beta.chat` is `chat`.
        where = (type(getattr(function, "__self__", None)), asked.method, asked.path)
        if where in known:
            continue
        known.add(where)
        hints = _hints(function)
        in_path = {key for key, value in ids.items() if value in asked.path}
        fields = {
            key: Required[hint] if key in arguments else hint
            for key, hint in hints.items()
            if key not in NOT_BODY and key not in in_path
        }
        form = asked.headers.get_content_type() != "application/json"
        yield Root(name, fields, form=form and bool(asked.body))


def socket_roots() -> Iterator[Root]:
    """The connections of the client, with the events that each can send."""
    client = openai.OpenAI(api_key="k", websocket_base_url="ws://127.0.0.1/v1")
    for name in methods(client):
        if name.endswith(".connect"):
            manager = _hints(method(client, name))["return"]
            connection = _hints(manager.__enter__)["return"]
            yield Root(name, {}, _hints(connection.send)["event"])


def _hints(function: Any) -> dict[str, Any]:
    inner = inspect.unwrap(function)
    return typing_extensions.get_type_hints(getattr(inner, "__func__", inner), include_extras=True)

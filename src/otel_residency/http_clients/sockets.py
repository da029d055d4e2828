"""WebSocket sessions, by the part of the websockets library that both of its clients are built on.

A session is one call: it begins with its handshake, what it sends may change what it is about, and it ends
with its connection.
"""

from datetime import UTC, datetime
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import wrapt

from otel_residency import requirement
from otel_residency.http_clients.judged import judged
from otel_residency.openai_client.patch import switch, wrap

if TYPE_CHECKING:
    from otel_residency.http_clients.request import Request
    from otel_residency.openai_client.call import Call
    from otel_residency.openai_client.state import State

_CALL = "_otel_residency_call"


def patch_protocol(module: ModuleType) -> None:
    """Patch the handshake, in `websockets.client`."""

    def begin(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        from websockets.exceptions import WebSocketException

        uri, state = args[0] if args else kwargs.get("uri"), switch.state
        call = None if state is None else judged(lambda: _begin(state, uri), WebSocketException)
        if call is not None:
            setattr(protocol, _CALL, call)

    wrap(module, "ClientProtocol.__init__", begin, switch.miss_client)


def patch_messages(module: ModuleType) -> None:
    """Patch what is sent, and the end of a connection, in `websockets.protocol`."""

    def send(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        call = getattr(protocol, _CALL, None)
        if call is not None:
            # Of a kind that the library passes on, and takes for no failure of its own.
            from websockets.exceptions import ConcurrencyError

            judged(lambda: _look_at(call, *args, **kwargs), ConcurrencyError)
        wrapped(*args, **kwargs)

    def ended(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        call = getattr(protocol, _CALL, None)
        if call is not None:
            call.finish()

    wrap(module, "Protocol.send_text", send, switch.miss_client)
    wrap(module, "Protocol.send_binary", send, switch.miss_client)
    wrap(module, "Protocol.receive_eof", ended, switch.miss_client)


def patch_connect(module: ModuleType) -> None:
    """Refuse a session before anything is dialled, in `websockets.sync.client`."""
    wrapped = module.connect

    @wraps(wrapped)
    def connect(*args: Any, **kwargs: Any) -> Any:
        _refuse(args[0] if args else kwargs.get("uri"))
        return wrapped(*args, **kwargs)

    wrapt.apply_patch(module, "connect", connect)


def patch_async_connect(module: ModuleType) -> None:
    """The same in `websockets.asyncio.client`."""

    def connect(wrapped: Any, _connect: Any, args: Any, kwargs: Any) -> None:
        _refuse(args[0] if args else kwargs.get("uri"))
        wrapped(*args, **kwargs)

    wrap(module, "connect.__init__", connect, switch.miss_client)


def _refuse(uri: Any) -> None:
    """Judge a session that is about to be opened, in block mode.

    Raises:
        RefusalError: if it violates the policy.
    """
    state = switch.state
    if state is None or not state.blocks or not isinstance(uri, str):
        return
    from websockets.exceptions import WebSocketException
    from websockets.uri import parse_uri

    try:
        parsed = parse_uri(uri)
    except Exception:  # the library will say what is wrong with it
        return
    if parsed.host not in state.others and judged(lambda: _violates(state, parsed), WebSocketException):
        judged(lambda: _begin(state, parsed), WebSocketException)


def _violates(state: "State", uri: Any) -> bool:
    """Whether a session would be refused; nothing is told of it yet."""
    from otel_residency.core.facts import CallFacts, Hop

    hop = Hop(*_request(uri).url.place, payload=True)
    facts = CallFacts(
        datetime.now(UTC).date(), "GET", (hop,), model=_model(uri), required=requirement.required()
    )
    return state.guard.concerns("GET", hop) and state.guard.judge(facts).decision.violation


def _model(uri: Any) -> str | None:
    named = parse_qs(uri.query or "").get("model")
    return named[0] if named else None


def _begin(state: "State", uri: Any) -> "Call | None":
    """The call that a session at `uri` is, judged; `None` if it goes to no vendor.

    Raises:
        RefusalError: in block mode.
    """
    if uri.host in state.others:
        return None
    from otel_residency.openai_client.facts import RequestFacts
    from otel_residency.openai_client.http import open_raw

    call = open_raw(_request(uri), uri.host, RequestFacts(_model(uri)))
    if call is not None:
        call.mark.inside = False
    return call


def _request(uri: Any) -> "Request":
    from otel_residency.http_clients.request import Request, Url

    scheme, default = ("wss", 443) if uri.secure else ("ws", 80)
    port = None if uri.port == default else uri.port
    return Request("GET", Url(scheme, uri.host.encode("idna"), port, (uri.path or "/").encode()), None, None)


def _look_at(call: "Call", data: Any, fin: Any = True) -> None:  # noqa: FBT002 - as the library has it
    """Learn from a message that is about to be sent.

    Raises:
        RefusalError: in block mode.
    """
    from otel_residency.openai_client.facts import RequestFacts

    message = bytes(data)
    if not fin:
        call.learn(RequestFacts(unseen=True))
    elif any(word in message for word in call.state.telling):
        call.learn(call.state.bodies.read_message(message))

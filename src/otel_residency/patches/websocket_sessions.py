"""WebSocket sessions, by the part of the websockets library that all of its clients are built on.

A session is one call: it begins when it is dialled, each message that it sends may change the facts, and it
ends with its connection. It is judged before it is dialled, by its URL, and when its handshake is sent, by
its headers.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from otel_residency.calls.context import opening_client
from otel_residency.calls.state import runtime
from otel_residency.core.interruption import reraise_interruption
from otel_residency.errors import RefusalError
from otel_residency.patches.guarded import run_guarded

if TYPE_CHECKING:
    from otel_residency.calls.call import Call
    from otel_residency.calls.plain_request import PlainRequest
    from otel_residency.calls.state import State

_CALL, _EVENTS = "_otel_residency_call", "_otel_residency_events"
# By context: the protocol is made deep inside of the dialling, by a factory that knows nothing of its caller.
_opening: ContextVar["Call | None"] = ContextVar("otel_residency_opening", default=None)
"""The session that is being dialled."""
DATA = (0, 1, 2)
"""Opcodes of messages and their parts; the others control the connection."""


@contextmanager
def dialled(uri: Any, given: Mapping[str, Any]) -> Iterator[None]:
    """Judge the session that is dialled within, by its URI and what the dialling is given besides.

    Raises:
        RefusalError: in block mode.
    """
    from websockets.exceptions import ProtocolError

    # Before anything is dialled: in block mode no connection is opened (tests/patches/test_sockets.py,
    # test_block_refuses_before_the_handshake).
    call = run_guarded(lambda: _plan(uri, given), ProtocolError)
    before = _opening.get()
    # No `finally`: a signal handler may raise in it, and once more is then enough.
    try:
        _opening.set(call)
        yield
        _opening.set(before)
    except BaseException as error:
        _opening.set(before)
        if call is not None:
            call.fail(error)
        raise


def _plan(uri: Any, given: Mapping[str, Any]) -> "Call | None":
    from websockets.uri import parse_uri

    try:
        parsed = parse_uri(uri)
    except Exception:  # the library will say what is wrong with it
        reraise_interruption()
        return None
    return _open(parsed, given)


def _open(uri: Any, given: Mapping[str, Any]) -> "Call | None":
    """The call that a session at `uri` is, judged; `None` if it goes to no vendor, and is not the client's.

    Of the names that it is given the first that may be a vendor's is where it goes.

    Raises:
        RefusalError: in block mode.
    """
    state = runtime.state
    if state is None:
        return None
    client = opening_client.get()
    # A host and a name in TLS that are given besides the URI are where the socket goes
    # (tests/patches/test_sockets.py, test_where_a_session_is_dialled_counts).
    address, port = given.get("address") or (given.get("host"), given.get("port"))
    named = [name for name in (address, given.get("server_hostname"), uri.host) if name]
    host = next((name for name in named if _may_be_vendor(state, name)), named[0] if client else None)
    if host is None:
        return None
    from otel_residency.calls.body import RequestFacts

    request = _request(uri, host, port)
    request.add_headers(("Host", name) for name in named)
    call = _begin(state, request, host, client)
    if call is not None:
        _or_end(call, lambda: call.on_attempt(request, None, RequestFacts(model=_model(uri))))
        # A session lasts: what the application does meanwhile in this context is not part of it.
        call.tracked.inside = False
    return call


def _begin(
    state: "State", request: "PlainRequest", name: Any, client: Callable[[], Any] | None
) -> "Call | None":
    """A call of `client`, or one without the openai client, that is not judged yet."""
    from otel_residency.calls.call import Call
    from otel_residency.patches.plain_calls import begin_without_client

    if client is None:
        return begin_without_client(request, name)
    from otel_residency.patches.openai_sessions import session_client

    call = Call(state, session_client(client()), None)
    call.standalone = True
    return call


def _may_be_vendor(state: "State", name: Any) -> bool:
    return name not in state.non_vendor_hosts and state.concerns((str(name),), name)


def _request(uri: Any, host: str, port: int | None) -> "PlainRequest":
    from otel_residency.calls.plain_request import PlainRequest, Url

    scheme, default = ("wss", 443) if uri.secure else ("ws", 80)
    port = port or uri.port
    url = Url(
        scheme=scheme,
        raw_host=host.encode("idna"),
        port=None if port == default else port,
        raw_path=(uri.path or "/").encode(),
    )
    return PlainRequest(method="GET", url=url)


def _model(uri: Any) -> str | None:
    models = parse_qs(uri.query or "").get("model")
    return models[0] if models else None


def bind(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
    """Bind the session that is being dialled to the protocol that is made for it."""
    wrapped(*args, **kwargs)
    setattr(protocol, _CALL, _opening.get())
    # One protocol for each dialling; a second one that is made within gets no call of another.
    _opening.set(None)


def on_handshake(protocol: Any, uri: Callable[[], Any], headers: Any) -> None:
    """Judge a handshake that is about to be sent to `uri`, with its headers.

    Raises:
        RefusalError: in block mode; a `ProtocolError` too, which the library passes on to the application.
    """
    from websockets.exceptions import ProtocolError

    def judge() -> None:
        # Programs may use the protocol with a socket of their own, without dialling through the library.
        call = getattr(protocol, _CALL, None) or _open(uri(), {})
        setattr(protocol, _CALL, call)
        sending = None if call is None else call.assessment.snapshot
        if call is not None and sending is not None:
            sending.request.add_headers(headers.raw_items())
            _or_end(call, lambda: call.on_hop(sending.request))

    run_guarded(judge, ProtocolError)


def _or_end(call: "Call", judge: Callable[[], None]) -> None:
    """Have a refusal end the call."""
    try:
        judge()
    except RefusalError as error:
        call.fail(error)
        raise


def on_response(protocol: Any, status: int, headers: Any) -> None:
    """Read the answer to a handshake."""
    from otel_residency.calls.plain_request import PlainHeaders
    from otel_residency.calls.session_events import SessionEvents

    call = getattr(protocol, _CALL, None)
    if call is not None:
        events = SessionEvents(call)
        events.on_handshake(status, PlainHeaders(dict(headers.raw_items())).raw)
        setattr(protocol, _EVENTS, events)


def on_message(protocol: Any, data: Any, fin: Any = True) -> None:  # noqa: FBT002 - as the library has it
    """Judge a message that is about to be sent.

    Raises:
        RefusalError: in block mode, of a kind as above.
    """
    call = getattr(protocol, _CALL, None)
    if call is None:
        return
    from websockets.exceptions import ProtocolError

    run_guarded(lambda: _read_message(call, bytes(data), fin), ProtocolError)


def _read_message(call: "Call", message: bytes, fin: Any) -> None:
    from otel_residency.calls.body import RequestFacts

    # The parts of a message are not put together here: that would copy what the application streams.
    facts = call.state.bodies.read_message(message) if fin else RequestFacts(unseen=True)
    # Audio and text come many times a second, and nearly none of it changes the facts.
    if facts != RequestFacts() or call.assessment.requires_more():
        call.add_facts(facts)


def on_frame(protocol: Any, frame: Any) -> None:
    """Read a frame that the vendor sent."""
    events = getattr(protocol, _EVENTS, None)
    if events is not None and frame.opcode in DATA:
        events.add(bytes(frame.data), fin=frame.fin)


def on_close(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
    """End the session with its connection."""
    wrapped(*args, **kwargs)
    call = getattr(protocol, _CALL, None)
    if call is not None:
        # Set by websockets 15 where the other end hung up before it answered; a session that was open has a
        # status.
        failed = getattr(protocol, "handshake_exc", None)
        if failed is not None and call.response_state.status is None:
            call.fail(failed)
        call.finish()

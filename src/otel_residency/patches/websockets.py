"""The patches of the websockets library, of each of its clients: threads, asyncio, trio, legacy."""

from collections.abc import Mapping
from functools import partial, wraps
from types import ModuleType
from typing import Any

from otel_residency.patches.patching import put, wrap_client
from otel_residency.patches.websocket_sessions import (
    DATA,
    bind,
    dialled,
    on_close,
    on_frame,
    on_handshake,
    on_message,
    on_response,
)


def patch_connect(module: ModuleType) -> None:
    """Patch what dials, in `websockets.sync.client`."""
    # Since websockets 17.1 the function `connect` only makes an object, which may dial more than once.
    if hasattr(module, "reconnect"):
        wrap_client(module, "reconnect.open_connection", _dial)
        return
    wrapped = module.connect

    @wraps(wrapped)
    def connect(*args: Any, **kwargs: Any) -> Any:
        with dialled(args[0] if args else kwargs.get("uri"), kwargs):
            return wrapped(*args, **kwargs)

    put(module, "connect", connect)


def patch_async_connect(module: ModuleType) -> None:
    """The same in `websockets.asyncio.client`."""
    # Not `__init__`: a redirect, or the iterator that reconnects, dials again with another URI. The method
    # was renamed in websockets 17.
    renamed = hasattr(module.connect, "open_tcp_connection")
    wrap_client(module, f"connect.{'open_tcp' if renamed else 'create'}_connection", _dial_async)


def patch_trio_connect(module: ModuleType) -> None:
    """The same in `websockets.trio.client`, which came with websockets 17."""
    wrap_client(module, "connect.open_connection", _dial_async)


def _dial(wrapped: Any, connect: Any, args: Any, kwargs: Any) -> Any:
    with dialled(connect.uri, _given(connect)):
        return wrapped(*args, **kwargs)


async def _dial_async(wrapped: Any, connect: Any, args: Any, kwargs: Any) -> Any:
    with dialled(connect.uri, _given(connect)):
        return await wrapped(*args, **kwargs)


_GIVEN = ("create_connection_kwargs", "open_socket_kwargs", "open_tcp_stream_kwargs", "connection_kwargs")
"""Attributes with what a dialling is given besides the URI: of asyncio, threads, trio, and before 17."""


def _given(connect: Any) -> Mapping[str, Any]:
    name = next(name for name in _GIVEN if hasattr(connect, name))
    return {"server_hostname": getattr(connect, "server_hostname", None), **getattr(connect, name)}


def patch_protocol(module: ModuleType) -> None:
    """Patch the handshake, in `websockets.client`."""

    def shake(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        request = args[0] if args else kwargs["request"]
        # It was called wsuri before websockets 14.
        on_handshake(
            protocol,
            lambda: getattr(protocol, "uri", None) or protocol.wsuri,
            request.headers,
        )
        wrapped(*args, **kwargs)

    def answered(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        response = args[0] if args else kwargs["response"]
        on_response(protocol, response.status_code, response.headers)
        wrapped(*args, **kwargs)

    wrap_client(module, "ClientProtocol.__init__", bind)
    wrap_client(module, "ClientProtocol.send_request", shake)
    wrap_client(module, "ClientProtocol.process_response", answered)


def patch_messages(module: ModuleType) -> None:
    """Patch what is sent and received, and the end of a connection, in `websockets.protocol`."""

    def send(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        on_message(protocol, *args, **kwargs)
        wrapped(*args, **kwargs)

    def received(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        on_frame(protocol, *args, **kwargs)

    wrap_client(module, "Protocol.send_text", send)
    wrap_client(module, "Protocol.send_binary", send)
    wrap_client(module, "Protocol.recv_frame", received)
    wrap_client(module, "Protocol.receive_eof", on_close)


def patch_legacy(module: ModuleType) -> None:
    """Patch the same in `websockets.legacy.client`, which has another protocol class."""

    def connect(wrapped: Any, connect: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        # A `functools.partial` in websockets 15: its redirects take `func`, `args` and `keywords` of it, so
        # it has to stay one.
        create = connect._create_connection

        async def dial(factory: Any, *place: Any, **given: Any) -> Any:
            endpoint = dict(zip(("host", "port"), place, strict=True)) if len(place) > 1 else {}
            with dialled(connect._uri, {**given, **endpoint}):
                return await create.func(factory, *place, **given)

        connect._create_connection = partial(dial, *create.args, **create.keywords)

    def shake(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        from websockets.uri import parse_uri

        # Of this request nothing but path and headers is handed over: the scheme is that of the transport.
        path, headers = args
        hosts = headers.get_all("Host")
        scheme = "wss" if protocol.transport.get_extra_info("ssl_object") else "ws"
        on_handshake(protocol, lambda: parse_uri(f"{scheme}://{hosts[0]}{path}"), headers)
        wrapped(*args, **kwargs)

    async def answered(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> Any:
        status, headers = await wrapped(*args, **kwargs)
        on_response(protocol, status, headers)
        return status, headers

    async def received(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> Any:
        frame = await wrapped(*args, **kwargs)
        if frame is not None:  # the connection is closed
            on_frame(protocol, frame)
        return frame

    def send(wrapped: Any, protocol: Any, args: Any, kwargs: Any) -> None:
        fin, opcode, data = args
        if opcode in DATA:
            on_message(protocol, data, fin)
        wrapped(*args, **kwargs)

    wrap_client(module, "Connect.__init__", connect)
    for name, wrapper in (
        ("__init__", bind),
        ("write_http_request", shake),
        ("read_http_response", answered),
        ("write_frame_sync", send),
        ("read_data_frame", received),
        ("connection_lost", on_close),
    ):
        wrap_client(module, f"WebSocketClientProtocol.{name}", wrapper)

"""What the vendor sends over the connection of a WebSocket session: events that name a model or an error."""

import json
from collections.abc import Iterable

from otel_residency.calls.call import Call
from otel_residency.core.interruption import reraise_interruption

_LIMIT = 1 << 20
"""Bytes of an event that is read. Events with a model are shorter; longer ones carry audio."""
_NAMED = (b'"model"', b'"error"')
"""Keys without which an event names nothing that counts: most carry a part of text or audio."""


class SessionEvents:
    """Reads the events of one session. An event that comes in several frames is put together."""

    def __init__(self, call: Call) -> None:
        """Read the events of the session that `call` is."""
        self._call = call
        self._parts: list[bytes] = []
        self._size = 0

    def on_handshake(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Read the answer to the handshake."""
        call = self._call
        try:
            call.response_state.on_handshake(status, headers, call.state.evidence_headers)
            call.state.stream_ender.prepare(call)
        except Exception as error:
            call.state.log_failure("reading a response", error)

    def add(self, data: bytes, *, fin: bool) -> None:
        """Add the data of a frame, which ends an event if `fin`."""
        try:
            self._size += len(data)
            if self._size <= _LIMIT:
                self._parts.append(data)
            if fin:
                parts, whole = self._parts, self._size <= _LIMIT
                self._parts, self._size = [], 0
                if whole:
                    self._read(b"".join(parts))
        except Exception as error:
            self._call.state.log_failure("reading an event of a session", error)

    def _read(self, event: bytes) -> None:
        if any(key in event for key in _NAMED):
            try:
                fields = json.loads(event)
            except ValueError:  # whatever the application makes of it, it names nothing
                reraise_interruption()
                return
            self._call.on_stream_event(fields)

"""A server that answers as it is scripted: broken answers, and connections that are cut off."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread
from typing import Any, BinaryIO, Final

import openai

from tests.internet import PATIENCE

RESET: Final = "reset"
"""A part of a script: cut the connection off, so that the other end gets an error and no end of data."""
HEAD_READ: Final = "head"
DATA_READ: Final = "data"
"""Parts of a script: wait until the application has this, since a reset discards what it has not read."""
Script = Sequence[bytes | str]
_NO_LINGER = struct.pack("ii", 1, 0)


class OddServer:
    """Listens on the loopback interface, and follows `script` for each request."""

    def __init__(self) -> None:
        """Start it."""
        self.script: Script = ()
        self.keeps_alive = False
        self.asked = Event()
        self.read = {part: Event() for part in (HEAD_READ, DATA_READ)}
        self._socket = socket.create_server(("127.0.0.1", 0))
        Thread(target=self._serve, daemon=True).start()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def client(self, kind: Any = openai.OpenAI) -> Any:
        """A client of this server."""
        return kind(base_url=f"http://{self.place}/v1", api_key="k", max_retries=0, timeout=20)

    def let_go(self, *parts: str) -> None:
        """The application has these parts of the answer, or can't have them alone."""
        for part in parts:
            self.read[part].set()

    def hold(self) -> None:
        """The next answer begins."""
        for event in self.read.values():
            event.clear()

    def close(self) -> None:
        """Stop it."""
        # A thread that waits in `accept` wakes up by this, and not by `close`.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError), connection.makefile("rb") as lines:
            while _read_request(lines):
                self.asked.set()
                for part in self.script:
                    if isinstance(part, bytes):
                        connection.sendall(part)
                    elif part in self.read:
                        self.read[part].wait(PATIENCE)
                    else:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                        return
                if not self.keeps_alive:
                    return


def _read_request(lines: BinaryIO) -> bool:
    """Read a request; `False` if there is none any more."""
    length, empty = 0, True
    for line in lines:
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
        empty = False
        if not line.strip():
            break
    lines.read(length)
    return not empty


@contextmanager
def odd_server() -> Iterator[OddServer]:
    """A server for the time of a test."""
    server = OddServer()
    try:
        yield server
    finally:
        server.close()

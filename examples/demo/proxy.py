"""The only way out for the application: a CONNECT proxy that knows the demo's hosts and no others.

It leads each name to loopback and refuses the rest, so nothing leaves the machine, and it writes
down every connection: a call that was stopped in time does not even appear here.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Protocol

BLOCK = 65_536


class Directory(Protocol):
    """Where each host is on loopback."""

    def get(self, name: str, /) -> int | None:
        """The port of a host, if it is known."""


class Record(Protocol):
    """Takes down what happens."""

    def write(self, event: str, **seen: object) -> None:
        """Add one event."""


class Proxy:
    """Listens on a port of 127.0.0.1 until told to stop."""

    def __init__(self, ports: Directory, journal: Record) -> None:
        self._ports = ports
        self._journal = journal
        self._stop = asyncio.Event()

    async def run(self, started: "Future[tuple[int, asyncio.AbstractEventLoop]]") -> None:
        """Serve until stopped, then let the last bytes arrive."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        started.set_result((port, asyncio.get_running_loop()))
        async with server:
            await self._stop.wait()
        if open_connections := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(open_connections, timeout=2)

    def stop(self) -> None:
        """Accept no more; to be called in the proxy's own loop."""
        self._stop.set()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one CONNECT, then carry bytes both ways until either side is done."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, _, rest = head.decode("latin-1").partition(" ")
            name = rest.partition(" ")[0].rpartition(":")[0]
            port = self._ports.get(name) if method == "CONNECT" else None
            self._journal.write("connect", host=name, refused=port is None)
            if port is None:
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
            else:
                await self._tunnel(name, port, reader, writer)
        writer.close()

    async def _tunnel(
        self, name: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        sent, received = await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        self._journal.write("closed", host=name, sent_bytes=sent, received_bytes=received)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Copy until the end; how many bytes that were."""
    carried = 0
    with suppress(OSError):
        while block := await reader.read(BLOCK):
            carried += len(block)
            writer.write(block)
            await writer.drain()
    writer.close()
    return carried


@contextmanager
def way_out(ports: Directory, journal: Record) -> Iterator[str]:
    """Run the proxy in a thread; gives its URL, and has everything it does in `journal`."""
    proxy = Proxy(ports, journal)
    started: Future[tuple[int, asyncio.AbstractEventLoop]] = Future()
    thread = Thread(target=lambda: asyncio.run(proxy.run(started)), daemon=True)
    thread.start()
    port, loop = started.result(timeout=10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(proxy.stop)
        thread.join(timeout=10)

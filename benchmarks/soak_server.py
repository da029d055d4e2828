"""`python -m benchmarks.soak_server`: a vendor on loopback, which prints its port and answers until stopped.

It reads no more of a request than it must, so that the machine's time goes to the client.
"""

import asyncio
import sys
from contextlib import suppress
from typing import Final

from benchmarks import wire

COUNT: Final = b"GET /count "
"""A request for the number of other requests that arrived."""


def _head(answer: wire.Answer, framing: str) -> bytes:
    lines = (f"{name}: {value}\r\n" for name, value in answer.headers)
    return f"HTTP/1.1 200 OK\r\n{''.join(lines)}{framing}\r\n\r\n".encode()


def _whole(answer: wire.Answer) -> bytes:
    body = b"".join(answer.pieces)
    return _head(answer, f"content-length: {len(body)}") + body


_CHAT: Final = _whole(wire.chat())
_STREAM: Final = wire.chat_stream(5)
_STREAM_HEAD: Final = _head(_STREAM, "transfer-encoding: chunked")
_CHUNKS: Final = tuple(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in _STREAM.pieces)


async def main() -> None:
    """Serve on a free port."""
    arrived = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(COUNT):
                    text = str(arrived).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
                    continue
                _, _, length = head.lower().partition(b"content-length: ")
                body = await reader.readexactly(int(length.partition(b"\r")[0]))
                arrived += 1
                if b'"stream":true' not in body:
                    writer.write(_CHAT)
                    continue
                writer.write(_STREAM_HEAD)
                for chunk in _CHUNKS:
                    writer.write(chunk)
                    await writer.drain()
                    await asyncio.sleep(0)  # each event arrives alone
                writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

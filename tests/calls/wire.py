"""Calls of every shape, each under its own name, and a far end that keeps the bytes of what it is sent.

As a program it makes all the calls, without the package or with it: what a process sends that never loaded
the package can only be seen from outside of it.
"""

import io
import json
import os
import re
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeAlias

from examples.demo.loopback import Asked, Reply
from tests.calls.kinds import Async, Kind, Sync
from tests.vendor import SNAPSHOT, answer, error, ordinary, redirect

Make: TypeAlias = Callable[..., Any]
"""Opens a client for one case; takes the class, if it is another, and arguments."""
Sent: TypeAlias = Mapping[str, list[bytes]]
"""The requests of each case."""

ROOT: Final = Path(__file__).parents[2]
MESSAGES: Final = [{"role": "user", "content": 'Grüße, 你好 \U0001f600 "quoted" \\ \x00'}]
CHAT: Final[dict[str, Any]] = {"model": SNAPSHOT, "messages": MESSAGES}
TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
RANDOM: Final = re.compile(rb"(?<=boundary=)[0-9a-f]+|(?<=--)[0-9a-f]{32}|(?<=retry-)[0-9a-f-]{36}")
"""What differs between any two runs: boundaries of parts, idempotency keys."""
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "flag": {"require": ["eu"]},
    "block": {"on_call": "block"},
}
"""Settings under which every call goes out: one that flags them all, one that blocks and requires nothing."""


# The calls.

CASES: Final[dict[str, Callable[[Kind, Make], None]]] = {}


def case(function: Callable[[Kind, Make], None]) -> Callable[[Kind, Make], None]:
    """Enter a call into the table."""
    CASES[function.__name__] = function
    return function


@case
def chat(kind: Kind, make: Make) -> None:
    """A chat completion with a bit of everything."""
    kind.run(
        make().chat.completions.create(
            **CHAT,
            tools=[TOOL],
            temperature=0.5,
            service_tier="auto",
            response_format={"type": "json_object"},
        )
    )


@case
def chat_with_extras(kind: Kind, make: Make) -> None:
    """Headers, query and body of one's own."""
    client = make(default_query={"default": "1"}, organization="org", project="proj")
    kind.run(
        client.chat.completions.create(
            **CHAT,
            extra_headers={"X-Own": "own", "Authorization": "Bearer other"},
            extra_query={"own": ["a b", "c&d"]},
            extra_body={"store": False, "own": {"nested": [1.5, None, True]}},
            timeout=7,
        )
    )


@case
def chat_stream(kind: Kind, make: Make) -> None:
    """A stream, read to its end."""
    kind.items(kind.run(make().chat.completions.create(**CHAT, stream=True)))


@case
def chat_raw(kind: Kind, make: Make) -> None:
    """A raw response."""
    kind.run(make().chat.completions.with_raw_response.create(**CHAT)).parse()


@case
def chat_streaming_response(kind: Kind, make: Make) -> None:
    """A response that is read later."""
    manager = make().chat.completions.with_streaming_response.create(**CHAT)
    kind.run(kind.enter(manager).read())
    kind.exit(manager)


@case
def responses(kind: Kind, make: Make) -> None:
    """The responses API, whole and streamed, where the client has it."""
    try:
        resource = make().responses
    except (AttributeError, ImportError):  # openai 1.99.0 can't import its own
        return
    kind.run(resource.create(model=SNAPSHOT, input=MESSAGES, store=False))
    kind.items(kind.run(resource.create(model=SNAPSHOT, input="Hello", stream=True)))


@case
def embeddings(kind: Kind, make: Make) -> None:
    """Text, texts, and tokens."""
    client = make()
    for given in ("Hello", ["Hello", "there"], [[1, 2, 3]]):
        kind.run(client.embeddings.create(model="text-embedding-3-small", input=given, dimensions=1))


@case
def upload(kind: Kind, make: Make) -> None:
    """A file as bytes, as an open file, and with a type and headers of its own."""
    client = make()
    for file in (
        ("lines.jsonl", b'{"custom_id": "1"}\n'),
        io.BytesIO(b"opened"),
        Path(__file__),
        ("own.bin", PICTURE, "application/x-own", {"X-Part": "1"}),
    ):
        kind.run(client.files.create(file=file, purpose="batch", extra_body={"own": "1"}))


@case
def image_edit(kind: Kind, make: Make) -> None:
    """A picture, a mask, and a prompt."""
    client = make()
    picture = ("picture.png", PICTURE)
    kind.run(client.images.edit(image=picture, mask=picture, prompt="greener", n=2))


@case
def audio(kind: Kind, make: Make) -> None:
    """Spoken, written down, and translated."""
    client = make()
    sound = ("hello.mp3", PICTURE)
    kind.run(
        client.audio.transcriptions.create(file=sound, model="whisper-1", timestamp_granularities=["word"])
    )
    kind.run(client.audio.translations.create(file=sound, model="whisper-1"))
    kind.run(client.audio.speech.create(model="tts-1", voice="alloy", input="Hello"))


@case
def other_resources(kind: Kind, make: Make) -> None:
    """Methods other than POST, lists with their pages, and paths with ids."""
    client = make()
    kind.run(client.models.retrieve("ft:gpt-4o:org::id"))
    kind.items(client.files.list(purpose="batch"))
    kind.run(client.files.content("file-1"))
    kind.run(client.files.delete("file-1"))
    kind.run(client.moderations.create(input=["Hello"]))
    kind.run(
        client.batches.create(completion_window="24h", endpoint="/v1/embeddings", input_file_id="file-1")
    )
    kind.run(client.fine_tuning.jobs.create(model=SNAPSHOT, training_file="file-1"))


@case
def verbs(kind: Kind, make: Make) -> None:
    """The client's own get, post and delete."""
    client = make()
    kind.run(client.get("/own?query=1", cast_to=object))
    kind.run(client.post("/own", body={"own": MESSAGES}, cast_to=object))
    form: dict[str, Any] = {"headers": {"Content-Type": "multipart/form-data"}}
    kind.run(client.post("/own", body={"own": "1"}, files={"file": PICTURE}, options=form, cast_to=object))
    kind.run(client.delete("/own", cast_to=object))


@case
def azure(kind: Kind, make: Make) -> None:
    """A deployment."""
    client = make("AzureOpenAI", azure_deployment="chat", api_version="2024-10-21", api_key="key")
    kind.run(client.chat.completions.create(**CHAT))


@case
def retried(kind: Kind, make: Make) -> None:
    """Twice refused, and then answered."""
    kind.run(make(max_retries=2).chat.completions.create(**CHAT))


@case
def redirected(kind: Kind, make: Make) -> None:
    """Sent on, with its body."""
    kind.run(make().chat.completions.create(**CHAT))


def respond(name: str, number: int, request: Asked) -> Reply:
    """What the far end answers to the nth request of a case."""
    if name.startswith("retried") and number < 3:
        return error(429, retry_after_ms="1")
    if name.startswith("redirected") and number == 1:
        return redirect(307, "/v1/elsewhere/chat/completions")
    if request.path.endswith("/content") or request.path.endswith("/speech"):
        return Reply(200, {"content-type": "application/octet-stream"}, PICTURE)
    if request.headers.get_content_type() == "multipart/form-data":
        return answer({"id": "id_1", "text": "", "created": 1, "data": []})
    return ordinary(request)


# The far end.


class Wire:
    """A plain socket that keeps every byte of every request."""

    def __init__(self) -> None:
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while received := _read(stream):
                raw, request = received
                name = request.headers["x-case"]
                self.sent[name].append(raw)
                connection.sendall(_written(respond(name, len(self.sent[name]), request)))


def _read(stream: Any) -> tuple[bytes, Asked] | None:
    """The next request: its bytes, and what they say."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    first, _, lines = head.partition(b"\r\n")
    headers = message_from_bytes(lines)
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while True:
            size = stream.readline()
            body += size + stream.read(int(size, 16) + 2)
            if int(size, 16) == 0:
                break
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    method, path, _ = first.decode().split(" ")
    return head + body, Asked("127.0.0.1", method, path, headers, body)


def _written(reply: Reply) -> bytes:
    body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
    headers = {**reply.headers, "content-length": str(len(body))}
    lines = [f"HTTP/1.1 {reply.status} -", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sent_by_process(variant: str | None) -> Sent:
    """What a process of its own sends when it makes all the calls, with the package or without it."""
    with _wire() as wire:
        kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
        path = os.pathsep.join([str(ROOT), kept.get("PYTHONPATH", "")])
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.calls.wire",
                str(wire.port),
                *([variant] if variant else []),
            ],
            cwd=ROOT,
            env={**kept, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        assert [result["loaded"], result["spans"] >= len(CASES)] == [variant is not None] * 2
        # The port is another one each time.
        host = f"127.0.0.1:{wire.port}".encode()
        return {
            name: [RANDOM.sub(b"?", raw.replace(host, b"host")) for raw in requests]
            for name, requests in wire.sent.items()
        }


@contextmanager
def _wire() -> Iterator[Wire]:
    wire = Wire()
    try:
        yield wire
    finally:
        wire.close()


def main(port: str, variant: str | None = None) -> None:
    """Make all the calls."""
    recorded: Any = None
    if variant:
        from otel_residency import ResidencyInstrumentor
        from tests.recorded import Recorded

        recorded = Recorded()
        ResidencyInstrumentor().instrument(**VARIANTS[variant], **recorded.providers)

    for kind in (Sync(), Async()):
        for name, call in CASES.items():

            def make(client: str = "OpenAI", name: str = name, kind: Kind = kind, **arguments: Any) -> Any:
                azure = client == "AzureOpenAI"
                where = {
                    "azure_endpoint"
                    if azure
                    else "base_url": f"http://127.0.0.1:{port}{'' if azure else '/v1'}"
                }
                return kind.open(
                    client, default_headers={"X-Case": f"{name}-{kind.name}"}, **where, **arguments
                )

            call(kind, make)
        kind.close()
    loaded = any(name.startswith("otel_residency") for name in sys.modules)
    sys.stdout.write(json.dumps({"loaded": loaded, "spans": len(recorded.spans) if recorded else 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])

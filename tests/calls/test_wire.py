"""Bodies on the wire are read as the mapping that the client wrote them from."""

from typing import Any

import httpx
import pytest

from otel_residency.calls.wire import json_parts, read_form
from otel_residency.calls.written import UnreadableBodyError


def written(**arguments: Any) -> tuple[bytes, str]:
    """Body and content type of a form that httpx writes."""
    request = httpx.Request("POST", "https://example.com", **arguments)
    return request.read(), request.headers["content-type"]


def test_a_multipart_body() -> None:
    """Fields, JSON parts and nesting are read; of a file nothing is."""
    content, kind = written(
        data={"model": "whisper-1", "stream": "true", "audio[input][model]": "x", "include[]": ["a", "b"]},
        files={
            "file": ("talk.wav", b"\x00\xff model=us", "audio/wav"),
            "session": (None, b'{"tools": [{"type": "mcp"}]}', "application/json"),
        },
    )
    assert read_form(content, kind) == {
        "model": "whisper-1",
        "stream": True,
        "audio": {"input": {"model": "x"}},
        "include": ["a", "b"],
        "file": None,
        "session": {"tools": [{"type": "mcp"}]},
    }


def test_an_encoded_body() -> None:
    """The same without files."""
    content, kind = written(data={"model": "gpt", "tools[0][type]": "mcp", "store": "false"})
    assert read_form(content, kind) == {"model": "gpt", "tools": [{"type": "mcp"}], "store": False}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"model=a&model=b", "application/x-www-form-urlencoded"),
        (b"model", "application/x-www-form-urlencoded"),
        (b"a[b]=1&a=2", "application/x-www-form-urlencoded"),
        (b"a=1&a[b]=2", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % each for each in range(1001)), "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"no part", "multipart/form-data; boundary=x"),
        (b"{}", "multipart/form-data"),
        (b"{}", "text/plain"),
    ],
)
def test_what_is_no_form(content: bytes, kind: str) -> None:
    """A field that stands twice, or a part without a name, makes it unreadable."""
    with pytest.raises((UnreadableBodyError, ValueError)):
        read_form(content, kind)


def test_json_among_files() -> None:
    """The client hands JSON parts over as files without a name (`realtime.calls.create`)."""
    assert json_parts({"session": (None, b'{"model": "a"}', "application/json")}) == {
        "session": {"model": "a"}
    }
    for part in (b"x", ("a.json", b"{}", "application/json"), (None, b"x", "application/sdp"), (None, b"{}")):
        assert json_parts([("session", part)]) == {}


def test_a_key_that_stands_twice_is_not_read() -> None:
    """In the JSON of a part as in that of a body: another parser may take the other value."""
    twice = b'{"model": "a", "model": "b"}'
    with pytest.raises(UnreadableBodyError):
        json_parts([("session", (None, twice, "application/json"))])
    with pytest.raises(UnreadableBodyError):
        read_form(*written(files={"session": (None, twice, "application/json")}))

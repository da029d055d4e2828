"""Bodies as they are sent: JSON and forms, as the mapping that they stand for."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from otel_residency.calls.request import body_of
from otel_residency.calls.written import UnreadableBodyError

_CONTENT_TYPE = b"content-type"
_MULTIPART, _ENCODED, _JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"
_FIELDS = 1000
"""Fields of one form that are read; a form with more is not."""
_WORDS = {"true": True, "false": False}
"""How the client writes a boolean in a form (openai 3.57.0, `_multipart_fields`)."""


def read_wire(request: Any) -> Any:
    """The body that `request` is about to send.

    Raises:
        Exception: it can't be read, for any reason.
    """
    sent = body_of(request)
    content = request.content if sent is None else sent
    kind = _content_type(request)
    if _media_type(kind) in ("", _JSON):
        return read_json(content)
    return read_form(content, kind)


def read_json(content: bytes) -> Any:
    """The value that `content` is.

    Raises:
        ValueError: it is no JSON.
        UnreadableBodyError: two keys of an object are equal.
    """
    return json.loads(content, object_pairs_hook=_unambiguous)


def read_form(content: bytes, content_type: str) -> dict[str, Any]:
    """The fields of a form; of an uploaded file nothing.

    Raises:
        UnreadableBodyError: it is no form, or not in the form that the client writes.
    """
    kind = _media_type(content_type)
    fields: list[tuple[str, Any]]
    if kind == _ENCODED:
        fields = [
            *parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS)
        ]
    elif kind == _MULTIPART:
        fields = [_field(part) for part in _parts(content, content_type)]
    else:
        raise UnreadableBodyError
    body: dict[str, Any] = {}
    for name, value in fields:
        # As the client and PHP write them: `a[b]` is the field b of a, `a[]` an item of the list a.
        _put(body, name.replace("]", "").split("["), value)
    return body


def _file_part(part: Any) -> Any:
    """The value of a part that the client was given as a file: its JSON, if it has no file name; else `None`.

    `part` is what httpx takes: content, or a tuple of file name, content and content type.
    """
    if not isinstance(part, tuple) or len(part) < 3 or part[0] is not None or part[2] != _JSON:  # noqa: PLR2004
        return None
    return read_json(part[1])


def _parts(content: bytes, content_type: str) -> list[Any]:
    from email.parser import BytesParser  # noqa: PLC0415 - takes 10 ms, and few bodies are forms

    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser().parsebytes(head + content)
    parts = message.get_payload()
    if message.defects or not isinstance(parts, list) or len(parts) > _FIELDS:
        raise UnreadableBodyError
    return parts


def _field(part: Any) -> tuple[str, Any]:
    name = part.get_param("name", header="content-disposition")
    content = part.get_payload(decode=True)
    if part.defects or not isinstance(name, str) or not isinstance(content, bytes):
        raise UnreadableBodyError
    if part.get_filename() is not None:
        return name, None
    return name, read_json(content) if part.get_content_type() == _JSON else content.decode()


def _put(holder: Any, keys: list[str], value: Any) -> None:
    key, *inner = keys
    if not isinstance(holder, dict) or (key in holder and not inner):
        raise UnreadableBodyError
    if not inner:
        holder[key] = _WORDS.get(value, value) if isinstance(value, str) else value
    elif inner[0] == "" or inner[0].isdecimal():
        items = holder.setdefault(key, [])
        if not isinstance(items, list):
            raise UnreadableBodyError
        # Each field is an item of its own: which fields belong to one item can't be read from `a[][b]`.
        item: dict[str, Any] = {}
        _put(item, [key, *inner[1:]], value)
        items.append(item[key])
    else:
        _put(holder.setdefault(key, {}), inner, value)


def json_parts(files: Any) -> dict[str, Any]:
    """The JSON among the parts of a multipart body that the client was given as files."""
    pairs = files.items() if isinstance(files, Mapping) else files
    values = ((name, _file_part(part)) for name, part in pairs)
    return {name: value for name, value in values if value is not None}


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _content_type(request: Any) -> str:
    values = {value for name, value in request.headers.raw if name.lower() == _CONTENT_TYPE}
    # Two content types: servers differ in which one they take.
    (value,) = values or {b""}
    return str(value, "latin-1")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated keys: parsers differ in which of two values they take."""
    # Python takes the last of two equal keys, other parsers the first: a body could show one model here and
    # another at the vendor (tests/calls/test_batch_reading.py,
    # test_a_line_that_cannot_be_read_is_counted_as_unseen).
    read = dict(pairs)
    if len(read) != len(pairs):
        raise UnreadableBodyError
    return read

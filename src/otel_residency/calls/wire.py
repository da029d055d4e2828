"""Bodies as they are sent: JSON and forms, as the mapping that they stand for."""

import json
from collections.abc import Mapping
from typing import Any

from otel_residency.calls.forms import JSON, read_file_part, read_form
from otel_residency.calls.request import body_of
from otel_residency.calls.written import UnreadableBodyError

_CONTENT_TYPE = b"content-type"


def read_wire(request: Any) -> Any:
    """The body that `request` is about to send.

    Raises:
        Exception: it can't be read, for any reason.
    """
    sent = body_of(request)
    content = request.content if sent is None else sent
    kind = _content_type(request)
    if kind.partition(";")[0].strip().lower() in ("", JSON):
        return read_json(content)
    return read_form(content, kind)


def read_json(content: bytes) -> Any:
    """The value that `content` is.

    Raises:
        ValueError: it is no JSON.
        UnreadableBodyError: two keys of an object are equal.
    """
    return json.loads(content, object_pairs_hook=_unambiguous)


def json_parts(files: Any) -> dict[str, Any]:
    """The JSON among the parts of a multipart body that the client was given as files."""
    pairs = files.items() if isinstance(files, Mapping) else files
    values = ((name, read_file_part(part)) for name, part in pairs)
    return {name: value for name, value in values if value is not None}


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

"""Bodies of forms, multipart and URL-encoded, as the mapping that they stand for."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

MULTIPART, ENCODED, JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"
_FIELDS = 1000
"""Fields of one form that are read; a form with more is not."""
_WORDS = {"true": True, "false": False}
"""How the client writes a boolean in a form (openai 3.57.0, `_multipart_fields`)."""


class UnreadableFormError(Exception):
    """The form can't be read as one mapping."""


def read_form(content: bytes, content_type: str) -> dict[str, Any]:
    """The fields of a form; of an uploaded file nothing.

    Raises:
        UnreadableFormError: it is no form, or not in the form that the client writes.
    """
    kind = content_type.partition(";")[0].strip().lower()
    fields: list[tuple[str, Any]]
    if kind == ENCODED:
        fields = [
            *parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS)
        ]
    elif kind == MULTIPART:
        fields = [_field(part) for part in _parts(content, content_type)]
    else:
        raise UnreadableFormError
    body: dict[str, Any] = {}
    for name, value in fields:
        # As the client and PHP write them: `a[b]` is the field b of a, `a[]` an item of the list a.
        _put(body, name.replace("]", "").split("["), value)
    return body


def read_file_part(part: Any) -> Any:
    """The value of a part that the client was given as a file: its JSON, if it has no file name; else `None`.

    `part` is what httpx takes: content, or a tuple of file name, content and content type.
    """
    if not isinstance(part, tuple) or len(part) < 3 or part[0] is not None or part[2] != JSON:  # noqa: PLR2004
        return None
    return json.loads(part[1])


def _parts(content: bytes, content_type: str) -> list[Any]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + content)
    parts = message.get_payload()
    if message.defects or not isinstance(parts, list) or len(parts) > _FIELDS:
        raise UnreadableFormError
    return parts


def _field(part: Any) -> tuple[str, Any]:
    name = part.get_param("name", header="content-disposition")
    content = part.get_payload(decode=True)
    if part.defects or not isinstance(name, str) or not isinstance(content, bytes):
        raise UnreadableFormError
    if part.get_filename() is not None:
        return name, None
    return name, json.loads(content) if part.get_content_type() == JSON else content.decode()


def _put(holder: Any, keys: list[str], value: Any) -> None:
    key, *inner = keys
    if not isinstance(holder, dict) or (key in holder and not inner):
        raise UnreadableFormError
    if not inner:
        holder[key] = _WORDS.get(value, value) if isinstance(value, str) else value
    elif inner[0] == "" or inner[0].isdecimal():
        items = holder.setdefault(key, [])
        if not isinstance(items, list):
            raise UnreadableFormError
        # Each field is an item of its own: which fields belong to one item can't be read from `a[][b]`.
        item: dict[str, Any] = {}
        _put(item, [key, *inner[1:]], value)
        items.append(item[key])
    else:
        _put(holder.setdefault(key, {}), inner, value)

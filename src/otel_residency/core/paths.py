"""The endpoint of a path, by the catalogue."""

import re
from typing import NamedTuple
from urllib.parse import unquote

from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.entries import Endpoint
from otel_residency.core.host_entries import Sender
from otel_residency.core.hosts import canonical_host
from otel_residency.core.regions import UNKNOWN


class EndpointMatch(NamedTuple):
    """What the catalogue says about a path."""

    template: str
    """The endpoint with placeholders for ids, or `unknown`."""
    segments: tuple[str, ...]
    """Segments of the path as the vendor's tables write it (below /v1); empty for any other path."""
    endpoint: Endpoint | None = None
    content: bool = True
    canonical: bool = True
    """Whether all servers read the path alike; see `is_canonical`."""
    deployment: str | None = None
    sender: Sender | None = None
    """The program that sends prompts to this host and path, if one is listed for it."""


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


# What servers decode, cut off or step over in different ways is left out: slashes, backslashes, percent
# signs, semicolons (parameters of a segment), question marks, number signs, control characters, and
# letters that are not ASCII.
_PLAIN_SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,=:@|{}]|%(?!2[35F]|3[BF]|5C|7F)[2-7][0-9A-F])+")
_DOTS = frozenset({".", ".."})
_SLASHES, _END = re.compile(r"[/\\]"), re.compile(r"[?#]")
_DECODINGS = 4
"""How often a forgiving reader decodes a path. One proxy after the other may do so."""


def _decoded(escape: re.Match[str]) -> str:
    # Decoded once: "%2565" is a path with a percent sign, and to decode again would make another path of it.
    letter = chr(int(escape[1], 16))
    return letter if letter in _UNRESERVED else escape[0].upper()


def raw_segments(path: str) -> tuple[str, ...]:
    """The segments of `path`, with escapes of plain letters decoded; dot segments and empty ones stay."""
    return path_segments(_ESCAPE.sub(_decoded, path))


def is_plain(segment: str) -> bool:
    """Whether all servers read one of the `raw_segments` alike."""
    return segment not in _DOTS and _PLAIN_SEGMENT.fullmatch(segment) is not None


def is_canonical(path: str) -> bool:
    """Whether all servers read `path` alike: of any other path nobody knows which endpoint it reaches."""
    segments = raw_segments(path)
    return segments == ("",) or all(map(is_plain, segments))


def normal_path(path: str) -> str:
    """`path` in the normal form of RFC 3986, 6.2.2: escapes of plain letters decoded, dot segments removed.

    Empty segments stay, since servers differ in whether they ignore them.
    """
    kept: list[str] = []
    # Dots after escapes: "%2e%2e" is a step up for servers that decode first.
    segments = raw_segments(path)
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def lenient_path(path: str) -> str:
    """`path` as the most forgiving server reads it: what is_canonical rejects is decoded or stepped over."""
    for _ in range(_DECODINGS):
        path = unquote(path)
    kept: list[str] = []
    for segment in _SLASHES.split(_END.split(path)[0]):
        name = segment.partition(";")[0]
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    return "/" + "/".join(kept)


def match_endpoint(
    catalogue: Catalogue, provider: str, method: str, path: str, gateway_base: str | None = None
) -> EndpointMatch:
    """Look up a raw path. `gateway_base` is the path of the base URL, for hosts that may be gateways."""
    segments, canonical = path_segments(normal_path(path)), is_canonical(path)
    deployment = None
    for base, _ in catalogue.base_paths(provider):
        found = _strip(base, segments)
        if found is not None:
            rest, deployment = found
            break
    else:
        base_segments = path_segments(normal_path(gateway_base.rstrip("/"))) if gateway_base else None
        if base_segments == ("",):
            base_segments = ()
        stripped = None if base_segments is None else _strip(base_segments, segments)
        if stripped is None:
            return EndpointMatch(template=UNKNOWN, segments=(), canonical=canonical)
        rest = stripped[0]
    below = ("v1", *rest)
    endpoint = catalogue.endpoint(below)
    # Only operations that the catalogue lists: what is not known may carry content.
    known = canonical and endpoint is not None and method in endpoint.methods
    content = not known or not any(
        (entry.method in ("*", method)) and _content_free(path_segments(entry.path), below, deep=entry.below)
        for entry in catalogue.entries.without_content
    )
    return EndpointMatch(
        template=endpoint.path if endpoint else UNKNOWN,
        segments=below,
        endpoint=endpoint,
        content=content,
        canonical=canonical,
        deployment=deployment,
    )


def _strip(base: tuple[str, ...], segments: tuple[str, ...]) -> tuple[tuple[str, ...], str | None] | None:
    if len(segments) <= len(base):
        return None
    deployment = None
    for expected, actual in zip(base, segments, strict=False):
        if expected.startswith("{") and actual:
            deployment = actual
        elif expected != actual:
            return None
    return segments[len(base) :], deployment


def _content_free(path: tuple[str, ...], segments: tuple[str, ...], *, deep: bool) -> bool:
    if deep:
        return segments[: len(path)] == path and all(segments)
    return len(path) == len(segments) and all(
        expected == actual or (expected.startswith("{") and bool(actual))
        for expected, actual in zip(path, segments, strict=True)
    )


def match_sender(catalogue: Catalogue, host: str, path: str) -> tuple[str, Sender] | None:
    """The path with placeholders for ids, and the program that is listed to send prompts there."""
    paths = catalogue.senders.get(canonical_host(host))
    if paths is None:
        return None
    segments = path_segments(normal_path(path))
    for pattern, sender in paths:
        if len(pattern) == len(segments) and all(map(_segment_matches, pattern, segments)):
            return "/" + "/".join(pattern), sender
    return None


def _segment_matches(pattern: str, segment: str) -> bool:
    return bool(segment) if pattern.startswith("{") else pattern == segment

"""The endpoint of a path, by the catalogue."""

import re
from typing import NamedTuple

from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.entries import Endpoint, Sender
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
    deployment: str | None = None
    sender: Sender | None = None
    """The program that sends prompts to this host and path, if one is listed for it."""


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normal_path(path: str) -> str:
    """`path` in the normal form of RFC 3986, 6.2.2: escapes of plain letters decoded, dot segments removed.

    Empty segments stay, since servers differ in whether they ignore them.
    """

    def decode(escape: re.Match[str]) -> str:
        # Decoded once: "%2565" is a path with a percent sign, and to decode again would make another path of
        # it.
        letter = chr(int(escape[1], 16))
        return letter if letter in _UNRESERVED else escape[0].upper()

    kept: list[str] = []
    # Dots after escapes: "%2e%2e" is a step up for servers that decode first.
    segments = path_segments(_ESCAPE.sub(decode, path))
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def match_endpoint(
    catalogue: Catalogue, provider: str, method: str, path: str, gateway_base: str | None = None
) -> EndpointMatch:
    """Look up a raw path. `gateway_base` is the path of the base URL, for hosts that may be gateways."""
    segments = path_segments(normal_path(path))
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
            return EndpointMatch(template=UNKNOWN, segments=())
        rest = stripped[0]
    below = ("v1", *rest)
    endpoint = catalogue.endpoint(below)
    content = not any(
        (entry.method in ("*", method)) and _content_free(path_segments(entry.path), below, deep=entry.below)
        for entry in catalogue.entries.without_content
    )
    return EndpointMatch(
        template=endpoint.path if endpoint else UNKNOWN,
        segments=below,
        endpoint=endpoint,
        content=content,
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

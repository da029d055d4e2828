"""Reads files of settings and scripts line by line."""

from collections.abc import Iterator

from otel_residency.cli.scan.literals import Found
from otel_residency.cli.scan.text import in_text


def read(content: bytes) -> Iterator[Found]:
    """Each variable that it sets, and each URL."""
    yield from in_text(content.decode("utf-8-sig", errors="replace"))

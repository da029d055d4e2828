"""What the far ends saw, one JSON object per line: the evidence that does not come from us."""

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self


class Journal:
    """A file that the threads of the endpoints and the proxy append to."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, event: str, **seen: object) -> None:
        """Add one line, at once: it must outlive whatever happens next."""
        entry = {"time": datetime.now(UTC).isoformat(), "event": event, **seen}
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Received:
    """A request as the far end read it."""

    host: str
    body_bytes: int
    markers: tuple[str, ...]


def requests(path: Path) -> list[Received]:
    """Every request in an endpoints' journal."""
    return [
        Received(entry["host"], entry["body_bytes"], tuple(entry["markers"]))
        for entry in _entries(path, "request")
    ]


def connections(path: Path) -> list[str]:
    """The host of every connection that was asked of the proxy, whether or not a byte followed."""
    return [entry["host"] for entry in _entries(path, "connect")]


def _entries(path: Path, event: str) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [entry for line in lines if (entry := json.loads(line))["event"] == event]

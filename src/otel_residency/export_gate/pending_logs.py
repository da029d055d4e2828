"""Log records with content that were emitted before it is known how their call ends.

Each waits until the span ends in which it was emitted, or until its call is settled.
"""

from collections.abc import Callable, Hashable
from threading import RLock
from typing import Literal

from otel_residency.runtime.runtime import runtime

LIMIT = 2048
"""Records that may wait; when there are more, the oldest is released without its content."""

ReleaseReason = Literal["settled", "ended", "flushed"]
"""Why a record is looked at again: its call was settled, its span ended, or it can't wait any longer."""
Release = Callable[[ReleaseReason], None]


class PendingLogs:
    """The records that wait, in the order in which they came.

    Attributes:
        by_key: the numbers of the records that wait for each key.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """Let at most `limit` records wait."""
        self._limit = limit
        self._clear()
        # The records are the parent's, which will export them.
        runtime.at_fork(self._clear)

    def _clear(self) -> None:
        # Reentrant, since a destructor may end a span while the thread that it interrupts is in here.
        self._lock = RLock()
        self._waiting: dict[int, tuple[Hashable, Release]] = {}
        self.by_key: dict[Hashable, list[int]] = {}
        self._number = 0

    def add(self, key: Hashable, release: Release) -> None:
        """Have a record wait until `key` is released."""
        oldest = None
        with self._lock:
            self._number += 1
            self._waiting[self._number] = (key, release)
            self.by_key.setdefault(key, []).append(self._number)
            if len(self._waiting) > self._limit:
                number = next(iter(self._waiting))
                oldest_key, oldest = self._waiting.pop(number)
                self._forget(oldest_key, number)
        # Outside of the lock: to release emits, and processors of the application may do anything.
        if oldest is not None:
            oldest("flushed")

    def _forget(self, key: Hashable, number: int) -> None:
        numbers = self.by_key[key]
        numbers.remove(number)
        if not numbers:
            del self.by_key[key]

    def release(self, key: Hashable, reason: ReleaseReason) -> None:
        """Release the records that wait for `key`; those whose call is still open may come back to wait."""
        with self._lock:
            released = [self._waiting.pop(number)[1] for number in self.by_key.pop(key, ())]
        for release in released:
            release(reason)

    def release_all(self) -> None:
        """Release all records, as they can't wait any longer."""
        with self._lock:
            released = [release for _, release in self._waiting.values()]
            self._waiting.clear()
            self.by_key.clear()
        for release in released:
            release("flushed")

"""Log records with content that were written before it is known how their call ends.

Each waits for the end of the span that it was written in, or for that of its call.
"""

import os
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Literal

LIMIT = 2048
"""Records held at a time; the oldest leave first, without their content."""

Why = Literal["settled", "ended", "flushed"]
"""Why a record is looked at again: a call was judged, its span ended, or it can wait no longer."""
Leave = Callable[[Why], None]


class PendingLogs:
    """The records that wait, in the order in which they came."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Hold at most `limit` records."""
        self._limit = limit
        self._renew()
        if hasattr(os, "register_at_fork"):
            # They are the parent's, which will send them.
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = RLock()
        self._waiting: dict[int, tuple[Hashable, Leave]] = {}
        self._by_key: dict[Hashable, list[int]] = {}
        self._number = 0

    def hold(self, key: Hashable, leave: Leave) -> None:
        """Keep a record until `key` is released."""
        oldest = None
        with self._lock:
            self._number += 1
            self._waiting[self._number] = (key, leave)
            self._by_key.setdefault(key, []).append(self._number)
            if len(self._waiting) > self._limit:
                first = next(iter(self._waiting))
                of, oldest = self._waiting.pop(first)
                self._forget(of, first)
        if oldest is not None:
            oldest("flushed")

    def _forget(self, key: Hashable, number: int) -> None:
        numbers = self._by_key[key]
        numbers.remove(number)
        if not numbers:
            del self._by_key[key]

    def release(self, key: Hashable, why: Why) -> None:
        """Send on what waits for `key`; what is still in doubt may come to wait again."""
        if key not in self._by_key:  # nearly always
            return
        with self._lock:
            leaving = [self._waiting.pop(number)[1] for number in self._by_key.pop(key, ())]
        for leave in leaving:
            leave(why)

    def release_all(self) -> None:
        """Send on everything, as it can wait no longer."""
        with self._lock:
            leaving = [leave for _, leave in self._waiting.values()]
            self._waiting.clear()
            self._by_key.clear()
        for leave in leaving:
            leave("flushed")

"""How many calls this process made, by attributes, until somebody collects metrics.

A call is counted here and told when metrics are collected: to add to an instrument of the SDK takes half
as long as a span.
"""

import os
from collections.abc import Callable, Iterable
from threading import RLock

from opentelemetry.metrics import CallbackOptions, Observation

Key = tuple[tuple[str, str | bool], ...]
"""Attributes, in an order that is always the same."""


class Totals:
    """Counts that only grow.

    They are those of the process, not of one activation: a meter keeps the callback that it was given
    first, so whoever asks must be told of the calls of every later activation too.
    """

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._unasked: list[dict[Key, int]] = []
        """What was counted before each observer that nobody has asked yet."""
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        # One that a destructor may enter, while the thread that it interrupts is inside.
        self._lock = RLock()
        # What the parent counted is the parent's to tell. One that was asked there has to go on from there.
        for before in self._unasked:
            before.update(self._counts)

    def add(self, key: Key, count: int = 1) -> None:
        """Count one, or more."""
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + count

    def observer(self) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """A callback that tells what was counted since now."""
        before = self._copy()
        self._unasked.append(before)

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            self._unasked[:] = [each for each in self._unasked if each is not before]
            for key, count in self._copy().items():
                since = count - before.get(key, 0)
                if since:
                    yield Observation(since, dict(key))

        return observe

    def _copy(self) -> dict[Key, int]:
        with self._lock:
            return dict(self._counts)


calls = Totals()
items = Totals()
records = Totals()

"""Traces that spans link with each other: what happens in one may be reported in the other."""

from time import time_ns

from otel_residency.calls.correlation import CallGroup, CallRegistry, GenerationalCache

_MANY_LINKS = 32
"""Traces that a trace may be linked with; with more, any violation of the process may be one of theirs."""


class TraceLinks:
    """Finds the calls in a trace and in those that it is linked with, by a link in either direction.

    Attributes:
        used: whether a span had a link to another trace.
    """

    def __init__(self, registry: CallRegistry) -> None:
        """Look calls up in `registry`."""
        self._registry = registry
        self._linked: GenerationalCache[frozenset[int]] = GenerationalCache(on_drop=self._on_drop)
        self.used = False

    def add(self, one: int, other: int) -> None:
        """Note that a span of one trace has a link to a span of another one."""
        self.used = True
        for trace, linked in ((one, other), (other, one)):
            traces = self._linked.get(trace) or frozenset()
            if len(traces) <= _MANY_LINKS:  # one more than that shows that there were many
                self._linked.put(trace, traces | {linked})

    def _on_drop(self, _: object) -> None:
        """Have spans that began before now treated, if there was a violation that they may be linked with."""
        if self._registry.violated_at:
            self._registry.horizon = time_ns()

    def groups(self, trace: int) -> list[CallGroup]:
        """The calls of a trace, and those of each that it is linked with."""
        registry = self._registry
        group = registry.traces.get(trace)
        groups = [] if group is None else [group]
        if self.used:
            linked = self._linked.get(trace) or frozenset()
            groups += [found for found in map(registry.traces.get, linked) if found is not None]
            if len(linked) > _MANY_LINKS and registry.violated_at:
                unknown = CallGroup()
                unknown.assume_violation()
                groups.append(unknown)
        return groups

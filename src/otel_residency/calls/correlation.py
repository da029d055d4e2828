"""Which spans and log records belong to a judged call, to a span that is an ancestor of one, or to its trace.

A call is found by the ids of its own span and of those below it, of the span that was current when it
began, and of its trace; and by the context in which it was made, for telemetry in another trace. Nothing here
takes a lock, since spans end in destructors too: each step is one operation of a dictionary, which is atomic.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import time_ns
from typing import Any, Generic, TypeVar

from opentelemetry.trace import Span, SpanContext
from opentelemetry.util.types import AttributeValue

from otel_residency.core.policy_rules import OnExport

Key = tuple[int, int]
"""Trace id and span id."""
Attributes = Mapping[str, AttributeValue]
GENERATION = 4096
"""Entries after which the oldest are dropped; between one and two such sets are kept."""
RECENT = 8
"""Calls that a context remembers."""
_MANY_CALLS = 32

T = TypeVar("T")


def key_of(context: SpanContext) -> Key:
    """The ids that identify a span."""
    return context[:2]  # a span context is a tuple that begins with them


class TrackedCall:
    """What the export gate sees of one call. Until it is settled the call is in doubt.

    Attributes:
        started: when the call began, in ns since 1970.
        span_key: ids of the call's own span.
        parent_key: ids of the span that was current when it began.
        trace: trace id; 0 without one.
        inside: whether its context is in the client right now, and not reading what the client returned.
        try_settle: settles the call, while its answer is read, if that is possible by now.
        attributes: attributes of the latest judgement.
        violation: whether the call violates the policy.
        on_export: what the policy says to do with telemetry of its violation; `None` where that is what it
            says for all calls.
        settled: whether the latest judgement is the last one.
    """

    __slots__ = (
        "attributes",
        "inside",
        "on_export",
        "parent_key",
        "settled",
        "span_key",
        "started",
        "trace",
        "try_settle",
        "violation",
    )

    def __init__(self, started: int) -> None:
        """A call that began at `started`."""
        self.started = started
        self.span_key: Key | None = None
        self.parent_key: Key | None = None
        self.trace = 0
        self.inside = False
        self.try_settle: Callable[[], None] | None = None
        self.attributes: Attributes = {}
        self.violation = False
        self.on_export: OnExport | None = None
        self.settled = False

    def settle_if_possible(self) -> None:
        """Have the call settled, if that is possible by now."""
        if self.try_settle is not None and not self.settled:
            self.try_settle()

    @property
    def sensitive(self) -> bool:
        """Whether its content must not be exported: it violates the policy, or may still turn out to."""
        return self.on_export != "flag" and (self.violation or not self.settled)

    @property
    def withheld(self) -> bool:
        """Whether its content must not be exported since it violates the policy."""
        return self.violation and self.on_export != "flag"


class CallGroup:
    """The calls below one span, or in one trace.

    Attributes:
        call: the call whose own span it is, if another call was made below that span.
        worst: the worst of the settled calls right below the span that are no longer kept one by one.
    """

    __slots__ = ("_direct", "_inherited", "_violating", "call", "worst")

    def __init__(self, call: TrackedCall | None = None) -> None:
        """A group without calls, below the own span of `call` if there is one."""
        # By `id`, and not in a list: adding and removing are each one operation of a dictionary. An id stays
        # unique here, since the value keeps its call alive.
        self._direct: dict[int, TrackedCall] = {}
        self._inherited: dict[int, TrackedCall] = {}
        self._violating = False
        self.call = call
        self.worst: TrackedCall | None = None

    def add(self, call: TrackedCall, *, direct: bool) -> None:
        """Add a call; `direct` if the span of the group was current when it began."""
        calls = self._direct if direct else self._inherited
        if len(calls) >= _MANY_CALLS:
            self._fold(calls, direct=direct)
        calls[id(call)] = call

    def _fold(self, calls: dict[int, TrackedCall], *, direct: bool) -> None:
        """Replace the settled calls by their worst, so that a group of many calls stays small."""
        # `list` copies in one step of the interpreter; to iterate while another thread adds would raise.
        for key, call in list(calls.items()):
            # A call in doubt may still turn out a violation (tests/export_gate/test_correlation.py,
            # test_a_call_in_doubt_is_never_folded_away).
            if call.settled:
                self._violating = self._violating or call.withheld
                if direct:
                    self.worst = worse(self.worst, call)
                calls.pop(key, None)

    def assume_violation(self) -> None:
        """Count as a group with a violation, since one of its calls may have been forgotten."""
        self._violating = True

    def inherit(self, below: "CallGroup") -> None:
        """Add the calls of a span below that matter to this one."""
        self._violating = self._violating or below._violating
        for call in below.sensitive_calls:
            self.add(call, direct=False)

    @property
    def direct(self) -> list[TrackedCall]:
        """The calls made right below the span."""
        return [*([self.worst] if self.worst else ()), *list(self._direct.values())]

    @property
    def sensitive_calls(self) -> list[TrackedCall]:
        """The calls whose content must not be exported, of those kept one by one."""
        for key, call in list(self._inherited.items()):
            # It was added while it was in doubt, and is not looked at again.
            if not call.sensitive and call.settled:
                self._inherited.pop(key, None)
        calls = (*list(self._direct.values()), *list(self._inherited.values()))
        return [call for call in calls if call.sensitive]

    @property
    def violates(self) -> bool:
        """Whether a call violates the policy, and its content must not be exported."""
        return self._violating or any(call.withheld for call in self.sensitive_calls)

    @property
    def sensitive(self) -> bool:
        """Whether content of a call must not be exported."""
        return self._violating or bool(self.sensitive_calls)


class GenerationalCache(Generic[T]):
    """The latest entries by key, in two generations: when the younger one is full, the older one is dropped.

    To drop one entry at a time would need a lock, or an order that threads can disturb.
    """

    def __init__(
        self, size: int = GENERATION, on_drop: Callable[[dict[object, T]], None] | None = None
    ) -> None:
        """Keep between `size` and twice as many entries; `on_drop` is called with those that are dropped."""
        self._size = size
        self._on_drop = on_drop
        self._young: dict[object, T] = {}
        self._old: dict[object, T] = {}

    def get(self, key: object) -> T | None:
        """The entry of `key`."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
        return found

    def put(self, key: object, value: T) -> None:
        """Keep an entry, which is then among the younger ones."""
        self._young[key] = value
        if len(self._young) < self._size:
            return
        # Two threads may both come here; then a generation is dropped early. `on_drop` sees what was in it.
        dropped, self._old, self._young = self._old, self._young, {}
        if self._on_drop is not None:
            self._on_drop({key: entry for key, entry in dropped.items() if key not in self._old})

    def clear(self) -> None:
        """Drop all entries."""
        self._young, self._old = {}, {}


# A tuple, made anew for each call: tasks share the object that their context was copied with, and a list in
# it would mix their calls.
_recent: ContextVar[tuple[TrackedCall, ...]] = ContextVar("otel_residency.recent", default=())
"""The latest calls made in a context, the last one first."""


class CallRegistry:
    """The latest calls of the process, by the spans and traces that they belong to.

    Attributes:
        used: whether there was a call at all.
        horizon: time in ns; a span that began before it may be in the trace of a sensitive call that was
            dropped, or wait for a violating call that was made outside of any trace.
        violated_at: time in ns of the latest violation whose content must not be exported, of any call.
        spans: by the ids of a span its call, if it is the call's own span or below it, or the calls below it.
        traces: the calls of a trace, by its id. All those with a sensitive call are kept as long as they fit.
        find: the look-up in `spans`.
    """

    def __init__(self, size: int = GENERATION) -> None:
        """Remember between `size` and twice as many spans, and as many traces."""
        self._size = size
        self.spans: GenerationalCache[TrackedCall | CallGroup] = GenerationalCache(size)
        self.traces: GenerationalCache[CallGroup] = GenerationalCache(size, self._on_dropped_traces)
        self.find = self.spans.get
        self.used = False
        self.horizon = 0
        self.violated_at = 0

    def enter(self, call: TrackedCall) -> None:
        """Note that a call begins in this context."""
        self.used = call.inside = True
        # Never reset: the spans that end after the call are found by it. It holds eight calls, and goes with
        # its context.
        _recent.set((call, *_recent.get()[: RECENT - 1]))

    def begin(self, call: TrackedCall, span: SpanContext | None, current: Span) -> None:
        """Note the call's own span, the one that was current before, and the parent of that.

        The parent is noted now, since a span that never ends passes nothing on.
        """
        if span is not None and span.is_valid:
            call.span_key = key_of(span)
            call.trace = span.trace_id
            self.spans.put(call.span_key, call)
        context = current.get_span_context()
        if context.is_valid:
            call.parent_key = key_of(context)
            call.trace = context.trace_id
            self.group(self.spans, call.parent_key).add(call, direct=True)
            # `parent` is an attribute of the SDK's spans; those of the API alone have none.
            parent: SpanContext | None = getattr(current, "parent", None)
            if parent is not None:
                self.group(self.spans, key_of(parent)).add(call, direct=False)
            self.group(self.traces, call.trace).add(call, direct=False)
        elif call.violation and call.withheld:
            self.look_around()

    def update(
        self,
        call: TrackedCall,
        attributes: Attributes,
        *,
        violation: bool,
        on_export: OnExport | None = None,
    ) -> None:
        """Note the latest judgement of a call."""
        call.attributes = attributes
        call.violation = violation
        call.on_export = on_export
        if call.withheld:
            self.violated_at = time_ns()

    def settle(
        self,
        call: TrackedCall,
        attributes: Attributes,
        *,
        violation: bool,
        on_export: OnExport | None = None,
    ) -> None:
        """Note the last judgement of a call."""
        self.update(call, attributes, violation=violation, on_export=on_export)
        call.settled = True
        if violation and call.parent_key is None and call.withheld:
            self.look_around()

    def look_around(self) -> None:
        """Have spans that began before now treated: one may wait for a call outside of its trace."""
        self.horizon = time_ns()

    def group(self, cache: "GenerationalCache[Any]", key: object) -> CallGroup:
        """The calls of a span or a trace, in `spans` or `traces`; an empty group if there were none."""
        # A span may be a call's and an ancestor's at once: a call inside of a call
        # (tests/calls/test_clients.py, test_a_call_inside_of_a_call).
        found = cache.get(key)
        if not isinstance(found, CallGroup):
            found = CallGroup(found)
        # Put again, also where it was found: it moves to the younger generation.
        cache.put(key, found)
        return found

    def _on_dropped_traces(self, dropped: dict[object, CallGroup]) -> None:
        """Keep the traces with a sensitive call, or raise the horizon if there are too many of them."""
        sensitive = {trace: group for trace, group in dropped.items() if group.sensitive}
        if len(sensitive) > self._size // 2:
            self.horizon = time_ns()
            return
        for trace, group in sensitive.items():
            self.traces.put(trace, group)

    def recent(self) -> tuple[TrackedCall, ...]:
        """The latest calls made in this context, the last one first."""
        return _recent.get()

    def clear(self) -> None:
        """Forget everything, in this context too."""
        _recent.set(())
        self.spans.clear()
        self.traces.clear()
        self.horizon = self.violated_at = 0


def worse(one: TrackedCall | None, other: TrackedCall) -> TrackedCall:
    """The one of two calls that a span should show: a violation before a doubt, a doubt before the rest."""
    if one is None or (other.violation, not other.settled) > (one.violation, not one.settled):
        return other
    return one

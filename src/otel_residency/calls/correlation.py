"""Which spans and log records belong to a judged call, or to a span that is an ancestor of one.

A call is found by its own span, below which HTTP spans end; by the span that was current when it began,
usually that of a GenAI instrumentation; and by the context in which it was made. Nothing here takes a lock,
since spans end in destructors too: each step is one operation of a dictionary, which is atomic.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from time import time_ns
from typing import Generic, TypeVar

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
        trace: trace id.
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


class AncestorSpan:
    """A span below which calls are made.

    Attributes:
        ended: whether the span has ended.
        worst: the worst of the settled calls right below it that are no longer kept one by one.
    """

    __slots__ = ("_direct", "_inherited", "_violating", "ended", "worst")

    def __init__(self) -> None:
        """A span without calls."""
        # By `id`, and not in a list: adding and removing are each one operation of a dictionary. An id stays
        # unique here, since the value keeps its call alive.
        self._direct: dict[int, TrackedCall] = {}
        self._inherited: dict[int, TrackedCall] = {}
        self._violating = False
        self.ended = False
        self.worst: TrackedCall | None = None

    def add(self, call: TrackedCall, *, direct: bool) -> None:
        """Add a call below the span; `direct` if the span was current when it began."""
        calls = self._direct if direct else self._inherited
        if len(calls) >= _MANY_CALLS:
            self._fold(calls, direct=direct)
        calls[id(call)] = call

    def _fold(self, calls: dict[int, TrackedCall], *, direct: bool) -> None:
        """Replace the settled calls by their worst, so that a span with many calls stays small."""
        # `list` copies in one step of the interpreter; to iterate while another thread adds would raise.
        for key, call in list(calls.items()):
            # A call in doubt may still turn out a violation (tests/export_gate/test_correlation.py,
            # test_a_call_in_doubt_is_never_folded_away).
            if call.settled:
                self._violating = self._violating or call.withheld
                if direct:
                    self.worst = worse(self.worst, call)
                calls.pop(key, None)

    def inherit(self, below: "AncestorSpan") -> None:
        """Add the calls of a span below this one that matter to it."""
        self._violating = self._violating or below._violating
        for call in below.sensitive_calls:
            self.add(call, direct=False)

    @property
    def direct(self) -> list[TrackedCall]:
        """The calls made right below the span."""
        return [*([self.worst] if self.worst else ()), *list(self._direct.values())]

    @property
    def sensitive_calls(self) -> list[TrackedCall]:
        """The calls below the span whose content must not be exported, of those kept one by one."""
        calls = (*list(self._direct.values()), *list(self._inherited.values()))
        return [call for call in calls if call.sensitive]

    @property
    def violates(self) -> bool:
        """Whether a call below the span violates the policy, and its content must not be exported."""
        return self._violating or any(call.withheld for call in self.sensitive_calls)

    @property
    def sensitive(self) -> bool:
        """Whether content of a call below the span must not be exported."""
        return self._violating or bool(self.sensitive_calls)


class GenerationalCache(Generic[T]):
    """The latest entries by key, in two generations: when the younger one is full, the older one is dropped.

    To drop one entry at a time would need a lock, or an order that threads can disturb.
    """

    def __init__(self, size: int = GENERATION) -> None:
        """Keep between `size` and twice as many entries."""
        self._size = size
        self._young: dict[object, T] = {}
        self._old: dict[object, T] = {}

    def get(self, key: object) -> T | None:
        """The entry of `key`."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
        return found

    def put(self, key: object, value: T) -> Iterable[T]:
        """Keep an entry, and return those that are dropped for it."""
        self._young[key] = value
        if len(self._young) < self._size:
            return ()
        # Two threads may both come here; then a generation is dropped early. `horizon` is set for what
        # mattered in it.
        dropped, self._old, self._young = self._old, self._young, {}
        return [entry for key, entry in dropped.items() if key not in self._old]

    def clear(self) -> None:
        """Drop all entries."""
        self._young, self._old = {}, {}


# A tuple, made anew for each call: tasks share the object that their context was copied with, and a list in
# it would mix their calls.
_recent: ContextVar[tuple[TrackedCall, ...]] = ContextVar("otel_residency.recent", default=())
"""The latest calls made in a context, the last one first."""


class CallRegistry:
    """The latest calls of the process, by the spans that they belong to.

    Attributes:
        used: whether there was a call at all.
        horizon: time in ns; a span that began before it may be an ancestor of a sensitive call that was
            dropped.
        violated_at: time in ns of the latest violation whose content must not be exported, of any call.
        find: from the ids of a span to its call, if it is the call's own span or below it, or to its entry as
            an ancestor of calls.
    """

    def __init__(self, size: int = GENERATION) -> None:
        """Remember between `size` and twice as many spans."""
        self._entries: GenerationalCache[TrackedCall | AncestorSpan] = GenerationalCache(size)
        self.find = self._entries.get
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
            self._keep(call.span_key, call)
        context = current.get_span_context()
        if context.is_valid:
            call.parent_key = key_of(context)
            call.trace = context.trace_id
            self.ancestor(call.parent_key).add(call, direct=True)
            # `parent` is an attribute of the SDK's spans; those of the API alone have none.
            parent: SpanContext | None = getattr(current, "parent", None)
            if parent is not None:
                self.ancestor(key_of(parent)).add(call, direct=False)

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

    def ancestor(self, key: Key) -> AncestorSpan:
        """The entry of a span that is an ancestor of calls, made if there is none."""
        # A span may be a call's and an ancestor's at once: a call inside of a call
        # (tests/calls/test_clients.py, test_a_call_inside_of_a_call).
        found = self.find(key)
        if not isinstance(found, AncestorSpan):
            found = AncestorSpan()
        # Put again, also where it was found: it moves to the younger generation.
        self._keep(key, found)
        return found

    def _keep(self, key: Key, entry: TrackedCall | AncestorSpan) -> None:
        for dropped in self._entries.put(key, entry):
            if isinstance(dropped, AncestorSpan) and not dropped.ended and dropped.sensitive:
                self.horizon = time_ns()

    def add_descendant(self, call: TrackedCall, key: Key) -> None:
        """Note that a span is below the call's own; spans below that one may end later."""
        self._keep(key, call)

    def recent(self) -> tuple[TrackedCall, ...]:
        """The latest calls made in this context, the last one first."""
        return _recent.get()

    def pass_on(self, ancestor: AncestorSpan, parent: Key) -> None:
        """Pass on to the parent of a span that ends what matters of the calls below it."""
        if ancestor.sensitive:
            self.ancestor(parent).inherit(ancestor)

    def clear(self) -> None:
        """Forget everything, in this context too."""
        _recent.set(())
        self._entries.clear()
        self.horizon = self.violated_at = 0


def worse(one: TrackedCall | None, other: TrackedCall) -> TrackedCall:
    """The one of two calls that a span should show: a violation before a doubt, a doubt before the rest."""
    if one is None or (other.violation, not other.settled) > (one.violation, not one.settled):
        return other
    return one

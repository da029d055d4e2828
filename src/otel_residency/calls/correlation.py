"""Which spans and log records belong to a judged call, or stand above one.

A call is known by its own span, below which HTTP spans end, by the span that was current when it began,
usually that of a GenAI instrumentation, and by the context that it was made in. Nothing here takes a lock,
since spans end in destructors too: each step is one operation of a dictionary.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from time import time_ns
from typing import Generic, TypeVar

from opentelemetry.trace import Span, SpanContext
from opentelemetry.util.types import AttributeValue

Key = tuple[int, int]
"""Trace id and span id."""
Attributes = Mapping[str, AttributeValue]
GENERATION = 4096
"""Entries of each kind after which the oldest are forgotten; between one and two such sets are kept."""
RECENT = 8
"""Calls that a context remembers."""
_MANY = 32

T = TypeVar("T")


def key_of(context: SpanContext) -> Key:
    """The ids that tell a span from all others."""
    return context[:2]  # a span context is a tuple that begins with them


class TrackedCall:
    """What is known of one call. Until it is settled the call is in doubt."""

    __slots__ = (
        "above",
        "attributes",
        "inside",
        "own",
        "reconsider",
        "settled",
        "started",
        "trace",
        "violation",
    )

    def __init__(self, started: int) -> None:
        """A call that began at that time, in ns."""
        self.started = started
        self.own: Key | None = None
        self.above: Key | None = None
        self.trace = 0
        self.inside = False
        """Whether its context is in the client right now, and not reading what it handed over."""
        self.reconsider: Callable[[], None] | None = None
        """Asks the call, while its answer is read, whether it can be judged by now."""
        self.attributes: Attributes = {}
        self.violation = False
        self.settled = False

    def ask(self) -> None:
        """Have the call judged if it can be by now."""
        reconsider = self.reconsider
        if reconsider is not None and not self.settled:
            reconsider()

    @property
    def troubled(self) -> bool:
        """Whether its content must not leave: it violates the policy, or is not judged to its end."""
        return self.violation or not self.settled

    def know(self, attributes: Attributes, *, violation: bool) -> None:
        """Note the latest decision."""
        self.attributes = attributes
        self.violation = violation
        if violation:
            CallRegistry.violated_at = time_ns()

    def settle(self, attributes: Attributes, *, violation: bool) -> None:
        """Note the last decision."""
        self.know(attributes, violation=violation)
        self.settled = True


class AncestorSpan:
    """What is known of a span below which calls are made."""

    __slots__ = ("_direct", "_inherited", "ended", "violating", "worst")

    def __init__(self) -> None:
        """A span without calls."""
        self._direct: dict[int, TrackedCall] = {}
        self._inherited: dict[int, TrackedCall] = {}
        self.violating = False
        self.ended = False
        self.worst: TrackedCall | None = None
        """The worst of the calls made right below it that were settled and are no longer kept one by one."""

    def add(self, mark: TrackedCall, *, direct: bool) -> None:
        """Note a call below the span; `direct` if the span was current when it began."""
        marks = self._direct if direct else self._inherited
        if len(marks) >= _MANY:
            self._fold(marks, direct=direct)
        marks[id(mark)] = mark

    def _fold(self, marks: dict[int, TrackedCall], *, direct: bool) -> None:
        """Keep of the settled calls only what they amount to."""
        for key, mark in list(marks.items()):
            if mark.settled:
                self.violating = self.violating or mark.violation
                if direct:
                    self.worst = worse(self.worst, mark)
                marks.pop(key, None)

    @property
    def direct(self) -> list[TrackedCall]:
        """The calls made right below the span."""
        return [*([self.worst] if self.worst else ()), *list(self._direct.values())]

    @property
    def troubling(self) -> list[TrackedCall]:
        """The calls below the span whose content must not leave, of those still kept one by one."""
        marks = (*list(self._direct.values()), *list(self._inherited.values()))
        return [mark for mark in marks if mark.troubled]

    @property
    def violates(self) -> bool:
        """Whether a call below the span violates the policy."""
        return self.violating or any(mark.violation for mark in self.troubling)

    @property
    def troubled(self) -> bool:
        """Whether content of a call below the span must not leave."""
        return self.violating or bool(self.troubling)


class GenerationalCache(Generic[T]):
    """The latest entries by key, in two generations: when the younger is full, the older is forgotten."""

    def __init__(self, size: int = GENERATION) -> None:
        """Keep between `size` and twice as many."""
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
        """Keep an entry; gives those that are forgotten for it."""
        self._young[key] = value
        if len(self._young) < self._size:
            return ()
        dropped, self._old, self._young = self._old, self._young, {}
        return [entry for lost, entry in dropped.items() if lost not in self._old]

    def clear(self) -> None:
        """Forget all entries."""
        self._young, self._old = {}, {}


class CallRegistry:
    """The calls of this process that were made lately.

    Attributes:
        ever: whether there was a call at all.
        horizon: time in ns up to which spans that began may stand above a call that was forgotten.
        violated_at: time in ns of the latest violation, of whatever call.
    """

    violated_at = 0

    def __init__(self, size: int = GENERATION) -> None:
        """Remember as many spans of each kind."""
        self._known: GenerationalCache[TrackedCall | AncestorSpan] = GenerationalCache(size)
        self.find = self._known.get
        """What is known of a span: the call that it is or is below of, or the calls that it stands above."""
        self._recent: ContextVar[tuple[TrackedCall, ...]] = ContextVar("otel_residency.recent", default=())
        self.ever = False
        self.horizon = 0

    def enter(self, mark: TrackedCall) -> None:
        """Note that a call begins in this context."""
        self.ever = mark.inside = True
        self._recent.set((mark, *self._recent.get()[: RECENT - 1]))

    def begin(self, mark: TrackedCall, own: SpanContext | None, current: Span) -> None:
        """Note the call's own span, the one that was current before, and the one above that.

        The last is noted now, since a span that is never ended passes nothing on.
        """
        if own is not None and own.is_valid:
            mark.own = key_of(own)
            mark.trace = own.trace_id
            self._keep(mark.own, mark)
        above = current.get_span_context()
        if above.is_valid:
            mark.above = key_of(above)
            mark.trace = above.trace_id
            self.above(mark.above).add(mark, direct=True)
            parent: SpanContext | None = getattr(current, "parent", None)
            if parent is not None:
                self.above(key_of(parent)).add(mark, direct=False)

    def above(self, key: Key) -> AncestorSpan:
        """The entry of a span that stands above a call, made if need be."""
        found = self.find(key)
        if not isinstance(found, AncestorSpan):
            found = AncestorSpan()
        self._keep(key, found)
        return found

    def _keep(self, key: Key, entry: TrackedCall | AncestorSpan) -> None:
        for lost in self._known.put(key, entry):
            if isinstance(lost, AncestorSpan) and not lost.ended and lost.troubled:
                self.horizon = time_ns()

    def descend(self, mark: TrackedCall, key: Key) -> None:
        """Note that a span is below the call's own; what is below it may end later."""
        self._keep(key, mark)

    def recent(self) -> tuple[TrackedCall, ...]:
        """The latest calls made in this context, the last one first."""
        return self._recent.get()

    def inherit(self, above: AncestorSpan, parent: Key) -> None:
        """Pass on to the parent of a span what is known of the calls below it."""
        if not above.troubled:
            return
        entry = self.above(parent)
        entry.violating = entry.violating or above.violating
        for mark in above.troubling:
            entry.add(mark, direct=False)

    def clear(self) -> None:
        """Forget everything, in this context."""
        self._recent.set(())
        self._known.clear()
        CallRegistry.violated_at = 0
        self.horizon = 0


def worse(one: TrackedCall | None, other: TrackedCall) -> TrackedCall:
    """The call of two that a span should speak of: one in breach goes before one in doubt."""
    if one is None or (other.violation, not other.settled) > (one.violation, not one.settled):
        return other
    return one


marks = CallRegistry()
"""Those of this process: spans outlive an activation."""

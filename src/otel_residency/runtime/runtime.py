"""The state of the process while otel-residency is installed, and its hooks for fork and exit.

Patches stay in place once they are made, so there is one `Runtime` object for the life of the process. What
it holds is begun by the instrumentor and ended by it; tests begin a fresh one with `Runtime.fresh`.
"""

import atexit
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Generic, NoReturn, Protocol, TypeVar
from weakref import WeakMethod

S = TypeVar("S")
G = TypeVar("G", bound="SettledListener")
T = TypeVar("T")
Hook = Callable[[], None]


class SettledListener(Protocol):
    """What a call needs of the export gate."""

    def on_settled(self, call: Any) -> None:
        """Called with each call whose verdict is final."""


class PatchedLibraries:
    """What is known of the libraries that were patched; it is true for as long as the process runs.

    Attributes:
        installed: names of the groups of patches that were asked for.
        missing: patches of openai and its HTTP libraries that could not be put in place.
        missing_clients: patches of other HTTP clients, which openai does not need.
        missing_exporters: patches of the OpenTelemetry SDK that put the export gate in front of exporters.
        on_missing: called with the name of each patch that joins `missing` from now on.
        byte_streams: classes of httpx, exactly, whose streams are one piece of bytes that can be read again.
        builders: httpx's own `build_request` functions by id, since another's wrapper may claim to be equal.
    """

    def __init__(self) -> None:
        self.installed: set[str] = set()
        self.missing: set[str] = set()
        self.missing_clients: set[str] = set()
        self.missing_exporters: set[str] = set()
        self.on_missing: Callable[[str], object] | None = None
        self.byte_streams: set[Any] = set()
        self.builders: dict[int, Any] = {}

    def first_time(self, group: str) -> bool:
        """Whether a group of patches is asked for the first time in this process."""
        first = group not in self.installed
        self.installed.add(group)
        return first

    def miss(self, name: str) -> None:
        """Note a patch of openai or its HTTP libraries that could not be put in place."""
        self.missing.add(name)
        if self.on_missing is not None:
            self.on_missing(name)


class Runtime(Generic[S, G]):
    """The state of the process.

    Attributes:
        state: settings and guard of the current activation; `None` switches every patch off.
        gate: the export gate, once it is built.
        build_gate: builds the gate when the first item comes: it imports the SDK, which the application may
            never import. `None` lets every item through.
        carrier: carries requirements between services (`requirements.context.Carrier`), if the policy asks
            for it.
        patched: what is known of the patched libraries.
    """

    def __init__(self) -> None:
        self.patched = PatchedLibraries()
        # Weak, and one hook for all: what is registered with `os.register_at_fork` or `atexit` stays for
        # ever, and would keep every state that was ever active.
        self._before_fork: list[WeakMethod[Hook]] = []
        self._in_parent: list[WeakMethod[Hook]] = []
        self._in_child: list[WeakMethod[Hook]] = []
        self._at_exit: list[WeakMethod[Hook]] = []
        self._at_os_exit: list[WeakMethod[Hook]] = []
        self._wraps_os_exit = False
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                # Reversed, as Python calls its own hooks: who registered last may hold what the others need.
                before=lambda: _run(reversed(self._before_fork)),
                after_in_parent=lambda: _run(self._in_parent),
                after_in_child=lambda: _run(self._in_child),
            )

    def _begin(self) -> None:
        self.state: S | None = None
        self.gate: G | None = None
        self.build_gate: Callable[[], G] | None = None
        self.carrier: Any = None
        # By the function that makes it: the class of a part needs no name in this module, which imports none
        # of them.
        self._parts: dict[Callable[[], Any], Any] = {}

    def part(self, make: Callable[[], T]) -> T:
        """The one object of this process that `make` returns; it is called at the first use."""
        if make not in self._parts:
            # Of two threads that ask at once, one object stays.
            self._parts.setdefault(make, make())
        part: T = self._parts[make]
        return part

    @contextmanager
    def fresh(self) -> "Iterator[Runtime[S, G]]":
        """Begin anew within a block: nothing is active and no part was made. Patches stay in place."""
        # `_begin` replaces neither `patched` nor the lists of hooks: patches stay in place, and a list holds
        # only what still lives.
        before = dict(vars(self))
        self._begin()
        try:
            yield self
        finally:
            vars(self).update(before)

    def at_fork(self, in_child: Hook, *, before: Hook | None = None, in_parent: Hook | None = None) -> None:
        """Call bound methods around a fork, for as long as their objects live."""
        _add(self._in_child, in_child)
        if before is not None:
            _add(self._before_fork, before)
        if in_parent is not None:
            _add(self._in_parent, in_parent)

    def at_exit(self, method: Hook, *, first: bool = False, always: bool = False) -> None:
        """Call a bound method at the end of the process, if its object still lives.

        Args:
            method: of an object that may be gone by then.
            first: call it before the others, since it makes work for them.
            always: call it where the process ends by `os._exit`, too. It must do nothing the second time.
        """
        _add(self._at_exit, method, first=first)
        if always:
            _add(self._at_os_exit, method)
            if not self._wraps_os_exit:
                self._wraps_os_exit = True
                # Processes of multiprocessing, celery's pool (billiard 4.3, `Popen._launch`) and rq (3.0,
                # `fork_work_horse`) end so, without what was registered with `atexit`.
                os._exit = _after(lambda: _run(self._at_os_exit), os._exit)  # type: ignore[assignment]
        # Last in, first out: what joins after the SDK's providers were made must run before they shut down.
        atexit.unregister(self._exit)
        atexit.register(self._exit)

    def _exit(self) -> None:
        _run(self._at_exit)


def _after(run: Hook, os_exit: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
    @wraps(os_exit)
    def exit_after(status: int) -> NoReturn:
        try:
            run()
        finally:
            os_exit(status)

    return exit_after


def _add(methods: list[WeakMethod[Hook]], method: Hook, *, first: bool = False) -> None:
    """Add a method, and drop those whose objects are gone."""
    methods[:] = [each for each in methods if each() is not None]
    methods.insert(0 if first else len(methods), WeakMethod(method))


def _run(methods: Iterable[WeakMethod[Hook]]) -> None:
    # A copy: a hook may register another one, or be the last to hold the object of the next.
    for reference in list(methods):
        method = reference()
        if method is not None:
            method()


runtime: Runtime[Any, Any] = Runtime()

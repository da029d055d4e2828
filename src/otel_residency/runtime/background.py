"""A daemon thread with a queue that destructors can use; it ends the spans of abandoned streams.

A stream that the application drops is closed by the garbage collector, at any instruction of any thread,
perhaps while that thread holds a lock of the SDK that ending a span needs too. So the destructor only puts
the work into a `queue.SimpleQueue`, which is reentrant, and the thread does it.
"""

import queue
from collections.abc import Callable, Iterator
from threading import RLock, Thread
from typing import Protocol
from weakref import WeakValueDictionary

from otel_residency.runtime.runtime import runtime

Work = Callable[[], None]


class OpenCall(Protocol):
    """A call whose answer is still being read."""

    def finish(self) -> None:
        """End it, unless it has ended."""

    def hand_over(self) -> None:
        """Leave it to the parent of this process."""


class BackgroundThread:
    """A queue of work and the thread that does it."""

    def __init__(self, name: str) -> None:
        """Start nothing yet; `name` is the thread's."""
        self._name = name
        self._reset()
        runtime.at_exit(self.end, first=True)
        runtime.at_fork(self._after_fork)

    def _after_fork(self) -> None:
        for call in self._open_calls():
            call.hand_over()
        self._reset()

    def _reset(self) -> None:
        self._open: WeakValueDictionary[int, OpenCall] = WeakValueDictionary()
        self._queue: queue.SimpleQueue[Work] = queue.SimpleQueue()
        # A fork copies no threads: the child begins with a new queue, since what waits is the parent's work.
        self._thread: Thread | None = None
        # Plain, since `prepare` is never called by a destructor, which could interrupt it in its own thread.
        self._lock = RLock()  # a signal handler may make a call while its thread starts this one

    def prepare(self, call: OpenCall | None = None) -> None:
        """Start the thread, before `call` can be abandoned. Never call this from a destructor."""
        if call is not None:
            self._open[id(call)] = call
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    # A new queue: gevent may have replaced the class since, and the old kind would block
                    # every greenlet.
                    waiting, self._queue = self._queue, queue.SimpleQueue()
                    while not waiting.empty():
                        self._queue.put(waiting.get())
                    thread = Thread(target=self._run, name=self._name, daemon=True)
                    thread.start()
                    self._thread = thread

    def submit(self, work: Work) -> None:
        """Have the thread call `work`; safe in a destructor."""
        self._queue.put(work)

    def end(self) -> None:
        """End what is open at the end of the process: afterwards no thread could be started."""
        for call in self._open_calls():
            call.finish()
        self.drain()

    def _open_calls(self) -> Iterator[OpenCall]:
        # References: other threads may go on to add calls.
        calls = (reference() for reference in self._open.valuerefs())
        return (call for call in calls if call is not None)

    def drain(self) -> None:
        """Do all waiting work now, in the calling thread."""
        while True:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                return
            work()

    def _run(self) -> None:
        get = self._queue.get
        while True:
            # No local name for the work: it would keep the last call, and its span, until the next one comes.
            get()()


def stream_ender() -> BackgroundThread:
    """The thread that ends the spans of abandoned streams; see `Runtime.part`."""
    return BackgroundThread("otel-residency-reaper")

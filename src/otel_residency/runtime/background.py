"""Ends the spans of abandoned streams outside the garbage collector.

A stream that nobody closes is closed by the collector, at any instruction of any thread, perhaps while
that thread holds a lock of the SDK that ending a span needs too. So the collector only puts the work into
a queue that is safe to use from a destructor, and one daemon thread does it.
"""

import atexit
import os
import queue
from collections.abc import Callable
from threading import Lock, Thread

Work = Callable[[], None]


class Reaper:
    """A queue of work and the thread that does it."""

    def __init__(self, name: str) -> None:
        """Start nothing yet; `name` is the thread's."""
        self._name = name
        self._reset()
        atexit.register(self.drain)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._queue: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._thread: Thread | None = None
        self._lock = Lock()

    def prepare(self) -> None:
        """Have the thread running. Call it before work can come, never from a destructor."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    # Anew: gevent may have put its own in place, and the old one would stop every greenlet.
                    waiting, self._queue = self._queue, queue.SimpleQueue()
                    while not waiting.empty():
                        self._queue.put(waiting.get())
                    self._thread = Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()

    def submit(self, work: Work) -> None:
        """Have `work` done soon; safe in a destructor."""
        self._queue.put(work)

    def drain(self) -> None:
        """Do all waiting work in this thread."""
        while True:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                return
            work()

    def _run(self) -> None:
        get = self._queue.get
        while True:
            get()()


reaper = Reaper("otel-residency-reaper")

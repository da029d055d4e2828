"""The state of the process, and its hooks for fork and exit."""

import os
import subprocess
import sys
from threading import Barrier, Thread

import pytest

from otel_residency.runtime.runtime import PatchedLibraries, Runtime


class Part:
    """A part that notes what it is called for."""

    def __init__(self) -> None:
        """Begin with no calls."""
        self.calls: list[str] = []

    def before(self) -> None:
        """Note that a fork is about to come."""
        self.calls.append("before")

    def in_parent(self) -> None:
        """Note a fork, in the parent."""
        self.calls.append("in parent")

    def in_child(self) -> None:
        """Note a fork, in the child."""
        self.calls.append("in child")


def test_a_part_is_made_once() -> None:
    """Who asks for a part gets the same object, until the runtime is a fresh one."""
    runtime: Runtime[object, Part] = Runtime()
    first = runtime.part(Part)
    assert runtime.part(Part) is first
    with runtime.fresh():
        assert runtime.part(Part) is not first
    assert runtime.part(Part) is first


def test_concurrent_threads_get_one_part() -> None:
    """Of parts that threads make at the same time, one stays."""
    runtime: Runtime[object, Part] = Runtime()
    barrier = Barrier(8)
    found: list[Part] = []

    def get_part() -> None:
        barrier.wait()
        found.append(runtime.part(Part))

    threads = [Thread(target=get_part) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(part) for part in found} == {id(runtime.part(Part))}


def test_a_fresh_runtime_has_nothing_active() -> None:
    """State and gate are gone within the block and there again after it; the patches stay known."""
    runtime: Runtime[str, Part] = Runtime()
    runtime.state, runtime.gate, runtime.carrier = "active", Part(), "carrier"
    runtime.patched.miss("BaseClient.request")
    with runtime.fresh():
        assert (runtime.state, runtime.gate, runtime.build_gate, runtime.carrier) == (None, None, None, None)
        assert runtime.patched.missing == {"BaseClient.request"}
        runtime.state = "another"
    assert (runtime.state, runtime.carrier) == ("active", "carrier")


def test_a_missing_patch_is_reported() -> None:
    """Whoever waits for it is called with each patch that can't be put in place from then on."""
    patched = PatchedLibraries()
    reported: list[str] = []
    patched.miss("before")
    patched.on_missing = reported.append
    patched.miss("after")
    assert (patched.missing, reported) == ({"before", "after"}, ["after"])


def test_a_group_of_patches_is_installed_once() -> None:
    """Only the first to ask puts the patches in place."""
    patched = PatchedLibraries()
    assert [patched.first_time("clients"), patched.first_time("clients")] == [True, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_parts_are_called_around_a_fork() -> None:
    """The parent and the child each call their methods, and those of a part that is gone are not called."""
    runtime: Runtime[object, Part] = Runtime()
    part, gone = Part(), Part()
    for each in (part, gone):
        runtime.at_fork(each.in_child, before=each.before, in_parent=each.in_parent)
    del each, gone
    child = os.fork()
    if child == 0:
        os._exit(0 if part.calls == ["before", "in child"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert part.calls == ["before", "in parent"]


CODE = """
import atexit
from otel_residency.runtime.runtime import Runtime

class Part:
    def __init__(self, name):
        self.name = name

    def end(self):
        print(self.name)

runtime = Runtime()
ledger, stream_ender, gone = Part("ledger"), Part("stream ender"), Part("gone")
runtime.at_exit(ledger.end)
runtime.at_exit(gone.end)
atexit.register(print, "provider of the SDK")
runtime.at_exit(stream_ender.end, first=True)
del gone
"""


def test_the_end_of_the_process_comes_in_order() -> None:
    """What makes work for others ends first, and all parts end before the providers that they report to."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["stream ender", "ledger", "provider of the SDK"]

"""Log records wait in order, within bounds, and are not sent twice by a forked process."""

import os

from otel_residency.export_gate.pending_logs import PendingLogs


def test_records_are_released_in_order() -> None:
    """Each with the reason; those of other keys go on waiting."""
    pending, left = PendingLogs(), []
    for number in range(4):
        pending.add(number % 2, lambda why, number=number: left.append((number, why)))
    pending.release(0, "ended")
    pending.release(0, "ended")
    pending.release("unknown", "settled")
    assert left == [(0, "ended"), (2, "ended")]
    pending.release_all()
    assert left[2:] == [(1, "flushed"), (3, "flushed")]


def test_too_many_push_the_oldest_out() -> None:
    """None is lost, and no more wait than may."""
    pending, left = PendingLogs(3), []
    for number in range(10):
        pending.add("key", lambda why, number=number: left.append((number, why)))
    assert left == [(number, "flushed") for number in range(7)]
    assert len(pending._waiting) == 3
    pending.release("key", "settled")
    assert left[7:] == [(7, "settled"), (8, "settled"), (9, "settled")]
    assert pending.by_key == {}


def test_a_child_process_holds_nothing() -> None:
    """What waits belongs to the parent, which will send it."""
    pending, left = PendingLogs(), []
    pending.add("key", left.append)
    child = os.fork()
    if child == 0:
        pending.release_all()
        os._exit(len(left))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    pending.release_all()
    assert left == ["flushed"]

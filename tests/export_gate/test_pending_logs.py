"""Log records wait in order, within bounds, and are not sent twice by a forked process."""

import os

from otel_residency.export_gate.pending_logs import PendingLogs


def test_records_leave_in_order_when_their_key_is_released() -> None:
    """Each with the reason; those of other keys go on waiting."""
    held, left = PendingLogs(), []
    for number in range(4):
        held.add(number % 2, lambda why, number=number: left.append((number, why)))
    held.release(0, "ended")
    held.release(0, "ended")
    held.release("unknown", "settled")
    assert left == [(0, "ended"), (2, "ended")]
    held.release_all()
    assert left[2:] == [(1, "flushed"), (3, "flushed")]


def test_too_many_push_the_oldest_out() -> None:
    """None is lost, and no more wait than may."""
    held, left = PendingLogs(3), []
    for number in range(10):
        held.add("key", lambda why, number=number: left.append((number, why)))
    assert left == [(number, "flushed") for number in range(7)]
    assert len(held._waiting) == 3
    held.release("key", "settled")
    assert left[7:] == [(7, "settled"), (8, "settled"), (9, "settled")]
    assert held.by_key == {}


def test_a_child_process_holds_nothing() -> None:
    """What waits belongs to the parent, which will send it."""
    held, left = PendingLogs(), []
    held.add("key", left.append)
    child = os.fork()
    if child == 0:
        held.release_all()
        os._exit(len(left))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    held.release_all()
    assert left == ["flushed"]

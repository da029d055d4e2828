"""Files of records are opened by one function: a link is followed, and what is no file is refused at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from otel_residency.audit.engines import over_files
from otel_residency.audit.read import ReadTask, read_part
from otel_residency.audit.verify import is_ledger, verify
from otel_residency.errors import AuditError
from otel_residency.records.compressed import is_compressed
from otel_residency.records.files import find_ledgers
from tests.ledger.calls import call, ledger
from tests.runtime.test_files import bound, device, folder, pipe

REFUSED = "not a regular file; save its content in a file first"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory, by a path that is short enough for a socket."""
    monkeypatch.chdir(tmp_path)
    return Path()


def counted(path: Path) -> int:
    """The lines that a report reads."""
    with over_files([path], frozenset(), lambda *_: None) as source:
        return sum(each.lines for each in source.inputs)


@pytest.mark.parametrize("make", [pipe, bound, device, folder])
def test_what_is_no_file(place: Path, make: Callable[[Path], None]) -> None:
    """Each reader of the audit refuses it by name, and says what to do."""
    odd = place / "odd"
    make(odd)
    for read in (is_ledger, is_compressed, lambda path: verify([path], {})):
        with pytest.raises(OSError, match=REFUSED) as refused:
            read(odd)
        assert refused.value.filename == str(odd)
    if make is not folder:
        with pytest.raises(AuditError, match=f"^{odd}: .*{REFUSED}"):
            counted(odd)


@pytest.mark.parametrize("make", [pipe, bound, device, folder])
def test_a_checkpoint_file_that_is_none(place: Path, make: Callable[[Path], None]) -> None:
    """It is read like a ledger."""
    (place / "ledger.jsonl").touch()
    make(place / "ledger.jsonl.checkpoints")
    with pytest.raises(OSError, match=REFUSED) as refused:
        verify(find_ledgers([place]), {})
    assert refused.value.filename == "ledger.jsonl.checkpoints"


@pytest.mark.parametrize("make", [pipe, bound, device])
def test_a_file_that_is_replaced_while_it_is_read(place: Path, make: Callable[[Path], None]) -> None:
    """The report counts it as a file that can't be read."""
    odd = place / "odd"
    make(odd)
    part = read_part(ReadTask(odd, 0, 100), place / "rows", frozenset(), lambda _: None)
    assert (part.lines, part.unread_lines) == (0, 1)


def test_a_link_to_a_ledger(place: Path) -> None:
    """As backups and mounted volumes have them."""
    made = ledger(place / "ledger.jsonl")
    made.record(call())
    made.close()
    (place / "links").mkdir()
    link = place / "links" / "ledger.jsonl"
    for name in ("ledger.jsonl", "ledger.jsonl.checkpoints"):
        (place / "links" / name).symlink_to(place.resolve() / name)
    assert not verify(find_ledgers([link]), {}).problems
    assert counted(link) == 3

"""Files are opened without waiting: what is written is this user's alone, what is read may be a link."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_residency.errors import PolicyError
from otel_residency.runtime.private_file import open_private, write_private
from otel_residency.runtime.regular_file import read_bytes, read_text


def pipe(path: Path) -> None:
    """A pipe without anybody at its other end."""
    os.mkfifo(path, 0o600)


def folder(path: Path) -> None:
    """A directory."""
    path.mkdir()


def bound(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def device(path: Path) -> None:
    """A device that gives bytes without end."""
    path.symlink_to("/dev/zero")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a file is, by a path that is short enough for a socket."""
    monkeypatch.chdir(tmp_path)
    return Path("file")


@pytest.mark.parametrize("make", [pipe, folder, bound, device])
def test_what_is_no_file_is_refused_at_once(place: Path, make: Callable[[Path], None]) -> None:
    """Neither reading nor writing waits for the other end of a pipe, or reads a device to its end."""
    make(place)
    with pytest.raises(OSError, match=r"regular|No such device or address|directory"):
        read_bytes(place)
    with pytest.raises((OSError, PolicyError)):
        open_private(str(place), what="ledger")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists descriptors there")
@pytest.mark.parametrize("make", [pipe, folder, device])
def test_a_refused_file_is_closed(place: Path, make: Callable[[Path], None]) -> None:
    """Refusing a file again and again leaves no descriptor open."""
    make(place)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(OSError, match=r"regular|directory"):
            read_bytes(place)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_link_is_read_and_not_written(place: Path) -> None:
    """ConfigMaps are links; what is written through a link may be anything."""
    Path("target").write_text("content", encoding="utf-8")
    place.symlink_to("target")
    assert read_text(place, trusted=True) == "content"
    with pytest.raises(PolicyError, match="report file: is a link"):
        write_private(place, "other", what="report")
    place.unlink()
    place.symlink_to("nothing")
    with pytest.raises(PolicyError, match="ledger file: is a link"):
        open_private(str(place), what="ledger")
    assert not Path("nothing").exists()


def test_what_everybody_can_write_is_not_relied_upon(place: Path) -> None:
    """A policy that anybody can change is nobody's; other files may be so."""
    place.write_text("content", encoding="utf-8")
    place.chmod(0o646)
    assert read_text(place) == "content"
    with pytest.raises(OSError, match="everybody can write to it"):
        read_text(place, trusted=True)
    place.chmod(0o664)
    assert read_text(place, trusted=True) == "content"


def test_a_file_is_written_anew(place: Path) -> None:
    """Nothing of the earlier content stays."""
    write_private(place, "long", what="report")
    write_private(place, "ä", what="report")
    assert place.read_text(encoding="utf-8") == "ä"

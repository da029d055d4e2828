"""Pages of last results: a row for each thing that was run, and what it was measured on."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tools.needs import GIB


def measured() -> str:
    """Date and machine, to stand under a result."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory() / GIB:.0f} GiB of memory, "
        f"{system(Path('/'))}, {platform.machine()}"
    )


def commit(checkout: Path = Path()) -> str:
    """The commit that is checked out."""
    command = ("git", "-C", checkout, "rev-parse", "--short", "HEAD")
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()  # noqa: S603


def record(page: Path, head: str, new: Iterable[str]) -> None:
    """Put each row in the place of the last one with its name; `head` stands above the rows."""
    old = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    rows = {line.split("|")[1]: line for line in (*old, *new) if line.startswith("| `")}
    page.write_text(head + "".join(f"{rows[name]}\n" for name in sorted(rows)), encoding="utf-8")


def memory() -> int:
    """The bytes of memory that this process may use: of the machine, or of its control group if fewer."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, group = line.split(":", 2)
        for mounted, name in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
            limit = Path("/sys/fs/cgroup", mounted, group.lstrip("/"), name)
            if controllers == mounted and limit.exists() and (text := limit.read_text().strip()).isdecimal():
                limits.append(int(text))
    return min(limits)


def system(root: Path) -> str:
    """The operating system that is installed below `root`, with its point release if it is a Debian."""
    version = root / "etc" / "debian_version"
    return f"Debian {version.read_text(encoding='ascii').strip()}" if version.exists() else platform.system()

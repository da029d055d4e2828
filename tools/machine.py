"""What a result was measured on, in a few words."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from tools.needs import GIB


def measured() -> str:
    """Date and machine, to stand under a result."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory() / GIB:.0f} GiB of memory, "
        f"{system(Path('/'))}, {platform.machine()}"
    )


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

"""What a result was measured on, in a few words."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from tools.needs import GIB


def measured() -> str:
    """Date and machine, to stand under a result."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory / GIB:.0f} GiB of memory, "
        f"{system(Path('/'))}, {platform.machine()}"
    )


def system(root: Path) -> str:
    """The operating system that is installed below `root`, with its point release if it is a Debian."""
    version = root / "etc" / "debian_version"
    return f"Debian {version.read_text(encoding='ascii').strip()}" if version.exists() else platform.system()

"""Say in one sentence each what a goal of the Makefile lacks: `python3 tools/needs.py GOAL ...`.

It runs before anything else and by whatever `python3` is, so it is written for Python 3.7 and has no
dependencies. Without what is needed it fails. Some tests are left out where a program is missing, and named;
where CI is set, and for `make test-all`, that is an error too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

GIB = 2**30
MEMORY = 4
DISK = 10
"""In GiB, what the tests take at most."""
TESTS = ("test", "test-all")


def python() -> str | None:
    """Python itself, and what makes the pip of an environment, which Debian has in a package of its own."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an old one is what this is about
        return f"Python 3.11 or newer is needed, and {sys.executable} is {sys.version.split()[0]}"
    try:
        import ensurepip  # noqa: F401, PLC0415
    except ImportError:
        return f"{sys.executable} can't make an environment; on Debian, install python3-venv"
    return None


def memory() -> str | None:
    """What programs can get. Only Linux says it."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    (available,) = (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return _short("memory", available, MEMORY)


def disk() -> str | None:
    """Where the environments come to be."""
    return _short("disk space", shutil.disk_usage(".").free, DISK)


def go() -> str | None:
    """Go 1.21 and newer load the release that a module asks for."""
    if shutil.which("go") is None:
        return "Go is not installed"
    done = subprocess.run(["go", "env", "GOVERSION"], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S607
    version = done.stdout.strip()
    if [int(part) for part in version[2:].split(".")[:2] if part.isdecimal()] < [1, 21]:
        return f"Go 1.21 or newer is needed, and {version or 'this one'} is installed"
    return None


def prometheus() -> str | None:
    """Installed, or to be unpacked by tools/debian.py."""
    if all(map(shutil.which, ("prometheus", "promtool"))) or all(map(shutil.which, ("apt-get", "dpkg-deb"))):
        return None
    return "Prometheus is not installed, and there is no apt-get to download it with"


def browser() -> str | None:
    """What shows the page of the report."""
    return None if shutil.which("chromium") or shutil.which("google-chrome") else "Chromium is not installed"


NEEDED = (
    (python, None),
    (memory, TESTS),
    (disk, TESTS),
    (go, ("stack", "collector")),
    (prometheus, ("stack",)),
)
"""What goals fail without: all, or these."""
LEFT_OUT = (
    (go, "the suite `backends` and the check of the compose file"),
    (prometheus, "the tests of the alert rules and of the way of a metric"),
    (browser, "the tests of the report's page in a browser"),
)
"""What is left out of the tests without something."""


def missing(goals: list[str]) -> list[str]:
    """What the goals can't do without."""
    needed = [check() for check, of in NEEDED if of is None or set(of) & set(goals)]
    return [problem for problem in needed if problem]


def left_out() -> list[str]:
    """What is not tested here, and why."""
    return [
        f"{problem}: {tests} are left out" for check, tests in LEFT_OUT for problem in [check()] if problem
    ]


def _short(what: str, free: int, needed: int) -> str | None:
    return (
        f"{needed} GiB of {what} are needed, and {free / GIB:.1f} are free" if free < needed * GIB else None
    )


def main(goals: list[str]) -> int:
    """Print what is missing; 1 if that is an error."""
    problems = missing(goals)
    absent = left_out() if set(TESTS) & set(goals) else []
    if "test-all" in goals or os.environ.get("CI"):
        problems += absent
    for problem in problems or absent:
        print(f"{problem}.", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

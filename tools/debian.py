"""Prometheus and promtool, installed or of Debian's package: `python -m tools.debian` prints the paths.

The package is unpacked into the user's cache directory, not installed: no service starts, no root is needed.
Of the unpacked package only these two programs are of use: the server's pages are read below /usr/share.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-residency" / "debian"
PACKAGE = "prometheus"


class DebianMissingError(RuntimeError):
    """Prometheus is not installed, and Debian's package of it is not to be had here."""


def prometheus() -> Path:
    """The server."""
    return _program("prometheus")


def promtool() -> Path:
    """What checks and tests rules."""
    return _program("promtool")


def _program(name: str) -> Path:
    installed = shutil.which(name)
    if installed:
        return Path(installed)
    program = CACHE / name
    if not program.exists():
        _unpack()
    return program


def _unpack() -> None:
    if shutil.which("apt-get") is None:
        raise DebianMissingError("Prometheus is not installed, and there is no apt-get to download it with.")
    CACHE.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=CACHE) as folder:
        # Lists of our own: those of the machine may be old or empty, and only root can fetch them.
        lists = Path(folder) / "lists"
        (lists / "partial").mkdir(parents=True)
        apt = ("apt-get", "--quiet", f"--option=Dir::State::Lists={lists}", "--option=APT::Sandbox::User=")
        try:
            _run(folder, *apt, "update")
            _run(folder, *apt, "download", PACKAGE)
            (package,) = Path(folder).glob("*.deb")
            _run(folder, "dpkg-deb", "--extract", package.name, "root")
        except (OSError, subprocess.CalledProcessError) as error:
            missing = f"Prometheus is not installed, and apt-get can't download it: {error}"
            raise DebianMissingError(missing) from error
        for program in (Path(folder) / "root" / "usr" / "bin").iterdir():
            program.replace(CACHE / program.name)


def _run(folder: str, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


if __name__ == "__main__":
    try:
        for each in (prometheus, promtool):
            print(each())
    except DebianMissingError as missing:
        sys.exit(str(missing))

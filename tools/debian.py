"""Prometheus and Alertmanager, installed or of Debian's packages: `python -m tools.debian` prints the paths.

Packages are unpacked into the user's cache directory, not installed: no service starts, no root is needed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-residency" / "debian"
PACKAGES = ("prometheus", "prometheus-alertmanager")


class DebianMissingError(RuntimeError):
    """A program is not installed, and Debian's packages are not to be had here."""


def prometheus() -> Path:
    """The server."""
    return _program("prometheus")


def promtool() -> Path:
    """What checks and tests rules."""
    return _program("promtool")


def alertmanager() -> Path:
    """The one that sends alerts on. Debian's name for it is longer than its authors'."""
    return _program("prometheus-alertmanager", "alertmanager")


def amtool() -> Path:
    """What checks the configuration of Alertmanager."""
    return _program("amtool")


def _program(*names: str) -> Path:
    installed = next(filter(None, map(shutil.which, names)), None)
    if installed:
        return Path(installed)
    program = CACHE / names[0]
    if not program.exists():
        _unpack()
    return program


def _unpack() -> None:
    if shutil.which("apt-get") is None:
        raise DebianMissingError(f"{' and '.join(PACKAGES)} are not installed, and there is no apt-get.")
    CACHE.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=CACHE) as folder:
        try:
            if os.geteuid() == 0:
                _run(folder, "apt-get", "--quiet", "update")
            _run(folder, "apt-get", "--quiet", "download", *PACKAGES)
            for package in Path(folder).glob("*.deb"):
                _run(folder, "dpkg-deb", "--extract", package.name, "root")
        except (OSError, subprocess.CalledProcessError) as error:
            raise DebianMissingError(f"{' and '.join(PACKAGES)} can't be downloaded: {error}") from error
        for program in (Path(folder) / "root" / "usr" / "bin").iterdir():
            program.replace(CACHE / program.name)


def _run(folder: str, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


if __name__ == "__main__":
    try:
        for each in (prometheus, promtool, alertmanager, amtool):
            print(each())
    except DebianMissingError as missing:
        sys.exit(str(missing))

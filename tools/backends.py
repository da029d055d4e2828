"""Build the back ends of the examples with Go and print the paths: `python -m tools.backends [NAME …]`.

What is built is kept in the user's cache directory, under a name that changes with what it is made of.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

MANIFEST = Path(__file__).parent.parent / "examples" / "collector" / "manifest.yaml"
JAEGER = "github.com/jaegertracing/jaeger@v1.76.0"
"""That of Jaeger 2.13, whose own tags the Go command refuses: its module path has no /v2."""
ALERTMANAGER = "github.com/prometheus/alertmanager@v0.28.1"
"""The release of examples/compose.yaml. That of Debian 12 reads its templates at a path below /usr/share, so
that it runs only where its package is installed."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-residency"
COMPILERS = "4"
"""How many packages Go compiles at a time: with more, 8 GiB are not enough beside the tests."""
BUILT = "the Collector, Jaeger and Alertmanager"


class GoMissingError(RuntimeError):
    """Go is needed and not there."""


def collector() -> Path:
    """The Collector of the manifest, built if need be."""
    digest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:16]
    return _built(f"otelcol-{digest}", _build_collector)


def jaeger() -> Path:
    """Jaeger, built if need be. Its user interface is a placeholder; its query API is not."""
    return _built_from(JAEGER, "jaeger")


def alertmanager() -> Path:
    """Alertmanager, built if need be."""
    return _built_from(ALERTMANAGER, "alertmanager")


BACKENDS = {"collector": collector, "jaeger": jaeger, "alertmanager": alertmanager}


def _built_from(module: str, program: str) -> Path:
    def build(folder: Path) -> Path:
        source = json.loads(_go(folder, "mod", "download", "-json", module))["Dir"]
        _go(Path(source), "build", "-o", str(folder / program), f"./cmd/{program}")
        return folder / program

    return _built(f"{program}-{module.partition('@')[2]}", build)


def _built(name: str, build: Callable[[Path], Path]) -> Path:
    binary = CACHE / name
    if not binary.exists():
        if shutil.which("go") is None:
            raise GoMissingError(f"Go is not installed, and {BUILT} are built with it.")
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as folder:
            build(Path(folder)).replace(binary)
    return binary


def _build_collector(folder: Path) -> Path:
    version = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["dist"]["version"]
    shutil.copy(MANIFEST, folder / "manifest.yaml")
    _go(folder, "run", f"go.opentelemetry.io/collector/cmd/builder@v{version}", "--config", "manifest.yaml")
    return folder / "build" / "otelcol"


def _go(folder: Path, *arguments: str) -> str:
    """What the Go command prints; what it reports on the way goes to the terminal."""
    done = subprocess.run(  # noqa: S603
        ["go", *arguments],  # noqa: S607
        cwd=folder,
        env={"GOMAXPROCS": COMPILERS, **os.environ},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> int:
    """Build those that are named, or all."""
    try:
        for each in sys.argv[1:] or BACKENDS:
            print(BACKENDS[each]())
    except GoMissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

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
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-residency"


class GoMissingError(RuntimeError):
    """Go is needed and not there."""


def collector() -> Path:
    """The Collector of the manifest, built if need be."""
    digest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:16]
    return _built(f"otelcol-{digest}", _build_collector)


def jaeger() -> Path:
    """Jaeger, built if need be. Its user interface is a placeholder; its query API is not."""
    return _built(f"jaeger-{JAEGER.rpartition('@')[2]}", _build_jaeger)


BACKENDS = {"collector": collector, "jaeger": jaeger}


def _built(name: str, build: Callable[[Path], Path]) -> Path:
    binary = CACHE / name
    if not binary.exists():
        if shutil.which("go") is None:
            raise GoMissingError("Go is not installed, and the Collector and Jaeger are built with it.")
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as folder:
            build(Path(folder)).replace(binary)
    return binary


def _build_collector(folder: Path) -> Path:
    version = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["dist"]["version"]
    shutil.copy(MANIFEST, folder / "manifest.yaml")
    _go(folder, "run", f"go.opentelemetry.io/collector/cmd/builder@v{version}", "--config", "manifest.yaml")
    return folder / "build" / "otelcol"


def _build_jaeger(folder: Path) -> Path:
    source = json.loads(_go(folder, "mod", "download", "-json", JAEGER))["Dir"]
    _go(Path(source), "build", "-o", str(folder / "jaeger"), "./cmd/jaeger")
    return folder / "jaeger"


def _go(folder: Path, *arguments: str) -> str:
    """What the Go command prints; what it reports on the way goes to the terminal."""
    done = subprocess.run(["go", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603, S607
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

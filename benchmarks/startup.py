"""Time added to the start of a process under `opentelemetry-instrument`, and to `import openai` in it.

Two environments are compared that hold the same packages, except that one lacks otel-residency. Both are
virtual environments whose packages are links to those of the environment that runs the benchmark, so that
nothing is downloaded and every other byte is the same. Hiding the entry points of one installed package
instead would not be honest: whatever hides them takes time too, and the other files would still be searched.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

import otel_residency

CACHE: Final = Path(__file__).parent.parent / ".cache" / "benchmarks"
WITHOUT, WITH = "without", "with"
_RUN = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
"""What the command `opentelemetry-instrument` does; its own file names the environment it was made for."""
_IMPORT = """
import json, resource, sys, time

def memory():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

early, before, wall, processor = "openai" in sys.modules, memory(), time.perf_counter(), time.process_time()
import openai
taken = time.perf_counter() - wall, time.process_time() - processor
print(json.dumps([early, before, *taken, memory(), "otel_residency.guard" in sys.modules]))
"""
_POLICY = """
[attest]
zero_data_retention = { value = true, reference = "benchmark" }
retention_amendment = { value = true, reference = "benchmark" }
"""


class Pair(NamedTuple):
    """The same thing in both environments, medians over all pairs."""

    title: str
    unit: str
    without: float
    added: float
    """Median of the differences within a pair."""

    @property
    def ratio(self) -> float:
        """How many times as much it is."""
        return 1 + self.added / self.without


class Startup(NamedTuple):
    """Everything about the start of a process."""

    pairs: int
    rows: tuple[Pair, ...]
    openai_early: bool
    """Whether openai was imported before the application did so."""
    active: bool
    """Whether ours was at work where it is installed, and only there."""


Sample = dict[str, list[tuple[float, ...]]]


def measure(pairs: int, tell: Callable[[str], None] = print) -> Startup:
    """Run both environments in turns, `pairs` times."""
    pythons = {name: _environment(name) for name in (WITHOUT, WITH)}
    started: Sample = {WITHOUT: [], WITH: []}
    imported: Sample = {WITHOUT: [], WITH: []}
    for number in range(-1, pairs):
        if number % 5 == 0:
            tell(f"start-up: pair {number + 1} of {pairs}")
        for name in (WITHOUT, WITH) if number % 2 else (WITH, WITHOUT):
            start, load = _start(pythons[name], "pass")[:2], _imported(pythons[name])
            if number >= 0:  # the first pair compiles what was never imported
                started[name].append(start)
                imported[name].append(load)
    rows = (
        _pair("opentelemetry-instrument python -c pass", "ms", started, 0, 1000),
        _pair("… processor time", "ms", started, 1, 1000),
        _pair("… memory, before the application imports anything", "MB", imported, 1),
        _pair("import openai", "ms", imported, 2, 1000),
        _pair("… processor time", "ms", imported, 3, 1000),
        _pair("… memory, with openai imported", "MB", imported, 4),
    )
    early = any(sample[0] for samples in imported.values() for sample in samples)
    active = all(sample[5] for sample in imported[WITH]) and not any(s[5] for s in imported[WITHOUT])
    return Startup(pairs, rows, early, active)


def _pair(title: str, unit: str, samples: Sample, at: int, factor: float = 1) -> Pair:
    pairs = [(a[at] * factor, b[at] * factor) for a, b in zip(samples[WITHOUT], samples[WITH], strict=True)]
    return Pair(title, unit, median(a for a, _ in pairs), median(b - a for a, b in pairs))


def _environment(name: str) -> Path:
    """An environment of links; its interpreter."""
    root = CACHE / name
    shutil.rmtree(root, ignore_errors=True)
    venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    places = {"base": str(root), "platbase": str(root), "installed_base": str(root)}
    site = Path(sysconfig.get_path("purelib", "venv", places))
    site.mkdir(parents=True, exist_ok=True)
    ours = {"otel_residency", _own_metadata().name}
    for scheme in ("purelib", "platlib"):
        for entry in Path(sysconfig.get_path(scheme)).iterdir():
            link = site / entry.name
            if entry.name not in ours and entry.suffix != ".pth" and not link.exists():
                link.symlink_to(entry)
    if name == WITH:
        (site / "otel_residency").symlink_to(Path(otel_residency.__file__).parent)
        (site / _own_metadata().name).symlink_to(_own_metadata())
    (root / "residency.toml").write_text(_POLICY, encoding="utf-8")
    return root / "bin" / "python"


def _own_metadata() -> Path:
    """The directory by which the package is known to be installed."""
    distribution = importlib.metadata.distribution("otel-residency")
    return Path(str(distribution.locate_file(""))) / next(
        file.parts[0] for file in distribution.files or () if file.parts[0].endswith(".dist-info")
    )


def _start(python: Path, code: str) -> tuple[float, float, str]:
    """Run `code` under instrumentation: seconds, seconds of processor time, what it printed."""
    command = [str(python), "-c", _RUN, str(python), "-c", code]
    begun = perf_counter()
    with subprocess.Popen(
        command, cwd=python.parent, env=_variables(python), stdout=subprocess.PIPE, text=True
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        taken = perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{python} ended with {process.returncode}")
    return taken, usage.ru_utime + usage.ru_stime, output


def _imported(python: Path) -> tuple[float, ...]:
    numbers = json.loads(_start(python, _IMPORT)[2].splitlines()[-1])
    return tuple(map(float, numbers))


def _variables(python: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OPENAI_", "PYTHON", "COV_", "COVERAGE_"))
    }
    exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    residency = {
        "OTEL_RESIDENCY_ENABLED": "true",
        "OTEL_RESIDENCY_REQUIRE": "eu",
        "OTEL_RESIDENCY_POLICY": str(python.parent.parent / "residency.toml"),
    }
    return kept | exporters | residency


if __name__ == "__main__":
    print(measure(int(sys.argv[1])))

"""The openai client's own offline tests, without this package and with it: every outcome must be the same.

The tests come from the client's source distribution and run as they are configured there, with warnings as
errors, three times:

    without      nothing of this package is loaded
    recording    every call is judged; an SDK records spans, metrics and events
    flagging     every call is judged; there is only the OpenTelemetry API, as where no SDK is set up
                 (the tests of the client itself, without those of its helpers)

A test whose outcome differs is run again, alone, several times with and without: a test that comes out
differently by itself is named and not held against anyone. Run it by `nox --session conformance`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
AGAIN: Final = 3
"""How often a test with a different outcome is run again."""
PATIENCE: Final = 1800
"""Seconds after which a run is given up; it takes one or two minutes."""
UNREAD_STREAMS: Final = 5
"""Streams that tests of the client may leave unread and referenced to the end, so that they never end."""
WITHOUT: Final = "without"
RECORDING: Final = "recording"
FLAGGING: Final = "flagging"
FOREIGN: Final = ("OTEL_", "OPENAI_", "AZURE_", "AWS_", "GOOGLE_", "TEST_API_")
"""Variables that would change what the tests do."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "tests/api_resources/*": "needs the mock server of the vendor's repository",
    "tests/lib/test_fine_tuning_positional_arguments.py": "needs it too",
    "tests/test_uv_workflows.py": "checks how the vendor packages and releases",
    "tests/test_example_security.py": "starts the vendor's examples, without a call",
    "*websocket*": "websockets pass none of the patches in this release",
    "*realtime*": "likewise",
    "tests/lib/live/*": "likewise",
    "tests/lib/responses/test_azure_responses_policy_regression.py": "likewise",
    "tests/lib/responses/test_refusal_normal_lifecycle.py": "likewise",
    "*browser*": "moves a browser that is made up, without a call",
}
"""Files that are not run, and why: without them a version takes minutes instead of a quarter of an hour."""


VERSIONS: Final = tomllib.loads((ROOT / "constraints" / "versions.toml").read_text(encoding="utf-8"))
EXPECTED: Final[Mapping[str, Mapping[str, int]]] = {
    release["version"]: release["conformance"] for release in VERSIONS["openai"] if "conformance" in release
}
"""How many tests pass and how many calls are judged, at least, in a complete run of a version."""


class RunResult(NamedTuple):
    """What one run of the tests gave."""

    outcomes: Mapping[str, str]
    calls_by_test: Mapping[str, int]
    calls: int
    spans: int
    problems: Sequence[str]
    seconds: float

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(outcome == "passed" for outcome in self.outcomes.values())

    def summary(self) -> str:
        """How many tests ended in which way."""
        kinds = Counter(outcome.partition(" ")[0] for outcome in self.outcomes.values())
        return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


class Tests:
    """The tests of one release of the client, unpacked."""

    def __init__(self, openai: str, workdir: Path, workers: int) -> None:
        self._source = unpacked(openai, workdir)
        self._reports = workdir / f"reports-{openai}"
        self._reports.mkdir(exist_ok=True)
        self._workers = workers

    def run(self, variant: str, only: Collection[str] = (), workers: int | None = None) -> RunResult:
        """Run them in a variant: all, or only these files or tests."""
        report = self._reports / f"{variant}.json"
        selection = self._reports / f"{variant}.txt"
        log = self._reports / f"{variant}.log"
        report.unlink(missing_ok=True)
        selection.write_text("\n".join(only or ["tests"]), encoding="utf-8")
        workers = self._workers if workers is None else workers
        command = [
            *(sys.executable, "-m", "pytest", f"@{selection}", "--numprocesses", str(workers), "--quiet"),
            *("-p", "conformance_plugin", f"--outcomes={report}", "-p", "no:cacheprovider"),
            *(f"--ignore-glob={self._source / left_out}" for left_out in LEFT_OUT),
        ]
        started = monotonic()
        with log.open("wb") as output:
            subprocess.run(
                command,
                cwd=self._source,
                env=environment(variant),
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=PATIENCE,
            )
        if not report.exists():
            sys.exit(f"the tests did not run:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}")
        return RunResult(**json.loads(report.read_text(encoding="utf-8")), seconds=monotonic() - started)


def unpacked(openai: str, workdir: Path) -> Path:
    """Where the source distribution of this release is, fetched from the package index the first time."""
    name = f"openai-{openai}"
    target = workdir / name
    if not (target / "tests").is_dir():
        workdir.mkdir(parents=True, exist_ok=True)
        fetch = ("download", "--quiet", "--no-deps", "--no-binary", "openai", "--dest", str(workdir))
        subprocess.run([sys.executable, "-m", "pip", *fetch, f"openai=={openai}"], check=True)
        shutil.rmtree(target, ignore_errors=True)
        # Not by tarfile with a filter, which Python 3.11 has since 3.11.4: Debian 12 has 3.11.2.
        shutil.unpack_archive(workdir / f"{name}.tar.gz", workdir)
    return target


def environment(variant: str) -> dict[str, str]:
    """The variables of a run: none of the user's that matter, and what switches this package on."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }
    variables = {**kept, "PYTHONPATH": str(HERE / "inside")}
    return variables if variant == WITHOUT else {**variables, "CONFORMANCE_VARIANT": variant}


def differences(plain: RunResult, other: RunResult) -> dict[str, tuple[str, str]]:
    """The tests that ended differently, of those that `other` is about."""
    tests = plain.outcomes.keys() | other.outcomes.keys()
    pairs = {
        test: (plain.outcomes.get(test, "not run"), other.outcomes.get(test, "not run"))
        for test in sorted(tests)
    }
    return {test: pair for test, pair in pairs.items() if pair[0] != pair[1]}


def standing(tests: Tests, variant: str, found: Collection[str]) -> dict[str, tuple[str, str]]:
    """Those of the `found` tests that end in `variant` as they never do without this package."""
    ends: dict[str, dict[str, set[str]]] = {each: {} for each in (WITHOUT, variant)}
    for each, by_test in ends.items():
        for _ in range(AGAIN):
            result = tests.run(each, found, workers=0)
            for test in found:
                by_test.setdefault(test, set()).add(result.outcomes.get(test, "not run"))
    return {
        test: (", ".join(sorted(ends[WITHOUT][test])), ", ".join(sorted(ends[variant][test])))
        for test in found
        if not ends[variant][test] <= ends[WITHOUT][test]
    }


def compare(tests: Tests, variant: str, plain: RunResult, result: RunResult) -> list[str]:
    """Tell which tests differ; gives what is wrong."""
    found = differences(plain, result)
    if not found:
        return []
    stands = standing(tests, variant, found)
    problems = []
    for test, pair in found.items():
        if test in stands:
            without, with_us = stands[test]
            problems.append(f"{test}\n    without:   {without}\n    {variant + ':':10} {with_us}")
        else:
            print_now(f"  unstable by itself: {test} ({' / '.join(pair)})")
    return problems


def core_files(result: RunResult) -> list[str]:
    """The files about the client itself, not its helpers, in which a test made a call."""
    files = {test.partition("::")[0] for test, calls in result.calls_by_test.items() if calls}
    return sorted(file for file in files if file.count("/") == 1)


def print_now(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def print_run(variant: str, result: RunResult) -> None:
    """Print what a run gave."""
    found = "" if variant == WITHOUT else f"; {result.calls} calls judged, {result.spans} residency spans"
    print_now(f"{variant:10} {result.summary()} in {result.seconds:.0f} s{found}")


def check(openai: str, tests: Tests) -> list[str]:
    """Run the variants; gives what is wrong."""
    expected = EXPECTED[openai]
    plain = tests.run(WITHOUT)
    print_run(WITHOUT, plain)
    problems = []
    if plain.passed < expected["passed"]:
        problems.append(f"only {plain.passed} tests passed without this package, {expected['passed']} should")
    recording = tests.run(RECORDING)
    print_run(RECORDING, recording)
    if recording.calls < expected["calls"]:
        problems.append(f"only {recording.calls} calls were seen, {expected['calls']} should be")
    if not 0 <= recording.calls - recording.spans <= UNREAD_STREAMS:
        problems.append(f"{recording.calls} calls were counted, but {recording.spans} spans recorded")
    files = core_files(recording)
    flagging = tests.run(FLAGGING, files)
    print_run(FLAGGING, flagging)
    for variant, result in ((RECORDING, recording), (FLAGGING, flagging)):
        problems += [f"{variant}: {problem}" for problem in sorted(set(result.problems))]
    problems += compare(tests, RECORDING, plain, recording)
    problems += compare(tests, FLAGGING, among(plain, files), flagging)
    return problems


def among(result: RunResult, files: Collection[str]) -> RunResult:
    """What was seen of these files."""
    chosen = {test: end for test, end in result.outcomes.items() if test.partition("::")[0] in files}
    return result._replace(outcomes=chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; 0 if this package changes nothing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--openai", required=True, help="release of the client, as installed here")
    parser.add_argument("--workdir", type=Path, default=ROOT / ".cache" / "conformance")
    parser.add_argument("--workers", type=int, default=(os.cpu_count() or 1) + 1, help="processes of pytest")
    given = parser.parse_args(arguments)
    if version("openai") != given.openai:
        parser.error(f"openai {version('openai')} is installed here")
    tests = Tests(given.openai, given.workdir.resolve(), given.workers)
    problems = check(given.openai, tests)
    for problem in problems:
        print_now(f"DIFFERS {problem}")
    print_now(f"openai {given.openai}: " + (f"{len(problems)} differences" if problems else "no difference"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.fuzzing.guided [SECONDS [TARGET ...]]`: fuzz by coverage, each target for so many seconds.

atheris counts which lines of the package an input reaches, and changes those that reach new ones. What it
keeps goes to build/fuzzing/, what fails is printed and kept there too: add such a file to the corpus.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzzing"
CORPUS = Path(__file__).parent / "corpus"
SECONDS = 4
LONGEST = 4096
"""Bytes of an input."""
PLANTED = "planted"
"""A target that fails for one input only, which guessing does not find: the check of the fuzzer itself."""
_RUNS = 200_000
_CRASH = 77
"""The exit code for an input that fails."""


def planted(data: bytes) -> None:
    """Fail for bytes that are only found one after the other."""
    if data[:1] == b"r" and data[1:2] == b"e" and data[2:3] == b"g" and data[3:4] == b"!":
        raise AssertionError("found")


def fuzz(name: str, limit: str) -> None:
    """Fuzz one target in this process, until an input fails or `limit` is reached."""
    import atheris  # in the environment of the session `guided` only

    with atheris.instrument_imports(include=["otel_residency", "tests.fuzzing.targets"]):
        from tests.fuzzing.targets import TARGETS  # instrumented as it is imported

    options = [
        sys.argv[0],
        limit,
        f"-max_len={LONGEST}",
        "-timeout=20",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    if name == PLANTED:
        atheris.Setup([*options, "-exact_artifact_path=/dev/null"], atheris.instrument_func(planted))
    else:
        kept = KEPT / name
        kept.mkdir(parents=True, exist_ok=True)
        directories = (str(kept), str(CORPUS / name))
        atheris.Setup([*options, f"-artifact_prefix={KEPT}/{name}-", *directories], TARGETS[name])
    atheris.Fuzz()


def main(seconds: str = str(SECONDS), *names: str) -> int:
    """Fuzz every target in a process of its own; 1 if an input failed, or the planted one was not found."""
    targets = names or (PLANTED, *sorted(each.name for each in CORPUS.iterdir()))
    wrong = []
    for name in targets:
        limit = f"-runs={_RUNS}" if name == PLANTED else f"-max_total_time={seconds}"
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzzing.guided", "--one", name, limit],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        as_expected = done.returncode == (_CRASH if name == PLANTED else 0)
        statistics = [line for line in done.stderr.splitlines() if line.startswith("stat::number_of_exec")]
        outcome = "passed" if as_expected else f"failed: {done.returncode}"
        sys.stdout.write(f"{name}: {outcome}, {' '.join(statistics)}\n")
        sys.stdout.flush()
        if not as_expected:
            sys.stdout.write(done.stdout[-10_000:] + done.stderr[-10_000:])
            wrong.append(name)
    return len(wrong) > 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(*sys.argv[2:])
    else:
        sys.exit(main(*sys.argv[1:]))

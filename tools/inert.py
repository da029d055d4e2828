"""Add data that changes no verdict to a copy of the repository and run its tests: `python -m tools.inert`.

A revision, a region, a host or a model that no test names must fail no test but the one of the digests.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DATA = Path("src", "otel_residency", "catalogue", "data")
SUITES = (
    "tests/core",
    "tests/catalogue",
    "tests/test_cases.py",
    "tests/test_house.py",
    "tests/audit",
    "tests/cli",
)
EXPECTED = frozenset({"tests/catalogue/test_data.py::test_a_released_revision_is_never_overwritten"})
"""What a new file of a revision must fail."""
REGION, HOST, MODEL = "zz", "zz.api.openai.com", "gpt-inert-2026-11-01"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:\[.*)?(?: - .*)?$", re.MULTILINE)
_IGNORED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")


def add_revision(data: Path, **changes: Any) -> None:
    """Add a revision that inherits all from the newest one and begins after the last check of the data."""
    inert = data / "revisions" / "openai-inert.json"
    if not inert.exists():
        revisions = [json.loads(file.read_text(encoding="utf-8")) for file in inert.parent.iterdir()]
        newest = max(revisions, key=lambda revision: revision["effective_from"])
        checked = json.loads((data / "sources.json").read_text(encoding="utf-8"))["generated"]
        begin = date.fromisoformat(checked) + timedelta(days=1)
        copied = ("$schema", "source", "completeness", "translated", "models_unknown")
        added = {key: newest[key] for key in copied if key in newest}
        added |= {"id": inert.stem, "effective_from": str(begin), "inherits": newest["id"]}
        inert.write_text(json.dumps(added), encoding="utf-8")
    with _edited(inert) as content:
        content.update(changes)


def add_region(data: Path) -> None:
    """Add a region, with its host."""
    terms = {
        "name": "Inert",
        "host": HOST,
        "storage": "yes",
        "processing": "no",
        "prefix_required": True,
        "modes": ["Text"],
        "needs": [],
        "image_needs": [],
    }
    add_host(data)
    add_revision(data, regions={REGION: terms})


def add_host(data: Path) -> None:
    """Add a host of the vendor."""
    host = {"host": HOST, "provider": "openai", "regions": [REGION], "sources": ["docs-2026-10"]}
    with _edited(data / "hosts.json") as content:
        if host not in content["hosts"]:
            content["hosts"].append(host)


def add_model(data: Path) -> None:
    """Add a model to the row of chat completions, and an alias for it."""
    rows = json.loads((data / "revisions" / "openai-2026-10.json").read_text(encoding="utf-8"))["rows"]
    next(row for row in rows if row["id"] == "chat_completions")["models"].append(MODEL)
    add_revision(data, rows=rows)
    with _edited(data / "models.json") as content:
        content["aliases"].append({"alias": "gpt-inert", "source": "fact-file-2026-11", "family": [MODEL]})
        content["aliases"].sort(key=lambda alias: alias["alias"])


ADDITIONS: Mapping[str, Callable[[Path], None]] = {
    "revision": add_revision,
    "region": add_region,
    "host": add_host,
    "model": add_model,
}


@contextmanager
def _edited(file: Path) -> Iterator[dict[str, Any]]:
    content = json.loads(file.read_text(encoding="utf-8"))
    yield content
    file.write_text(json.dumps(content), encoding="utf-8")


def environment_for(copy: Path) -> Path:
    """Make an environment in which the package is that of `copy` and all else is as in this one.

    A variable like `PYTHONPATH` would not do: the tests of the command line leave it out.

    Returns:
        Its interpreter.
    """
    folder = copy / ".venv"
    venv.create(folder, symlinks=True)
    places = {
        name: Path(sysconfig.get_path(name, vars={"base": str(folder)})) for name in ("purelib", "scripts")
    }
    paths = (copy / "src", sysconfig.get_path("purelib"))
    (places["purelib"] / "inert.pth").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    python = places["scripts"] / "python"
    for script in Path(sysconfig.get_path("scripts")).iterdir():
        with script.open("rb") as file:
            if file.readline() == f"#!{sys.executable}\n".encode():
                made = places["scripts"] / script.name
                made.write_bytes(f"#!{python}\n".encode() + file.read())
                made.chmod(0o755)
    return python


def failures(additions: list[str], suites: list[str]) -> set[str]:
    """The tests of `suites` that fail in a copy of the repository with these additions.

    The files that follow from the data are written first, as whoever adds something does.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "repository")
        shutil.copytree(ROOT, copy, ignore=_IGNORED)
        for name in additions:
            ADDITIONS[name](copy / DATA)
        python = str(environment_for(copy))
        subprocess.run([python, "-m", "tools.collector"], cwd=copy, check=True)  # noqa: S603
        command = [python, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *suites]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the tests did not run:\n{done.stdout}{done.stderr}")
    return set(_FAILED.findall(done.stdout))


def main() -> int:
    """Try each addition by itself, and report the tests that fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--add", nargs="+", choices=ADDITIONS, default=list(ADDITIONS))
    parser.add_argument("--together", action="store_true", help="run the tests once, with every addition")
    parser.add_argument("suites", nargs="*", default=SUITES)
    options = parser.parse_args()
    unexpected = 0
    for additions in [options.add] if options.together else [[each] for each in options.add]:
        found = failures(additions, list(options.suites)) - EXPECTED
        print(f"{' and '.join(additions)}: {len(found)} tests fail", *sorted(found), sep="\n  ")
        unexpected += len(found)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())

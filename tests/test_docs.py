"""The documentation: it builds without warnings, and what it says about the source code is there."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import architecture

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "otel_residency"
NAMED = re.compile(r"`([\w/]+\.py):([\w.]+)`")
"""A function, class or value of the package, as the pages name it."""
LOADED = re.compile(r"""<(?:script|img|iframe)[^>]*src=["']?http[^>]*>|<link[^>]*href=["']?http[^>]*>""")
"""What a browser loads from another host."""
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def defined(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """The qualified names of functions, classes and assigned values in a module or a class."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from defined(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (prefix + each.id for each in targets if isinstance(each, ast.Name))


def missing(text: str) -> list[str]:
    """The names in a page that no file of the package defines."""
    found = []
    for file, name in NAMED.findall(text):
        path = SOURCE / file
        if not path.is_file() or name not in defined(ast.parse(path.read_text(encoding="utf-8")).body):
            found.append(f"{file}:{name}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_name_in_a_page_exists(page: Path) -> None:
    """What a page names as `file.py:function` is defined there."""
    assert missing(page.read_text(encoding="utf-8")) == []


def test_a_missing_name_is_found() -> None:
    """A name without its file, its class or its function is reported; a method and a value are not."""
    page = (
        "`calls/call.py:Call.finish` `core/rules/age.py:STALE_AFTER` `calls/call.py:Call.end` `call.py:Call`"
    )
    assert missing(page) == ["calls/call.py:Call.end", "call.py:Call"]


def test_each_walk_names_what_it_passes() -> None:
    """The three walks of the architecture go through functions, and not around them."""
    walks = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("\n## ")[1:]
    assert [walk.partition("\n")[0] for walk in walks] == [
        "A blocked call",
        "A streamed response whose last event changes the verdict",
        "Another library's span that is redacted",
    ]
    assert all(len(set(NAMED.findall(walk))) > 10 for walk in walks)


def test_the_picture_is_up_to_date() -> None:
    """The drawing of the rooms is what the imports and the layers contract give."""
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.picture()


def test_every_room_of_the_picture_is_described() -> None:
    """The table below the picture has the rooms of the layers contract, in its order, and no others."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(described) == sorted(room for row in architecture.layers() for room in row)


def test_an_arrow_that_a_longer_path_implies_is_left_out() -> None:
    """Of a direct import and a way through another room, the way is drawn."""
    assert architecture.reduced({("a", "b"), ("b", "c"), ("a", "c")}) == [("a", "b"), ("b", "c")]


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    """All pages are in the navigation, links lead somewhere, and nothing is loaded from other hosts."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = [file.read_text(encoding="utf-8") for file in tmp_path.rglob("*.html")]
    assert len(pages) > len(PAGES)  # and that of the error 404
    assert [found for page in pages for found in LOADED.findall(page)] == []

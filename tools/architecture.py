"""Draws which room of the source code imports which: `python -m tools.architecture` writes the picture.

A room is a package or module right below `otel_residency`. The layers contract of pyproject.toml gives the
rows. An arrow that a longer way implies is left out, so that the picture stays readable.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "src" / "otel_residency"
PICTURE: Final = ROOT / "docs" / "architecture.svg"
_BOX, _HEIGHT, _ROW, _GAP, _LANE, _MARGIN = 140, 34, 78, 26, 16, 12
"""Pixels: width and height of a room, from row to row, between rooms, width of an arrow's lane, border."""
_SWEEPS: Final = 24
# Each colour is readable on a light and on a dark page.
_HEAD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">
<title>Which room imports which</title>
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" fill="#8a8f98"/></marker></defs>
<g fill="none" stroke="#8a8f98" stroke-width="1.5">
"""
_ROOMS: Final = """\
</g>
<g fill="#3949ab" font-family="ui-monospace, monospace" font-size="14" text-anchor="middle">
"""

Edge = tuple[str, str]
"""A room and another one that it imports."""
Place = tuple[int, str]
"""A row, and the room that stands there or the edge that passes."""


def layers() -> list[list[str]]:
    """The rooms, row by row, from the one that nothing imports to the one that imports nothing."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (rows,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip().rpartition(".")[2] for name in re.split(r"[|:]", row)] for row in rows]


def imports(rooms: Iterable[str]) -> set[Edge]:
    """Which of the `rooms` imports which, in function bodies and for type checkers too."""
    found: set[Edge] = set()
    for room in rooms:
        files = (PACKAGE / room).rglob("*.py") if (PACKAGE / room).is_dir() else [PACKAGE / f"{room}.py"]
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{each.name}" for each in node.names]
                found |= {
                    (room, parts[1]) for name in names if (parts := name.split("."))[0] == "otel_residency"
                }
    return {(room, other) for room, other in found if other != room and other in rooms}


def reduced(edges: set[Edge]) -> list[Edge]:
    """The edges without those that a longer way implies."""
    below: dict[str, set[str]] = {}
    for room, other in edges:
        below.setdefault(room, set()).add(other)

    def reached(room: str) -> set[str]:
        found: set[str] = set()
        waiting = [room]
        while waiting:
            new = below.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    implied = {(room, each) for room, other in edges for each in reached(other) if each != other}
    return sorted(edges - implied)


def arrange(
    rows: Sequence[Sequence[str]], edges: Sequence[Edge]
) -> tuple[dict[Place, float], list[list[Place]]]:
    """The middle of each room, and the way of each edge from row to row."""
    row_of = {room: number for number, row in enumerate(rows) for room in row}
    places: list[list[Place]] = [[(number, room) for room in row] for number, row in enumerate(rows)]
    ways: list[list[Place]] = []
    for room, other in edges:
        first, last = row_of[room], row_of[other]
        between = [(number, f"{room} {other}") for number in range(first + 1, last)]
        for place in between:
            places[place[0]].append(place)
        ways.append([(first, room), *between, (last, other)])
    near: dict[Place, list[Place]] = {}
    for way in ways:
        for one, two in pairwise(way):
            near.setdefault(one, []).append(two)
            near.setdefault(two, []).append(one)
    x: dict[Place, float] = {}
    for row in places:
        _spread(row, dict.fromkeys(row, 0.0), x)
    for sweep in range(_SWEEPS):
        step = 1 if sweep % 2 else -1
        for row in places[::step]:
            # In the first sweeps only the row before counts, which unties crossings; then both.
            wanted = {}
            for place in row:
                beside = near.get(place, [])
                if sweep < _SWEEPS // 2:
                    beside = [each for each in beside if (each[0] - place[0]) * step < 0] or beside
                wanted[place] = fmean([x[each] for each in beside] or [x[place]])
            row.sort(key=lambda place: (wanted[place], place))
            _spread(row, wanted, x)
    return x, ways


def _spread(row: Sequence[Place], wanted: Mapping[Place, float], x: dict[Place, float]) -> None:
    """Put a row near where it is wanted, in its order and without overlaps."""
    before: Place | None = None
    for place in row:
        x[place] = wanted[place]
        if before is not None:
            x[place] = max(x[place], x[before] + (_width(before) + _width(place)) / 2 + _GAP)
        before = place
    shift = fmean(wanted[place] - x[place] for place in row)
    for place in row:
        x[place] += shift


def _width(place: Place) -> int:
    return _LANE if " " in place[1] else _BOX


def draw(rows: Sequence[Sequence[str]], edges: Sequence[Edge]) -> str:
    """The picture as SVG."""
    x, ways = arrange(rows, edges)
    left = min(x[place] - _width(place) / 2 for place in x) - _MARGIN
    width = max(x[place] + _width(place) / 2 for place in x) - left + _MARGIN
    height = _ROW * (len(rows) - 1) + _HEIGHT + 2 * _MARGIN
    parts = [_HEAD.format(width=round(width), height=height)]
    for way in ways:
        points = [(round(x[place] - left), _MARGIN + _ROW * place[0]) for place in way]
        parts.append(f'<path d="{" ".join(_line(points))}" marker-end="url(#end)"/>\n')
    parts.append(_ROOMS)
    for row, rooms in enumerate(rows):
        for room in rooms:
            middle, top = round(x[row, room] - left), _MARGIN + _ROW * row
            label = f"{room}/" if (PACKAGE / room).is_dir() else f"{room}.py"
            parts.append(
                f'<rect x="{middle - _BOX // 2}" y="{top}" width="{_BOX}" height="{_HEIGHT}" rx="5"/>'
                f'<text x="{middle}" y="{top + 22}" fill="#fff">{label}</text>\n'
            )
    return "".join((*parts, "</g>\n</svg>\n"))


def _line(points: Sequence[tuple[int, int]]) -> Iterator[str]:
    """From the bottom of the first row to the top of the last one, upright past the rows between."""
    across, down = points[0][0], points[0][1] + _HEIGHT
    yield f"M{across} {down}"
    for number, (next_across, top) in enumerate(points[1:], 2):
        half = (down + top) // 2
        yield f"C{across} {half} {next_across} {half} {next_across} {top}"
        across, down = next_across, top + _HEIGHT
        if number < len(points):
            yield f"V{down}"


def picture() -> str:
    """The picture of the source code as it is."""
    rows = layers()
    rooms = [room for row in rows for room in row]
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    if not packages <= set(rooms):
        sys.exit(f"the layers contract of pyproject.toml lacks {', '.join(sorted(packages - set(rooms)))}")
    return draw(rows, reduced(imports(rooms)))


def main() -> int:
    """Write the picture; with `--check` only say whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.architecture", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it is out of date")
    if not parser.parse_args().check:
        PICTURE.write_text(picture(), encoding="utf-8")
    elif PICTURE.read_text(encoding="utf-8") != picture():
        print(f"{PICTURE.relative_to(ROOT)} is out of date: run python -m tools.architecture")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

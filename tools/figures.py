"""How the source code hangs together, in figures: `python -m tools.figures`.

What one warm chat completion runs of it, in flag mode; which modules import each other in a circle; and how
long the files are.
"""

import argparse
import ast
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import resolve_name
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import CodeType, FrameType
from typing import Final

import otel_residency
from benchmarks.cases import CASES
from benchmarks.variants import prepare

PACKAGE: Final = Path(otel_residency.__file__).parent
_WARM: Final = 50
Graph = Mapping[str, set[str]]
"""The modules that each module imports."""


@dataclass(frozen=True, kw_only=True)
class Entered:
    """What one call of the client runs of the package."""

    files: int
    functions: int
    changes: int
    """How often a function is entered that is in another file than the one entered before it."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All figures."""

    call: Entered
    circles: list[list[str]]
    """Modules that import each other at their top level, for type checkers too."""
    circles_with_late: list[list[str]]
    """The same if imports in function bodies count."""
    late: list[str]
    """Imports in function bodies, as `importer -> imported`."""
    lines: Mapping[str, int]
    """The length of each file."""


def figures() -> Figures:
    """Compute them. The process stays instrumented: use one of its own."""
    sources = {_module(file): file for file in sorted(PACKAGE.rglob("*.py"))}
    trees = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in sources.items()}
    imports = {name: set(_imported(tree, name, sources, late=False)) for name, tree in trees.items()}
    late = {name: set(_imported(tree, name, sources, late=True)) for name, tree in trees.items()}
    return Figures(
        call=entered(),
        circles=circles(imports),
        circles_with_late=circles({name: imports[name] | late[name] for name in imports}),
        late=[f"{name} -> {each}" for name in late for each in sorted(late[name])],
        lines={
            str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines())
            for file in sources.values()
        },
    )


def entered() -> Entered:
    """What a warm chat completion runs."""
    prepare("ours")
    case = CASES["chat"]
    client = case.client()
    for _ in range(_WARM):
        case.call(client)
    codes: list[CodeType] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            codes.append(frame.f_code)

    sys.setprofile(profile)
    try:
        case.call(client)
    finally:
        sys.setprofile(None)
    files = [code.co_filename for code in codes]
    return Entered(
        files=len(set(files)),
        functions=len(set(codes)),
        changes=sum(before != after for before, after in pairwise(["", *files])),
    )


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one module, largest first."""
    reached = {name: _reachable(graph, name) for name in graph}
    found = {
        tuple(sorted(each for each in reached[name] if name in reached[each]))
        for name in graph
        if name in reached[name]
    }
    return sorted(map(list, found), key=lambda names: (-len(names), names))


def _reachable(graph: Graph, start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def _module(file: Path) -> str:
    """The name of a module; that of a package ends with `.__init__`."""
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)


def _imported(tree: ast.AST, name: str, modules: Mapping[str, Path], *, late: bool) -> Iterator[str]:
    """The modules of the package that the module `name` imports: at its top level, or else late."""
    for node in _nodes(tree, late=late):
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), name.rpartition(".")[0])
            wanted = [f"{source}.{each.name}" for each in node.names]
        for each in wanted:
            parent = each.rpartition(".")[0]
            candidates = (each, f"{each}.__init__", parent, f"{parent}.__init__")
            yield from [found for found in candidates if found in modules and found != name][:1]


def _nodes(tree: ast.AST, *, late: bool, inside: bool = False) -> Iterator[ast.AST]:
    """The nodes outside of functions; if `late`, those within."""
    for node in ast.iter_child_nodes(tree):
        if inside == late:
            yield node
        within = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _nodes(node, late=late, inside=within)


def main() -> None:
    """Print them, one a line, or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tools.figures", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    computed = figures()
    if parser.parse_args().json:
        print(json.dumps(dataclasses.asdict(computed), indent=1))
        return
    call, lines = computed.call, computed.lines
    print(f"warm chat call: {call.files} files, {call.functions} functions, {call.changes} changes of file")
    for title, found in (("top level", computed.circles), ("all", computed.circles_with_late)):
        print(f"circles over {title} imports: {len(found)}")
        for circle in found:
            print(f"  {len(circle)}: {', '.join(circle)}")
    print(f"imports in function bodies: {len(computed.late)}")
    for each in computed.late:
        print(f"  {each}")
    longest = max(lines, key=lambda file: lines[file])
    print(f"{len(lines)} files, median {median(lines.values()):g} lines, largest {longest}, {lines[longest]}")


if __name__ == "__main__":
    main()

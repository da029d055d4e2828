"""Rules of this repository that ruff has not: `python -m tools.lint`.

* A value with more than three fields is constructed by keyword, and none from a starred argument: two fields
  of one type that are swapped go unnoticed, and `features` and `tools` of `CallFacts` are such a pair.
* No more than 0.5 % of the bound names, in package and tests, are words of the private dialect that both
  once were written in.
* A class name occurs once in the package.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE, TESTS = ROOT / "src", ROOT / "tests"
MOST_POSITIONAL = 3
MOST_DIALECT = 0.005
DIALECT = frozenset(
    {
        *(
            "told",
            "tell",
            "tells",
            "telling",
            "tale",
            "said",
            "say",
            "says",
            "speak",
            "spoken",
            "word",
            "meant",
        ),
        *(
            "seen",
            "saw",
            "look",
            "heard",
            "hear",
            "ask",
            "asked",
            "know",
            "knows",
            "known",
            "learn",
            "learned",
        ),
        *("held", "hold", "own", "mine", "others", "beside", "above", "lately", "shut", "leave", "leaves"),
        *("welcome", "welcomed", "greet", "greeted", "mend", "mended", "cure"),
        *("door", "doors", "way", "ways", "road"),
    }
)
"""Words that show too little as a name, or as a part of one."""

Trees = Mapping[Path, ast.Module]


def read(folder: Path) -> Trees:
    """The syntax trees of the Python files below `folder`."""
    files = sorted(folder.rglob("*.py"))
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def constructions(trees: Trees, classes: frozenset[str]) -> Iterator[str]:
    """Places where one of `classes` is constructed with too many positional arguments, or a starred one."""
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in classes:
                place = f"{file}:{node.lineno}: {_name(node.func)}"
                if any(isinstance(argument, ast.Starred) for argument in node.args):
                    yield f"{place} is constructed from a starred argument"
                elif len(node.args) > MOST_POSITIONAL:
                    yield f"{place} is constructed with {len(node.args)} positional arguments"


def dialect(trees: Trees) -> Iterator[str]:
    """Names of the private dialect, if they are too large a share of all names."""
    names = [(file, *bound) for file, tree in trees.items() for bound in bound_names(tree)]
    found = [(file, line, name) for file, line, name in names if DIALECT & {*name.lower().split("_")}]
    if len(found) > MOST_DIALECT * len(names):
        yield f"{len(found)} of {len(names)} names are in the private dialect, more than {MOST_DIALECT:.1%}"
        yield from (f"{file}:{line}: {name}" for file, line, name in found)


def repeated_classes(trees: Trees) -> Iterator[str]:
    """Classes that have a name in common."""
    places = defaultdict(list)
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{file}:{node.lineno}")
    for name, found in places.items():
        if len(found) > 1:
            yield f"{found[0]}: a class {name} also stands at {', '.join(found[1:])}"


def tuples_and_dataclasses(trees: Trees) -> frozenset[str]:
    """The names of all named tuples and dataclasses."""
    return frozenset(
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {"NamedTuple", "dataclass"} & {_name(each) for each in (*node.bases, *node.decorator_list)}
    )


def bound_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each function, class, argument, variable and attribute that is defined or assigned."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
                | ast.arg(arg=name)
            ):
                yield node.lineno, name


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _name(function)
    return ""


def problems(folder: Path = PACKAGE) -> Iterator[str]:
    """All that the package below `folder` does against these rules."""
    trees = read(folder)
    yield from constructions(trees, tuples_and_dataclasses(trees))
    yield from dialect(trees)
    yield from repeated_classes(trees)


def main() -> int:
    """Print the problems."""
    found = [*problems(), *dialect(read(TESTS))]
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

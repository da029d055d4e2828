"""The rules of `tools.lint`: each finds what it forbids, and nothing else."""

import ast
from pathlib import Path

import pytest

from tools import lint
from tools.lint import (
    DIALECT,
    bound_names,
    constructions,
    dialect,
    problems,
    repeated_classes,
    tuples_and_dataclasses,
)

FILE = Path("package/module.py")
CLASSES = """
class Facts(NamedTuple):
    a: str

@dataclass(frozen=True)
class Place:
    a: str

@dataclass
class Other:
    a: str

class Ordinary(dict):
    pass
"""


def _trees(*sources: str) -> dict[Path, ast.Module]:
    return {FILE.with_stem(f"module_{number}"): ast.parse(text) for number, text in enumerate(sources)}


@pytest.mark.parametrize(
    "call",
    [
        "Facts(1, 2, 3, 4)",
        "facts.Facts(1, 2, 3, 4)",
        "Place(1, 2, 3, 4, e=5)",
        "Other(*parts)",
        "Facts(1, *b)",
    ],
)
def test_a_construction_by_position_is_a_problem(call: str) -> None:
    """More than three positional arguments, or a starred one."""
    trees = _trees(CLASSES, call)
    (found,) = constructions(trees, tuples_and_dataclasses(trees))
    assert found.startswith("package/module_1.py:1: ")


@pytest.mark.parametrize(
    "call",
    ["Facts(1, 2, 3)", "Facts(1, b=2, c=3, d=4, e=5)", "Facts(**parts)", "Ordinary(1, 2, 3, 4)", "f(*parts)"],
)
def test_another_construction_is_no_problem(call: str) -> None:
    """Three positions, keywords, and calls of anything else."""
    trees = _trees(CLASSES, call)
    assert [*constructions(trees, tuples_and_dataclasses(trees))] == []


@pytest.mark.parametrize(
    "source",
    [
        "told = 1",
        "def tell(x): ...",
        "class Known: ...",
        "def f(asked): ...",
        "self._is_known = 1",
        "_HELD: int = 1",
    ],
)
def test_names_of_the_dialect_are_a_problem(source: str) -> None:
    """Wherever a name is bound, whatever surrounds the word."""
    total, place = dialect(_trees(source))
    assert "names are in the private dialect" in total
    assert place.startswith("package/module_0.py:1: ")


def test_few_names_of_the_dialect_are_no_problem() -> None:
    """One in two hundred, and words that are only read, or part of another word."""
    plain = [f"name_{number} = told.ask(knowledge)" for number in range(199)]
    assert [*dialect(_trees("\n".join([*plain, "told = 1"])))] == []
    assert len([*dialect(_trees("\n".join([*plain, "told = 1", "known = 1"])))]) == 3


def test_names_of_the_tests_are_counted_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A word of the dialect in a test fails the command, as one in the package does."""
    monkeypatch.setattr(lint, "TESTS", tmp_path)
    assert lint.main() == 0
    (tmp_path / "test_one.py").write_text("told = 1\n", encoding="utf-8")
    assert lint.main() == 1


def test_a_class_name_that_occurs_twice_is_a_problem() -> None:
    """In one file or in two; the message names every place."""
    assert [*repeated_classes(_trees("class A: ...", "class B: ..."))] == []
    (found,) = repeated_classes(_trees("class A: ...\nclass B: ...", "def f():\n    class A: ..."))
    assert found == "package/module_0.py:1: a class A also stands at package/module_1.py:2"


def test_every_rule_is_applied_to_a_package(tmp_path: Path) -> None:
    """What breaks each rule is found by the function that the command calls."""
    (tmp_path / "one.py").write_text(f"{CLASSES}\nFacts(1, 2, 3, 4)\ntold = 1\n", encoding="utf-8")
    (tmp_path / "two.py").write_text("class Facts: ...\n", encoding="utf-8")
    text = "\n".join(problems(tmp_path))
    assert "positional" in text
    assert "told" in text
    assert "class Facts also" in text


def test_every_kind_of_binding_is_counted() -> None:
    """Functions, classes, arguments, variables and attributes, each once; what is read is none."""
    source = "class A:\n    def f(self, x): self.y = z = x\n"
    assert sorted(name for _, name in bound_names(ast.parse(source))) == ["A", "f", "self", "x", "y", "z"]
    assert all(entry.isalpha() and entry.islower() for entry in DIALECT)

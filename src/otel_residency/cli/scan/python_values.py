"""What expressions of a Python file stand for, as far as its text shows it."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

UNKNOWN = object()
"""The value of an expression that is not literal."""
VARIABLE_AND_VALUE = 2
"""The arguments of a function that reads a variable and has a default."""
_SCALARS = (str, bool, int, float)
_MOST_NAMES = 32
"""Names of `a.b.c` that are read, from the last one: a longer one is no name of the client."""
_LONGEST = 4096
"""Characters of a text that is put together: texts made of one another can grow without end."""


class PythonValues:
    """The expressions of one file.

    Attributes:
        nodes: all parts of its syntax tree.
        constants: what names of the module and its classes stand for.
        texts: the ids of expressions that are put together of texts alone.
    """

    def __init__(self, tree: ast.Module) -> None:
        """Read all expressions of a file."""
        self.nodes = list(ast.walk(tree))
        self.constants = _constants(tree)
        self.texts: set[int] = set()
        # From the inside out, each node once: to look through a sum again for each sum around it would take
        # the square of their number.
        for node in reversed(self.nodes):
            if self.is_text(node):
                self.texts.add(id(node))

    def alternatives(self, value: ast.expr) -> Iterator[ast.expr]:
        """The expressions that a choice may evaluate to."""
        match value:
            case ast.IfExp(body=body, orelse=orelse):
                yield from self.alternatives(body)
                yield from self.alternatives(orelse)
            case ast.BoolOp(values=values):
                for each in values:
                    yield from self.alternatives(each)
            case _:
                yield self.resolved(value)

    def resolved(self, node: ast.expr) -> ast.expr:
        """The value of a name of the file, one step; a default; a text that is put together of literals."""
        if isinstance(node, ast.Name | ast.Attribute):
            node = self.constants.get(".".join(names_in(node)), node)
        if isinstance(node, ast.Call):
            if len(node.args) == VARIABLE_AND_VALUE and reads_variable(node.func):
                return node.args[1]
            if names_in(node.func)[-1:] == ["Field"]:
                return next(
                    (each.value for each in node.keywords if each.arg == "default"), *node.args[:1] or [node]
                )
        text = self.folded(node)
        return node if text is None else ast.copy_location(ast.Constant(text), node)

    def is_text(self, node: ast.AST) -> bool:
        """Whether an expression is a text, or put together of those within it that are."""
        match node:
            case ast.Constant(value=str()):
                return True
            case ast.JoinedStr(values=parts):
                return all(id(each) in self.texts for each in parts)
            case ast.BinOp(op=ast.Add()):
                return all(id(each) in self.texts for each in addends(node))
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return id(value) in self.texts
            case ast.Name() | ast.Attribute():
                return self.constant(node) is not None
        return False

    def constant(self, node: ast.Name | ast.Attribute) -> str | None:
        """The text that a name of the file stands for."""
        value = self.constants.get(".".join(names_in(node)))
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None

    def folded(self, node: ast.expr) -> str | None:
        """The text that is put together of literals and names of the file; `None` if it is not one."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name | ast.Attribute) or id(node) not in self.texts:
            return None
        parts: list[str] = []
        length = 0
        waiting = [node]
        while waiting and length <= _LONGEST:
            match waiting.pop():
                case ast.Constant(value=str(text)):
                    parts.append(text)
                    length += len(text)
                case ast.JoinedStr(values=values):
                    waiting += reversed(values)
                case ast.BinOp() as both:
                    waiting += reversed(addends(both))
                case ast.FormattedValue(value=value):
                    waiting.append(value)
                case (ast.Name() | ast.Attribute()) as name:
                    parts.append(self.constant(name) or "")
                    length += len(parts[-1])
        return "".join(parts) if length <= _LONGEST else None

    def literal(self, node: ast.expr) -> Any:
        """The value of an expression, as far as it is literal."""
        match self.resolved(node):
            case ast.Constant(value=value) if value is None or isinstance(value, _SCALARS):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [each for each in map(self.literal, items) if each is not UNKNOWN]
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                read = {k.value: self.literal(v) for k, v in pairs if isinstance(k, ast.Constant)}
                return {key: value for key, value in read.items() if value is not UNKNOWN}
        return UNKNOWN


def _constants(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Mapping[str, ast.expr]:
    """Names that the module or one of its classes assigns once at its top level."""
    found: dict[str, ast.expr] = {}
    twice = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= _constants(node, f"{prefix}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                value = getattr(node, "value", None)
                name = f"{prefix}{target.id}"
                if name in found or value is None:
                    twice.add(name)
                else:
                    found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def reads_variable(function: ast.expr) -> bool:
    """Whether a function gives the value of an environment variable."""
    names = names_in(function)
    return names[-1:] == ["getenv"] or names[-2:] == ["environ", "get"]


def addends(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    """The two parts of a sum."""
    return node.left, node.right


def names_in(node: ast.expr) -> list[str]:
    """`a.b.c` as its names, without what precedes a call or an index."""
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < _MOST_NAMES:
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else names[::-1]

"""What a Python file says to clients of the vendor's API, by its syntax tree; nothing is run."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from otel_residency.cli.scan.said import Call, Client, Found, Place, Said, UnreadableError

_CLIENTS = frozenset({"OpenAI", "AsyncOpenAI"})
_WHERE = frozenset({"base_url", "data_residency", "provider", "http_client"})
"""Arguments that tell a client where it calls, or may."""
_VERBS = frozenset({"create", "create_and_poll", "create_and_run", "parse", "stream"})
_FAMILY = "openai"
_VARIABLE_AND_VALUE = 2
_UNKNOWN = object()
_SCALARS = (str, bool, int, float)


def read(content: bytes) -> Iterator[Found]:
    """Texts with their names, clients without a base URL, and calls.

    Raises:
        UnreadableError: it is not Python.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(content)
        yield from _File(tree).read()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnreadableError("is not Python that this interpreter reads") from None


class _File:
    """One file, with the constants of its module."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.constants = _constants(tree)
        self.imports = any(_imports_family(node) for node in ast.walk(tree))

    def read(self) -> Iterator[Found]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Call():
                    yield from self.call(node)
                case (
                    ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value)
                ) if value:
                    yield from self.assigned(target, value)
                case ast.Dict(keys=keys, values=values):
                    for key, value in zip(keys, values, strict=True):
                        if isinstance(key, ast.Constant) and isinstance(key.value, str):
                            yield from self.said(key.value, value)
                case ast.Constant(value=str(text)) if "://" in text:
                    yield Said(_place(node), "", text)

    def call(self, node: ast.Call) -> Iterator[Found]:
        names = _names(node.func)
        callee = names[-1] if names else ""
        family = _FAMILY in callee.lower()
        for keyword in node.keywords:
            yield from self.said(keyword.arg or "", keyword.value, sure=family)
        if len(node.args) == _VARIABLE_AND_VALUE and isinstance(node.args[0], ast.Constant):
            # A name and its default, as os.getenv and setdefault take them.
            yield from self.said(str(node.args[0].value), node.args[1])
        if family:
            yield Said(_place(node), callee, "", sure=True)
        given = {keyword.arg for keyword in node.keywords}
        if self.imports and callee in _CLIENTS and not given & {*_WHERE, None}:
            yield Client(_place(node))
        if callee in _VERBS and (self.imports or "model" in given):
            yield from self.api_call(node, [name for name in names[:-1] if not name.startswith("with_")])

    def api_call(self, node: ast.Call, resource: list[str]) -> Iterator[Call]:
        body: dict[str, Any] = {}
        places = {}
        for keyword in node.keywords:
            value = self.literal(keyword.value)
            if keyword.arg == "extra_body" and isinstance(value, dict):
                body |= value
            elif keyword.arg and value is not _UNKNOWN:
                body[keyword.arg] = value
                places[keyword.arg] = _place(self.resolved(keyword.value))
        yield Call(_place(node), "/".join(resource), body, places)

    def assigned(self, target: ast.expr, value: ast.expr) -> Iterator[Said]:
        match target:
            case ast.Name(id=name):
                yield from self.said(name, value)
            case ast.Attribute(attr=name):
                yield from self.said(name, value, sure=_FAMILY in "".join(_names(target)[:-1]).lower())
            case ast.Subscript(slice=ast.Constant(value=str(name))):
                yield from self.said(name, value)

    def said(self, key: str, value: ast.expr, *, sure: bool = False) -> Iterator[Said]:
        node = self.resolved(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Said(_place(node), key, node.value, sure)

    def resolved(self, node: ast.expr) -> ast.expr:
        """What a name of the module stands for, one step; and the default of an environment variable."""
        if isinstance(node, ast.Name):
            node = self.constants.get(node.id, node)
        if isinstance(node, ast.Call) and len(node.args) == _VARIABLE_AND_VALUE:
            names = _names(node.func)
            if names[-1:] == ["getenv"] or names[-2:] == ["environ", "get"]:
                return node.args[1]
        return node

    def literal(self, node: ast.expr) -> Any:
        """The value of an expression, as far as it is literal."""
        match self.resolved(node):
            case ast.Constant(value=value) if value is None or isinstance(value, _SCALARS):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [each for each in map(self.literal, items) if each is not _UNKNOWN]
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                read = {k.value: self.literal(v) for k, v in pairs if isinstance(k, ast.Constant)}
                return {key: value for key, value in read.items() if value is not _UNKNOWN}
        return _UNKNOWN


def _constants(tree: ast.Module) -> Mapping[str, ast.expr]:
    """Names that the module assigns once, at its top."""
    found: dict[str, ast.expr] = {}
    twice = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                value = getattr(node, "value", None)
                if target.id in found or value is None:
                    twice.add(target.id)
                else:
                    found[target.id] = value
    return {name: value for name, value in found.items() if name not in twice}


def _imports_family(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == _FAMILY
    return isinstance(node, ast.Import) and any(each.name.partition(".")[0] == _FAMILY for each in node.names)


def _names(node: ast.expr) -> list[str]:
    """`a.b.c` as its names; what stands before a call or an index is left out."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else names


def _place(node: ast.expr) -> Place:
    return Place(node.lineno, node.col_offset + 1)

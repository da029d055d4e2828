"""Reads Python files by their syntax tree; nothing is run."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from otel_residency.cli.base_url import BASE_URL
from otel_residency.cli.scan.literals import (
    ApiCall,
    Found,
    Literal,
    Position,
    UnboundClient,
    UnreadableError,
    Unresolved,
)

_CLIENTS = frozenset({"OpenAI", "AsyncOpenAI"})
_WRAPPERS = frozenset({"ChatOpenAI", "OpenAIEmbeddings", "OpenAIEmbedding"})
"""Classes of frameworks that make a client."""
_URLS = frozenset({"base_url", "data_residency", "api_base", "openai_api_base", "azure_endpoint"})
_WHERE = _URLS | {"provider", "http_client", "async_client"}
"""Arguments that set a client's base URL, or may."""
_MODULE_URL = "openai.base_url"
_OF_CLIENTS = (BASE_URL,)
_OF_MODULE = (BASE_URL, _MODULE_URL)
_OF_WRAPPERS = (BASE_URL, "OPENAI_API_BASE")
"""What a client of the package, one of the module, and a wrapper read their base URL from by default."""
_COPY = "with_options"
_VERBS = {
    **dict.fromkeys(("create", "create_and_poll", "parse", "stream", "connect", "upload_file_chunked"), ""),
    "create_and_run": "runs",
    "generate": "generations",
    "edit": "edits",
    "create_variation": "variations",
}
"""Methods that send a request, with what each adds to the path of its resource."""
_DECIDING = frozenset({"model", "store", "background", "service_tier", "tools", "extra_body"})
_FAMILY = "openai"
_VARIABLE_AND_VALUE = 2
_UNKNOWN = object()
_SCALARS = (str, bool, int, float)
_MOST_NAMES = 32
"""Names of `a.b.c` that are read, from the last one: a longer one is no name of the client."""
_LONGEST = 4096
"""Characters of a text that is put together: texts made of one another can grow without end."""


def read(content: bytes) -> Iterator[Found]:
    """Literals with their names, clients without a base URL, and calls.

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
        self.constants = _constants(tree)
        self.nodes = list(ast.walk(tree))
        self.imports = False
        self.modules: set[str] = set()
        self.originals: dict[str, str] = {}
        self.defined: set[str] = set()
        self.skipped: set[int] = set()
        """The ids of docstrings, and of sums that are part of another one, which is read as a whole."""
        self.texts: set[int] = set()
        """The ids of expressions that are put together of texts alone."""
        for node in self.nodes:
            match node:
                case ast.Import(names=names):
                    self.imports |= any(_is_family(each.name) for each in names)
                    self.modules |= {each.asname or each.name for each in names if each.name == _FAMILY}
                case ast.ImportFrom(module=module, names=names):
                    self.imports |= _is_family(module or "") or any(each.name in _WRAPPERS for each in names)
                    self.originals |= {each.asname: each.name for each in names if each.asname}
                case ast.ClassDef(name=name):
                    self.defined.add(name)
                case ast.Expr(value=ast.Constant() as text):
                    self.skipped.add(id(text))
        # From the inside out, each node once: to look through a sum again for each sum around it would take
        # the square of their number.
        for node in reversed(self.nodes):
            if self.is_text(node):
                self.texts.add(id(node))
                if isinstance(node, ast.BinOp):
                    self.skipped.update(id(each) for each in _addends(node) if isinstance(each, ast.BinOp))

    def read(self) -> Iterator[Found]:
        for node in self.nodes:
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
                            yield from self.literals(key.value, value)
                case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
                    yield from self.defaults(arguments)
                case ast.Constant() | ast.JoinedStr() | ast.BinOp(op=ast.Add()) if (
                    id(node) not in self.skipped
                ):
                    text = self.folded(node)
                    if isinstance(text, str) and "://" in text:
                        yield Literal(place=_place(node), key="", value=text, sets=False)

    def call(self, node: ast.Call) -> Iterator[Found]:
        names = _names(node.func)
        callee = self.originals.get(names[-1], names[-1]) if names else ""
        family = _FAMILY in callee.lower()
        given = dict(self.arguments(node))
        for name, value in given.items():
            yield from self.literals(name, value, sure=family)
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            # A name and its default, as os.getenv, setdefault and options of a command line take them.
            name = node.args[0].value.lstrip("-").replace("-", "_")
            for value in node.args[1:] if len(node.args) == _VARIABLE_AND_VALUE else ():
                yield from self.literals(name, value, sets=not _reads_variable(node.func))
            if "default" in given:
                yield from self.literals(name, given["default"])
        if family:
            yield Literal(place=_place(node), key=callee, value="", sure=True, sets=False)
        if self.imports and (family or callee == _COPY) and callee not in self.defined:
            yield from self.client(node, callee, given)
        if callee in _VERBS and (self.imports or "model" in given):
            resource = [name for name in names[:-1] if not name.startswith("with_")]
            if resource[:1] and resource[0] in self.modules:
                yield UnboundClient(_place(node), _OF_MODULE)
            yield from self.api_call(node, [*resource, *filter(None, [_VERBS[callee]])], given)

    def arguments(self, node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """The keyword arguments; `**` for those whose names are not literal."""
        for keyword in node.keywords:
            value = self.resolved(keyword.value) if keyword.arg is None else keyword.value
            match value:
                case ast.Dict(keys=keys, values=values) if keyword.arg is None:
                    for key, each in zip(keys, values, strict=True):
                        yield (str(key.value) if isinstance(key, ast.Constant) else "**"), each
                case ast.Call(func=ast.Name(id="dict")) if keyword.arg is None:
                    yield from self.arguments(value)
                case _:
                    yield keyword.arg or "**", value

    def client(
        self, node: ast.Call, callee: str, given: Mapping[str, ast.expr]
    ) -> Iterator[UnboundClient | Unresolved]:
        settings = _OF_WRAPPERS if callee in _WRAPPERS else _OF_CLIENTS
        stated = {name: value for name, value in given.items() if not self.unset(value, settings)}
        if callee in _CLIENTS | _WRAPPERS and not stated.keys() & {*_WHERE, "**"}:
            yield UnboundClient(_place(node), settings)
        for name in stated.keys() & {*_URLS, "**"}:
            choices = self.alternatives(stated[name])
            if not all(isinstance(each, ast.Constant) or self.unset(each, settings) for each in choices):
                yield Unresolved(_place(node), f"{name} of {callee}")

    def unset(self, value: ast.expr, settings: tuple[str, ...]) -> bool:
        """Whether it is as good as no argument: `None`, or a variable that the client reads itself."""
        match self.resolved(value):
            case ast.Constant(value=None):
                return True
            case ast.Call(args=[ast.Constant(value=variable)], func=func):
                return variable in settings and _reads_variable(func)
        return False

    def api_call(
        self, node: ast.Call, resource: list[str], given: Mapping[str, ast.expr]
    ) -> Iterator[ApiCall]:
        body: dict[str, Any] = {}
        places = {}
        unresolved = []
        for name, argument in given.items():
            value = self.literal(argument)
            if name == "extra_body" and isinstance(value, dict):
                body |= value
            elif value is not _UNKNOWN:
                body[name] = value
                places[name] = _place(self.resolved(argument))
            elif name in {*_DECIDING, "**"}:
                unresolved.append(name)
        yield ApiCall(
            place=_place(node),
            path="/".join(resource),
            body=body,
            places=places,
            unresolved=tuple(unresolved),
        )

    def defaults(self, arguments: ast.arguments) -> Iterator[Literal | Unresolved]:
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, value in pairs:
            if value is not None:
                yield from self.literals(argument.arg, value)

    def assigned(self, target: ast.expr, value: ast.expr) -> Iterator[Literal | Unresolved]:
        match target:
            case ast.Name(id=name):
                yield from self.literals(name, value)
            case ast.Attribute(attr=name):
                names = _names(target)
                if names[:-1] and names[0] in self.modules and names[1:] == ["base_url"]:
                    name = _MODULE_URL
                sure = _FAMILY in "".join(names[:-1]).lower()
                yield from self.literals(name, value, sure=sure, sets=name == _MODULE_URL)
            case ast.Subscript(slice=ast.Constant(value=str(name))):
                yield from self.literals(name, value, sets=True)

    def literals(
        self, key: str, value: ast.expr, *, sure: bool = False, sets: bool = False
    ) -> Iterator[Literal | Unresolved]:
        if sets and key in {*_OF_WRAPPERS, _MODULE_URL} and self.literal(value) is _UNKNOWN:
            yield Literal(place=_place(value), key=key, value="?")
            yield Unresolved(_place(value), key)
        for node in self.alternatives(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield Literal(place=_place(node), key=key, value=node.value, sure=sure, sets=sets)

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
            node = self.constants.get(".".join(_names(node)), node)
        if isinstance(node, ast.Call):
            if len(node.args) == _VARIABLE_AND_VALUE and _reads_variable(node.func):
                return node.args[1]
            if _names(node.func)[-1:] == ["Field"]:
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
                return all(id(each) in self.texts for each in _addends(node))
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return id(value) in self.texts
            case ast.Name() | ast.Attribute():
                return self.constant(node) is not None
        return False

    def constant(self, node: ast.Name | ast.Attribute) -> str | None:
        """The text that a name of the file stands for."""
        value = self.constants.get(".".join(_names(node)))
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
                    waiting += reversed(_addends(both))
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
                return [each for each in map(self.literal, items) if each is not _UNKNOWN]
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                read = {k.value: self.literal(v) for k, v in pairs if isinstance(k, ast.Constant)}
                return {key: value for key, value in read.items() if value is not _UNKNOWN}
        return _UNKNOWN


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


def _is_family(module: str) -> bool:
    """Whether it is the client, or a module with the client's name in its name."""
    return any(_FAMILY in part.split("_") for part in module.split("."))


def _reads_variable(function: ast.expr) -> bool:
    names = _names(function)
    return names[-1:] == ["getenv"] or names[-2:] == ["environ", "get"]


def _addends(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    return node.left, node.right


def _names(node: ast.expr) -> list[str]:
    """`a.b.c` as its names, without what precedes a call or an index."""
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < _MOST_NAMES:
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else names[::-1]


def _place(node: ast.expr) -> Position:
    return Position(node.lineno, node.col_offset + 1)

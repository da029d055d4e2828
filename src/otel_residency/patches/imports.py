"""Calls functions with a module each time it is executed: when it is imported, reloaded or imported anew.

No lock of ours is held meanwhile, and nothing here imports the package of a module.
`importlib.util.find_spec` does, and so do the hooks of wrapt 2.5, which call it: a thread that imports a
package and one that imports a module of it then wait for each other (tests/patches/test_imports.py). For the
same reason a function that is called here imports nothing of the library that it patches.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from threading import local
from types import ModuleType
from typing import Any

import wrapt

Hook = Callable[[ModuleType], object]


class _Names(local):
    """The modules that this thread is looking for, since a finder may ask all others, and us, again."""

    def __init__(self) -> None:
        self.names: set[str] = set()


class Finder:
    """A finder of `sys.meta_path` that lets the others find a module, and calls hooks when it was executed.

    Attributes:
        hooks: what is called with each module, by its name.
    """

    def __init__(self) -> None:
        self.hooks: dict[str, list[Hook]] = {}
        self._finding = _Names()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the finders after this one find, with a loader that calls the hooks."""
        finding = self._finding.names
        if name not in self.hooks or name in finding:
            return None
        finding.add(name)
        try:
            spec = _find(_after(self), name, path, target)
        finally:
            finding.discard(name)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader if hasattr(spec.loader, "exec_module") else _OldLoader
            spec.loader = loader(spec.loader)
        return spec

    def add(self, name: str, hook: Hook) -> None:
        """Have `hook` called with the module `name`: now if it is imported, and whenever it will be."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        self.hooks.setdefault(name, []).append(hook)
        module = sys.modules.get(name)
        # Another thread is importing it, and found it before the hook was here.
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            with suppress(Exception):  # its import fails there too
                module = import_module(name)
        if module is not None:
            hook(module)


finder = Finder()
"""The one of this process."""


def _after(finder: Finder) -> Iterable[Any]:
    finders = list(sys.meta_path)
    return finders[finders.index(finder) + 1 :] if finder in finders else finders


def _find(finders: Iterable[Any], *wanted: Any) -> ModuleSpec | None:
    found = (find(*wanted) for each in finders if (find := getattr(each, "find_spec", None)) is not None)
    return next((spec for spec in found if spec is not None), None)


# Proxies, since programs ask a loader for more than it needs to load: `get_source`, `get_code`, its class.
class _Loader(wrapt.ObjectProxy):  # type: ignore[type-arg]
    def exec_module(self, module: ModuleType) -> None:
        _restore(module, self.__wrapped__)
        self.__wrapped__.exec_module(module)
        _executed(module)


class _OldLoader(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """The same of a loader that knows only how to load, which Python supports until 3.15."""

    def load_module(self, name: str) -> ModuleType:
        module: ModuleType = self.__wrapped__.load_module(name)
        _restore(module, self.__wrapped__)
        _executed(module)
        return module


def _restore(module: ModuleType, loader: Any) -> None:
    """Have a module show the loader that it would have without us."""
    with suppress(AttributeError):  # a module may be any object
        module.__loader__ = loader
        if module.__spec__ is not None:
            module.__spec__.loader = loader


def _executed(module: ModuleType) -> None:
    for hook in finder.hooks.get(module.__name__, ()):
        hook(module)

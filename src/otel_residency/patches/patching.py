"""How patches are made: when a module is imported, in place of its methods, without breaking the import.

A patch is made once, again only where a module is executed anew, and stays; whether it does anything is
decided by `runtime.state`. So to switch ours off never removes another's, whatever the order.
"""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from inspect import iscoroutinefunction, unwrap
from logging import getLogger
from types import ModuleType
from typing import Any

import wrapt

from otel_residency.core.interruption import reraise_interruption
from otel_residency.patches.imports import finder
from otel_residency.runtime.runtime import runtime

_OURS = "_otel_residency_patch"
"""Attribute of our functions; another's wrapper of one has it too, by `functools.wraps`."""
_log = getLogger("otel_residency")
Wrapper = Callable[..., Any]
"""Called in place of a method with the bound method, its object, its arguments and keyword arguments."""
Make = Callable[[Any], Any]
"""From a function to the one that takes its place."""


def when_imported(name: str, patch: Callable[[ModuleType], None], missing: Callable[[str], object]) -> None:
    """Have `patch` called with the module `name`, now or when it is imported, and when it is imported anew.

    Args:
        name: of the module.
        patch: makes patches.
        missing: called with the module's name if that fails.
    """

    def hook(module: ModuleType) -> None:
        try:
            patch(module)
        except Exception:
            reraise_interruption()
            # An import of the application must not fail because of a patch (tests/patches/test_patching.py,
            # test_a_patch_that_fails_is_reported_and_the_import_goes_on).
            missing(module.__name__)
            _log.exception("otel-residency can't patch %s", module.__name__)

    finder.add(name, hook)


def replace(module: ModuleType, name: str, make: Make, missing: Callable[[str], object]) -> None:
    """Put what `make` makes of it in place of the method `name` of a class of `module`.

    The replacement is a plain function and no `wrapt.FunctionWrapper`, which differs from a method where
    programs look: read from its class it is another object each time, and it can't be pickled.
    """
    try:
        # wrapt reads the dictionary of the class (2.5, `resolve_path`): `getattr` would bind, and lose a
        # descriptor. Its `PathResolutionError` is an `AttributeError`.
        owner, attribute, wrapped = wrapt.resolve_path(module, name)
        put(owner, attribute, make(wrapped))
        # A class with two bases is reached twice, and must be patched once.
        for subclass in dict.fromkeys(_subclasses(owner)):
            inherited = vars(subclass).get(attribute)
            # Another's wrapper that was put on a subclass before us calls the original.
            if inherited is not None and unwrap(inherited) is unwrap(wrapped):
                put(subclass, attribute, make(inherited))
    except AttributeError:
        missing(name)
        _log.error(
            "%s.%s does not exist in this release: calls are not fully seen, block mode refuses them",
            module.__name__,
            name,
        )


def put(owner: Any, name: str, replacement: Any) -> None:
    """Set an attribute of a class or module, unless what is there is ours: it was not executed anew."""
    if not hasattr(vars(owner).get(name), _OURS):
        setattr(replacement, _OURS, True)
        wrapt.apply_patch(owner, name, replacement)


def _subclasses(owner: Any) -> Iterator[Any]:
    for subclass in owner.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def wrap_client(module: ModuleType, name: str, wrapper: Wrapper) -> None:
    """Put `wrapper` around the method `name` of an HTTP client that the openai client does not need."""
    replace(module, name, partial(wrapped_by, wrapper), runtime.patched.missing_clients.add)


def wrapped_by(wrapper: Wrapper, wrapped: Any) -> Any:
    """A method that calls `wrapper` around `wrapped` while a state is active."""
    # A coroutine function stays one: `create_autospec` and frameworks ask (tests/calls/test_unchanged.py,
    # test_a_double_of_the_client_can_be_made).
    if iscoroutinefunction(wrapped):

        @wraps(wrapped)
        async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            # As in `openai_client`: a wrapper that was there first takes its object from the binding.
            bound = wrapped.__get__(self, type(self))
            return await (wrapper(bound, self, args, kwargs) if runtime.state else bound(*args, **kwargs))
    else:

        @wraps(wrapped)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            bound = wrapped.__get__(self, type(self))
            return wrapper(bound, self, args, kwargs) if runtime.state else bound(*args, **kwargs)

    return method

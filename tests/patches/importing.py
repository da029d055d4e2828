"""Two threads import a package and a module of it: `importing.py MODULE ROUNDS with|without`.

It is held up at one point a round: before the package, before the module, after it. It waits until
the other thread is done, or for as long as the tests wait for a thread that waits.
"""

import faulthandler
import sys
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from itertools import cycle, islice, product
from threading import Event, Thread
from typing import Any

import httpcore  # noqa: F401 - what the libraries have in common is imported once
import opentelemetry.trace  # noqa: F401

HELD_UP = 0.05
SECONDS_A_ROUND = 10


class Slow:
    """A finder that holds up the import of one module, before it is executed or after."""

    def __init__(self, name: str, *, before: bool) -> None:
        self.name = name
        self.before = before
        self.other_is_done = Event()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """What the others find, slower."""
        if name != self.name:
            return None
        finders = [each for each in sys.meta_path if hasattr(each, "find_spec")]
        after = finders[finders.index(self) + 1 :]
        spec = next(filter(None, (each.find_spec(name, path, target) for each in after)))
        loader: Any = spec.loader
        if loader is None:  # a namespace package
            return spec
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            if self.before:
                self.other_is_done.wait(HELD_UP)
            execute(module)
            if not self.before:
                self.other_is_done.wait(HELD_UP)

        loader.exec_module = exec_module
        return spec


def forget(package: str) -> None:
    """Have a package and its modules imported anew."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def import_both(first: str, second: str, slow: Slow) -> None:
    """Import two modules in two threads; raises what one of them raises."""
    errors: list[BaseException] = []

    def run(name: str) -> None:
        try:
            import_module(name)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            errors.append(error)
        slow.other_is_done.set()

    threads = [Thread(target=run, args=[name], daemon=True) for name in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def main(module: str, rounds: str, ours: str) -> None:
    """Import them in every order, some rounds each."""
    faulthandler.dump_traceback_later(SECONDS_A_ROUND * int(rounds), exit=True)
    if ours == "with":
        from otel_residency import ResidencyInstrumentor

        ResidencyInstrumentor().instrument(require="eu", skip_dep_check=True)
    # `opentelemetry` itself is no package with code.
    package = "opentelemetry.sdk" if module.startswith("opentelemetry.") else module.partition(".")[0]
    points = product(
        ((package, True), (module, True), (module, False)), ((package, module), (module, package))
    )
    for (held_up, before), order in islice(cycle(points), int(rounds)):
        forget(package)
        slow = Slow(held_up, before=before)
        # Behind ours, so that the patch comes later than the module; and before ours.
        sys.meta_path.insert(int(before), slow)
        # Two threads that begin a circular import may get one, with and without us. They don't hang.
        with suppress(ImportError):
            import_both(*order, slow)
        sys.meta_path.remove(slow)


if __name__ == "__main__":
    main(*sys.argv[1:])

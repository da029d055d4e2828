"""Makes the calls of one library: `program.py <module> [<base URL>]`.

Prints, as JSON, what each call answered, or what its user would see of an error.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Iterator
from importlib import import_module

CALLS = ("plain", "streamed", "asynchronous")


def main(module: str, base: str | None = None) -> None:
    """Make those calls that the library has; without `base` it may look for an address itself."""
    library = import_module(module)
    results = {}
    for name in CALLS:
        call = getattr(library, name, None)
        if call is None:
            continue
        try:
            answer = call(base)
            results[name] = {"answer": asyncio.run(answer) if inspect.iscoroutine(answer) else answer}
        except Exception as error:  # noqa: BLE001 - whatever the library makes of it
            results[name] = {"error": kind(error), "text": str(error), "causes": [*map(kind, causes(error))]}
    sys.stdout.write(json.dumps(results))


def kind(error: BaseException) -> str:
    """The class of an error, as one would import it."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """What led to an error, the nearest first."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        yield (error := earlier)


if __name__ == "__main__":
    main(*sys.argv[1:])

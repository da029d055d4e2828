"""Guard the program that is about to start, then run the `sitecustomize` that this one stands before."""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - every Python process pays for it

try:
    from otel_residency.cli.run.guarded import guard_and_start

    guard_and_start(_HERE)
except BaseException as error:  # noqa: BLE001 - Python would report it and run the program all the same
    sys.stderr.write(f"otel-residency: not started: the guard failed for {sys.executable}: ")
    sys.stderr.write(f"{type(error).__name__}")
    sys.stderr.write(f": {error}\n" if isinstance(error, ImportError) else "\n")
    sys.stderr.flush()
    os._exit(78)

_below = PathFinder.find_spec(__name__, [each for each in sys.path if os.path.abspath(each) != _HERE])  # noqa: PTH100
if _below is not None and _below.loader is not None:
    _module = module_from_spec(_below)
    sys.modules[__name__] = _module
    _below.loader.exec_module(_module)

"""The programs of the monitoring: where they can't be had the tests are skipped, but not in CI."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tools.debian import DebianMissingError

# Those that start the real back ends run in a session of nox, as tests/backends does.
collect_ignore_glob = [] if "BACKENDS" in os.environ else ["test_end_to_end.py"]

Program: TypeAlias = Callable[[Callable[[], Path]], Path]


@pytest.fixture(scope="session")
def program() -> Program:
    """The path of a program, by the function of tools.debian that gets it."""

    def get(wanted: Callable[[], Path]) -> Path:
        try:
            return wanted()
        except DebianMissingError as missing:
            if "CI" in os.environ:
                raise
            pytest.skip(str(missing))

    return get

"""Real back ends, built and started for the tests of this folder: nox runs them in a session of their own."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from examples.stack.programs import free_address, running
from tests.backends.otlp import Sink
from tools.backends import collector

collect_ignore_glob = [] if "BACKENDS" in os.environ else ["test_*.py"]

StartSink = Callable[[Sink], AbstractContextManager[Sink]]


@contextmanager
def started(sink: Sink) -> Iterator[Sink]:
    """Run the back end that writes down what reaches it."""
    health = free_address()
    settings = {"SINK_OTLP": sink.address, "SINK_FILE": str(sink.file), "SINK_HEALTH": health}
    command = (collector(), "--config", Path(__file__).with_name("sink.yaml"))
    with running(command, f"http://{health}", sink.file.with_suffix(".log"), settings):
        yield sink


@pytest.fixture
def start_sink() -> StartSink:
    """Starts a back end."""
    return started


@pytest.fixture
def dead_sink(tmp_path: Path) -> Sink:
    """A back end that is not started yet."""
    return Sink(free_address(), tmp_path / "sink.jsonl")


@pytest.fixture
def sink(dead_sink: Sink) -> Iterator[Sink]:
    """A back end."""
    with started(dead_sink):
        yield dead_sink

"""Start a program, wait until it answers, stop it."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from random import SystemRandom
from time import monotonic, sleep
from typing import TypeVar
from urllib.request import ProxyHandler, build_opener

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which what does not come will not come."""
STEP = 0.05
_PORTS = (15_000, 32_000)
"""Below those that Linux gives to whoever asks for any, so that nobody gets one between now and its use."""
_DIRECT = build_opener(ProxyHandler({}))


def free_address() -> str:
    """A loopback address with a port that nobody uses, of those that no program is given by chance."""
    while True:
        port = SystemRandom().randrange(*_PORTS)
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"


def read(url: str) -> bytes:
    """What is served there. Raises OSError if it is no success."""
    with _DIRECT.open(url, timeout=PATIENCE) as answer:
        return bytes(answer.read())


def until(done: Callable[[], T], what: str) -> T:
    """What `done` gives as soon as it is true; raises TimeoutError, naming `what`, if that takes too long."""
    end = monotonic() + PATIENCE
    while not (found := done()):
        if monotonic() > end:
            raise TimeoutError(what)
        sleep(STEP)
    return found


@contextmanager
def running(
    command: Sequence[str | Path], ready: str, log: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the block ends; it begins when the URL `ready` answers.

    Raises RuntimeError, with the end of the log, if the program ends before that.
    """
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us: programs are stopped one by one, the last one first.
        ) as program,
    ):
        try:
            until(
                lambda: _answers(program, ready, log), f"{command[0]} does not answer at {ready}; see {log}"
            )
            yield program
        finally:
            program.terminate()
            try:
                program.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                program.kill()


def _answers(program: "subprocess.Popen[bytes]", url: str, log: Path) -> bool:
    if program.poll() is not None:
        raise RuntimeError(f"{program.args!r} ended:\n{log.read_text(encoding='utf-8')[-2000:]}")
    try:
        read(url)
    except (OSError, HTTPException):
        return False
    return True

"""Start the command in a terminal, as a person sees it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.cli.command import COMMAND, environment

ESCAPE = "\x1b["


class TerminalRun(NamedTuple):
    """What came to an end."""

    code: int
    text: str
    """All that the terminal was sent, with the codes for colours and movements."""


def start_in_terminal(
    *arguments: str,
    columns: int = 100,
    errors_only: bool = False,
    interrupt_at: str = "",
    command: Sequence[str] = COMMAND,
    **variables: str,
) -> TerminalRun:
    """Run `otel-residency` in a terminal of its own.

    Args:
        arguments: those of the command.
        columns: how wide the terminal is.
        errors_only: the terminal is standard error; standard output goes elsewhere, and is not seen.
        interrupt_at: press Ctrl-C when this was seen.
        command: what to run, with the arguments.
        variables: of the environment.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=theirs,
        stdout=subprocess.DEVNULL if errors_only else theirs,
        stderr=theirs,
        env=_environment(variables),
        start_new_session=True,
        # A shell starts what runs in the background with Ctrl-C ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread runs
    )
    os.close(theirs)
    text = ""
    while part := _read(ours):
        text += part
        if interrupt_at and interrupt_at in text:
            process.send_signal(signal.SIGINT)
            interrupt_at = ""
    os.close(ours)
    return TerminalRun(process.wait(60), text.replace("\r\n", "\n"))


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """That of a terminal that has colours; what CI sets to have them everywhere is left out."""
    environ = environment(**{"TERM": "xterm-256color", **variables})
    for name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS", "PY_COLORS"} - variables.keys():
        environ.pop(name, None)
    return environ


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1 << 16).decode(errors="replace")
    except OSError:  # the other end was closed
        return ""

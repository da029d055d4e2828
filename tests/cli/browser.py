"""A real browser that tells what it did: driven over its debugging pipe, with a log of its network."""

import base64
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

PROGRAM: Final = shutil.which("chromium") or shutil.which("google-chrome")
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    # What a browser asks for on its own account is not what is looked for.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
_ITSELF: Final = "not an origin"
"""Who began a request, for one that the browser makes on its own account."""


def is_missing() -> bool:
    """Whether tests go without a browser; where everything is tested, its lack is an error."""
    return PROGRAM is None and "CI" not in os.environ


class NetworkLog(NamedTuple):
    """What a browser asked for while it showed pages."""

    addresses: tuple[str, ...]
    """Of requests that were begun, whether anything came of them or not."""
    peers: tuple[str, ...]
    """Address and port of each connection that was tried."""


class Browser:
    """A browser with one page."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        """Open a page."""
        self._commands, self._answers, self._rest, self._number = commands, answers, b"", 0
        self._session: str | None = None
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.do("Page.enable")

    def do(self, method: str, /, **options: Any) -> Any:
        """Carry out a command of the DevTools protocol, and give its result."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": options}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        answer = self._await(lambda message: message.get("id") == self._number)
        assert "error" not in answer, answer
        return answer["result"]

    def show(self, address: str) -> None:
        """Load a page, up to where its text stands there."""
        self.do("Page.navigate", url=address)
        self._await(lambda message: message.get("method") == "Page.domContentEventFired")

    def value(self, script: str) -> Any:
        """The value of an expression on the page."""
        return self.do("Runtime.evaluate", expression=script, returnByValue=True)["result"]["value"]

    def sized(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Show pages as wide as this from now on, in pixels, and bright or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < height}
        self.do("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    def printed(self) -> bytes:
        """The page as a PDF document."""
        return base64.b64decode(self.do("Page.printToPDF", preferCSSPageSize=True)["data"])

    def end(self) -> None:
        """Close the browser, so that its log is whole."""
        self._session = None
        self.do("Browser.close")

    def _await(self, wanted: Any) -> Any:
        while True:
            while b"\0" not in self._rest:
                part = os.read(self._answers.fileno(), 1 << 16)
                assert part, "the browser is gone"
                self._rest += part
            line, _, self._rest = self._rest.partition(b"\0")
            message = json.loads(line)
            if wanted(message):
                return message


@contextmanager
def started(folder: Path) -> Iterator[Browser]:
    """A browser that keeps its profile, and the log of its network, in `folder`."""
    (commands_reader, commands_writer), (answers_reader, answers_writer) = os.pipe(), os.pipe()
    options = (*_OPTIONS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={folder / 'net.json'}")
    command = [
        "bash",
        "-c",
        f'exec "$@" 3<&{commands_reader} 4>&{answers_writer}',
        "bash",
        str(PROGRAM),
        *options,
    ]
    with (
        os.fdopen(commands_writer, "wb") as commands,
        os.fdopen(answers_reader, "rb") as answers,
        subprocess.Popen(
            command, pass_fds=(commands_reader, answers_writer), stderr=subprocess.DEVNULL
        ) as process,
    ):
        os.close(commands_reader)
        os.close(answers_writer)
        try:
            shown = Browser(commands, answers)
            yield shown
            shown.end()
            process.wait(30)
        finally:
            process.kill()


@contextmanager
def listening() -> Iterator[tuple[str, Callable[[], None]]]:
    """A place on this machine, and what waits for a connection to it; nothing is answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def arrived() -> None:
            server.accept()[0].close()

        yield f"127.0.0.1:{server.getsockname()[1]}", arrived


def read_network_log(folder: Path) -> NetworkLog:
    """What a browser that has ended asked for, by the log of its network."""
    log = json.loads((folder / "net.json").read_text(encoding="utf-8"))
    kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    addresses: dict[str, None] = {}
    peers: dict[str, None] = {}
    for event in log["events"]:
        kind, parameters = kinds[event["type"]], event.get("params") or {}
        if kind == "URL_REQUEST_START_JOB" and "url" in parameters and parameters.get("initiator") != _ITSELF:
            addresses[parameters["url"]] = None
        if kind == "TCP_CONNECT_ATTEMPT" and "address" in parameters:
            peers[parameters["address"]] = None
    return NetworkLog(tuple(addresses), tuple(peers))

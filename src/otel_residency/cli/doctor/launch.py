"""Starts the probe as `opentelemetry-instrument` starts a service, and reads its report."""

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_residency.cli.doctor.probe_report import ProbeReport
from otel_residency.core.decode import decode

_LAUNCHER = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
_PROBE = Path(__file__).with_name("probe.py")
_TYPE = re.compile(r"[A-Za-z_.]{1,60}(?:Error|Exception|Exit|Interrupt)\b")
_TIMEOUT = 60
"""Seconds. A distro may wait for a metadata service that isn't there."""


class ProbeError(Exception):
    """The probe wrote no report; the message says how it ended."""


def probe() -> ProbeReport:
    """Start the probe in the environment of this process.

    Raises:
        ProbeError: it wrote no report.
    """
    with TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        command = [sys.executable, "-P", "-c", _LAUNCHER, sys.executable, "-PS", str(_PROBE), str(output)]
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, and files of ours
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise ProbeError(f"no report within {_TIMEOUT} seconds") from None
        try:
            return decode(ProbeReport, json.loads(output.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            *_, last = ["", *done.stderr.strip().splitlines()]
            # The type alone: the message of a traceback may repeat a variable.
            error = _TYPE.match(last)
            ending = f": {error[0]}" if error else ""
            raise ProbeError(f"no report, exit code {done.returncode}{ending}") from None

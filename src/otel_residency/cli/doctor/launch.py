"""Start the probe as `opentelemetry-instrument` starts a service, and read its report."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_residency.cli.doctor.report import Report
from otel_residency.core.decode import decode

_LAUNCHER = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
_PROBE = Path(__file__).with_name("probe.py")
_PATIENCE = 60
"""Seconds. A distro may ask a metadata service that isn't there."""


class ProbeError(Exception):
    """The probe did not report; the message says how it ended."""


def probe() -> Report:
    """Start the probe in the environment of this process.

    Raises:
        ProbeError: it did not come up.
    """
    with TemporaryDirectory() as place:
        told = Path(place) / "report.json"
        command = [sys.executable, "-P", "-c", _LAUNCHER, sys.executable, "-PS", str(_PROBE), str(told)]
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, and files of ours
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise ProbeError(f"no report within {_PATIENCE} seconds") from None
        try:
            return decode(Report, json.loads(told.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            *_, last = ["it said nothing", *done.stderr.strip().splitlines()]
            raise ProbeError(f"no report, exit code {done.returncode}: {last}") from None

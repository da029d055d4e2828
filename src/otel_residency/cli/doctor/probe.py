"""The program that the doctor starts under `opentelemetry-instrument`; never imported.

It runs with `-S`: only once it listens to what the auto-instrumentation logs does it let Python look for
`sitecustomize`, as every other start of Python does first of all.
"""

import json
import logging
import os
import site
import sys
from pathlib import Path

told: list[logging.LogRecord] = []


class _Listener(logging.Handler):
    """Keeps what is logged, exceptions included."""

    def emit(self, record: logging.LogRecord) -> None:
        told.append(record)


if __name__ == "__main__":
    logging.getLogger("opentelemetry.instrumentation").addHandler(_Listener(logging.WARNING))
    site.main()
    from otel_residency.cli.doctor.inside import look

    Path(sys.argv[1]).write_text(json.dumps(look(told)), encoding="utf-8")
    os._exit(0)  # no exporter may send on exit what a probe has caused

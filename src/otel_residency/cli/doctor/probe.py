"""The program that the doctor starts under `opentelemetry-instrument`; never imported.

It runs with `-S`, so that it can install a log handler before `site.main()` runs the `sitecustomize` of the
auto-instrumentation.
"""

import json
import logging
import os
import site
import sys
from pathlib import Path

records: list[logging.LogRecord] = []


class _RecordingHandler(logging.Handler):
    """Keeps log records with their exceptions."""

    def emit(self, record: logging.LogRecord) -> None:
        records.append(record)


if __name__ == "__main__":
    logging.getLogger("opentelemetry.instrumentation").addHandler(_RecordingHandler(logging.WARNING))
    site.main()
    from otel_residency.cli.doctor.introspect import collect

    Path(sys.argv[1]).write_text(json.dumps(collect(records)), encoding="utf-8")
    os._exit(0)  # without atexit handlers: no exporter may send what the probe has caused

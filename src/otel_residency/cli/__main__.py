"""`python -m otel_residency.cli` is the command `otel-residency`."""

from otel_residency.cli import main

main()

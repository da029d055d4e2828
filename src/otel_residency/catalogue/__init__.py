"""The vendor's tables as dated data, and the loader that accepts nothing else."""

from otel_residency.catalogue.load import load_catalogue

__all__ = ["load_catalogue"]

"""The shipped data (vendor tables by date, hosts, endpoints), and the loader that checks it."""

from otel_residency.catalogue.load import load_catalogue

__all__ = ["load_catalogue"]

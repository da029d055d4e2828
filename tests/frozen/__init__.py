"""A small catalogue that never changes: three revisions and five regions, for all tests but those of facts.

Tests that use it do not depend on the shipped data. It is a cut-down copy of the data of November 2026; its
verdicts show nothing about the vendor.
"""

from pathlib import Path

from otel_residency.catalogue import load_catalogue

FROZEN = str(Path(__file__).with_name("catalogue.json"))
"""The path of its file, as the setting `catalogue` takes it."""
CATALOGUE = load_catalogue(FROZEN)

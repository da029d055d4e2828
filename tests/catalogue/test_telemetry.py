"""The shipped list of telemetry back ends: canonical names, known regions, dated sources."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.host_entries import TelemetryHost, TelemetryPattern
from otel_residency.core.hosts import canonical_host, matches

CATALOGUE = load_catalogue()
ENTRIES = CATALOGUE.entries
LISTED: tuple[TelemetryHost | TelemetryPattern, ...] = (
    *ENTRIES.telemetry_hosts,
    *ENTRIES.telemetry_patterns,
)
FAMILIES: Mapping[str, TelemetryPattern] = {entry.pattern: entry for entry in ENTRIES.telemetry_patterns}


def test_the_list_is_indexed() -> None:
    """Every entry of the file can be looked up."""
    assert len(ENTRIES.telemetry_hosts) == len(CATALOGUE.telemetry_hosts) > 0
    assert [entry for entry, _ in CATALOGUE.telemetry_patterns] == list(ENTRIES.telemetry_patterns) != []


def test_a_host_is_written_as_it_is_looked_up() -> None:
    """A host that is not canonical, or has a port or a placeholder, would never be found."""
    for entry in ENTRIES.telemetry_hosts:
        assert entry.host == canonical_host(entry.host)
        assert set("*{}:/") & set(entry.host) == set()


def test_each_family_has_a_separate_domain() -> None:
    """A pattern ends in two literal labels or more, so that it can't take in somebody else's hosts."""
    for _, labels in CATALOGUE.telemetry_patterns:
        assert set("*{}") & set("".join(labels[-2:])) == set()
        assert "*" not in labels[1:]
        assert any(set("*{") & set(label) for label in labels)


def test_an_entry_has_one_region_or_a_reason_why_not() -> None:
    """Nothing that is shipped is in two regions; where none is told, a note says why."""
    for entry in LISTED:
        assert len(entry.regions) == 1 or (not entry.regions and entry.notes), entry


def test_every_source_is_dated_and_can_be_followed() -> None:
    """Each source has a title, the day it was read, and an address or a place in a stored copy."""
    for name in {source for entry in LISTED for source in entry.sources}:
        source = ENTRIES.sources[name]
        assert source.title
        assert date.fromisoformat(source.observed) <= datetime.now(UTC).date()
        assert source.url or source.ref, name


def test_operators_are_listed_together() -> None:
    """Hosts are in the order of their operators, letter case aside."""
    operators = [entry.operator.lower() for entry in ENTRIES.telemetry_hosts]
    assert sorted(operators) == operators


def test_regions_all_over_the_world_occur() -> None:
    """A back end can be in each region of November 2026, or outside all of them."""
    regions = {"ae", "au", "ca", "eu", "gb", "in", "jp", "kr", "sg", "us", "other"}
    assert regions <= {region for entry in LISTED for region in entry.regions}


@pytest.mark.parametrize("host", sorted(CATALOGUE.telemetry_hosts))
def test_a_host_is_of_the_operator_of_its_family(host: str) -> None:
    """A host that a pattern describes too has the operator of that pattern."""
    families = {
        entry.operator for entry, labels in CATALOGUE.telemetry_patterns if matches(labels, host.split("."))
    }
    assert families <= {CATALOGUE.telemetry_hosts[host].operator}


def test_what_is_more_exact_comes_first() -> None:
    """The first pattern that matches decides: one with a region is not hidden by one without."""
    patterns = list(FAMILIES)
    for at, wide in enumerate(patterns):
        labels = tuple(wide.split("."))
        hidden = [each for each in patterns[at + 1 :] if matches(labels, each.replace("*", "any").split("."))]
        assert hidden == [], wide

"""The shipped data: in order, without dangling names, and never overwritten once released."""

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files
from itertools import chain, pairwise

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import path_segments
from otel_residency.core.entries import Source
from otel_residency.core.reasons import REASONS
from otel_residency.core.revision import Revision

CATALOGUE = load_catalogue()
ENTRIES = CATALOGUE.entries
DATA = files("otel_residency.catalogue") / "data"
DIGESTS = {
    "openai-2025-02.json": "359473ad6f1d33c8e0d9a4f164c61f388278e9bf3c22a3aada80bae3384d84b4",
    "openai-2026-02.json": "11fd3eabc58ead2f1a926b676f2af321507e7a16c6478ce111ffc642ce7a51b2",
    "openai-2026-06.json": "1ee0a77f6c6b3377bdc1f7f6f8d2f16a993fb9bb9af13df4f270cb4d9b7c05ef",
    "openai-2026-09-10.json": "4f2252510d29a038fc956c361a03a86f8c4ef9b9b69292e469e37e95dc6d14b2",
    "openai-2026-09-17.json": "9a57f258cbd7187274377253660b161b0274288d0eefa0194148dd7c9719d82e",
    "openai-2026-10.json": "1a21aa3f9b049c15f1277358f3866e178b04d1af113b92b1ead7e1ea110f6b44",
    "openai-2026-11.json": "b338d3d18456a33c069456824e2390f9bd31a9535b4d8d19c5809d4e4b742c59",
}
"""A revision that was released is never edited: what was judged by it must be judged the same again. A
correction is a new revision."""


def test_a_released_revision_is_never_overwritten() -> None:
    """Each revision file is, byte for byte, the one that was released."""
    digests = {file.name: sha256(file.read_bytes()).hexdigest() for file in (DATA / "revisions").iterdir()}
    assert digests == DIGESTS


def test_lists_that_people_search_are_sorted() -> None:
    """Endpoints and aliases are sorted by name, what was shut down by day, tables by their first day."""
    for names in (
        [endpoint.path for endpoint in ENTRIES.endpoints],
        [alias.alias for alias in ENTRIES.aliases],
        [(entry.on, entry.model) for entry in ENTRIES.first_seen],
        [(entry.on, entry.model) for entry in ENTRIES.retired_models],
        [(entry.on, entry.path) for entry in ENTRIES.retired_endpoints],
        [(revision.effective_from, revision.id) for revision in CATALOGUE.revisions],
    ):
        assert sorted(names) == names


def _twice(names: Iterable[object]) -> list[object]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_nothing_stands_there_twice() -> None:
    """Rows, models of a row, deployment types, services and letters are told once."""
    for revision in ENTRIES.revisions:
        assert _twice(row.id for row in revision.rows) == []
        assert _twice(row.service for row in revision.retention) == []
        for row in revision.rows:
            assert _twice(model.lower() for model in row.models or ()) == []
            assert _twice(row.storage) == []
            assert _twice(row.processing) == []
    assert _twice(kind.name for kind in ENTRIES.deployments) == []
    assert _twice(kind.sku for kind in ENTRIES.deployments if kind.sku) == []
    assert _twice((base.provider, base.path) for base in ENTRIES.base_paths) == []


def test_hosts_and_made_up_hosts_are_distinguished() -> None:
    """No host is both, and a made-up host has no region to be taken for."""
    assert set() == CATALOGUE.hosts.keys() & CATALOGUE.bogus_hosts.keys()


def test_periods_of_a_host_follow_one_another() -> None:
    """What a host meant on a day is told once: periods have no gap and no overlap."""
    for host in ENTRIES.hosts:
        assert all(period.until is not None for period in host.periods)
        ends = [period.until for period in host.periods]
        starts = [period.since for period in host.periods[1:]] + ([host.since] if host.periods else [])
        for until, since in zip(ends, starts, strict=True):
            assert until is not None
            assert since is not None
            assert (since - until).days == 1


@pytest.mark.parametrize("revision", CATALOGUE.revisions, ids=lambda revision: revision.id)
def test_a_table_names_nothing_that_is_not_there(revision: Revision) -> None:
    """Exceptions name models of their row, needs known attestations, rules known features."""
    attestations = {entry.name for entry in ENTRIES.attestations}
    features = {feature.feature for feature in ENTRIES.features}
    for row in revision.rows:
        named = (*row.model_regions, *chain.from_iterable(row.processing_models.values()))
        assert set(named) <= set(row.models or ())
        assert set(row.processing_models) <= set(row.processing)
        assert set(row.processing) <= set(row.storage)
    for terms in revision.regions.values():
        assert {*chain.from_iterable((*terms.needs, *terms.image_needs))} <= attestations
    for rule in revision.feature_rules:
        assert rule.feature in features
        assert set(rule.unless) <= attestations
        assert CATALOGUE.rows(revision, path_segments(rule.service))
    listed = {model for row in revision.rows for model in row.models or ()}
    for tier in revision.tier_rules:
        assert set(tier.models) <= listed
        assert all(CATALOGUE.rows(revision, path_segments(service)) for service in tier.services)
    assert revision.superseded_by in {None, *(each.id for each in CATALOGUE.revisions)}


@pytest.mark.parametrize("revision", CATALOGUE.revisions, ids=lambda revision: revision.id)
def test_the_host_of_a_region_has_that_region(revision: Revision) -> None:
    """On the first day of a table, the host that it names for a region is one of that region."""
    for code, terms in revision.regions.items():
        host = CATALOGUE.hosts[terms.host]
        regions = host.regions
        for period in host.periods:
            if period.until is not None and revision.effective_from <= period.until:
                regions = period.regions
                break
        assert (code,) == regions


def test_rules_give_codes_that_are_documented() -> None:
    """The reason of each footnote has a row in the table of codes."""
    assert {rule.reason for revision in CATALOGUE.revisions for rule in revision.feature_rules} <= set(
        REASONS
    )


def test_every_listed_service_is_a_catalogued_endpoint() -> None:
    """What a table lists has a template, so that a call to it is not called unknown."""
    services = {
        service
        for revision in CATALOGUE.revisions
        for row in revision.rows
        if row.kind == "endpoint"
        for service in row.services
    }
    assert [
        service for service in sorted(services) if CATALOGUE.endpoint(path_segments(service)) is None
    ] == []


def test_what_is_never_listed_is_in_no_row() -> None:
    """Endpoints that no table names are known, and in no table."""
    for path in ENTRIES.never_listed:
        segments = path_segments(path)
        assert any(path_segments(each.path)[: len(segments)] == segments for each in ENTRIES.endpoints)
        assert all(not CATALOGUE.rows(revision, segments) for revision in CATALOGUE.revisions)


def test_names_of_rows_features_and_models_lead_somewhere() -> None:
    """Tools and features point to rows, aliases to listed models; retired models were listed."""
    rows = {row.id for revision in CATALOGUE.revisions for row in revision.rows}
    listed = {
        model for revision in CATALOGUE.revisions for row in revision.rows for model in row.models or ()
    }
    vendor_run = {tool.row for tool in ENTRIES.tools if tool.row is not None}
    assert {*vendor_run, ENTRIES.file_reference_row, ENTRIES.scale_tier_row} <= rows
    assert {None} == {tool.row for tool in ENTRIES.tools if tool.runs == "client"}
    families = [set(alias.family) for alias in ENTRIES.aliases if alias.family]
    assert all(family & listed for family in families)
    assert {spelling.model for spelling in ENTRIES.spellings} <= listed
    assert {entry.model for entry in ENTRIES.retired_models} <= listed | set(CATALOGUE.aliases)
    assert ENTRIES.prompt_cache_default is not None
    assert set(ENTRIES.prompt_cache_default.unless) <= {entry.name for entry in ENTRIES.attestations}


def test_what_is_created_is_created_at_a_catalogued_endpoint() -> None:
    """Each creation is at an endpoint and hangs on features that there are."""
    paths = {endpoint.path for endpoint in ENTRIES.endpoints}
    features = {feature.feature for feature in ENTRIES.features}
    for creation in ENTRIES.creations:
        assert creation.path in paths
        assert {creation.only, creation.unless} - {None} <= features
        assert creation.with_path == ("{" in creation.path)


def test_zones_are_regions() -> None:
    """A type that stays in a zone says which regions are one."""
    for kind in ENTRIES.deployments:
        assert (kind.stays_in == "zone") == bool(kind.zones)
        assert set(kind.zones) <= CATALOGUE.region_codes


def test_lookalike_letters_map_to_plain_letters() -> None:
    """A letter is replaced once; what it is replaced by must not be replaced again."""
    assert set() == set(ENTRIES.confusables) & set(ENTRIES.confusables.values())


def test_tables_do_not_begin_on_the_same_day() -> None:
    """There is one newest table on every day."""
    days = [revision.effective_from for revision in CATALOGUE.revisions]
    assert all(before < after for before, after in pairwise(days))


def test_every_source_stands_by_itself_where_it_is_cited() -> None:
    """A citation names publisher, address, the days of the text and a copy, and no source beside it."""
    for name, source in ENTRIES.sources.items():
        cited = source.cited
        assert cited == source.citation, name
        assert re.match(r"[^:.]*\w[^:]*: \S", cited), name
        assert cited.endswith("."), name
        assert (source.url or "") in cited, name
        assert set(re.findall(r"20\d\d(?:-\d\d)*", source.observed)) <= set(_days(cited)), name
        assert ("copy" in source.kind.lower()) <= ("cop" in cited), name
        assert ("undated" in source.observed) <= bool(re.search("undated|bears no date", cited.lower())), name
        assert ("third" in source.kind) <= bool(re.search("third part", cited.lower())), name
        assert not re.search("same page|source 0|sources/|_[0-9a-f]{16}", cited), name


def _days(text: str) -> Iterable[str]:
    """Days, months and years that a text names; a day names its month and year, too."""
    for day in re.findall(r"20\d\d(?:-\d\d)*", text):
        yield from (day[:length] for length in (4, 7, 10))


def test_a_source_of_a_user_is_cited_by_its_fields() -> None:
    """Without a citation it is title, kind, place and day."""
    source = Source(kind="contract", title="Order form 7, annex B", observed="2026-11-01", ref="cabinet 3")
    assert source.cited == "Order form 7, annex B, contract, cabinet 3. Observed: 2026-11-01."

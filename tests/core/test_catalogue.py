"""The index over the entries, and tables that ours do not need but a user's may."""

from datetime import date

import pytest

from otel_residency.core.catalogue import Catalogue, path_segments, undated
from otel_residency.core.decide import decide
from otel_residency.core.entries import Endpoint, Entries, Source
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import Scope
from otel_residency.core.revision import RegionTerms, Revision, Row, Strings
from otel_residency.core.verdict import Decision
from tests.frozen import CATALOGUE

DAY = date(2026, 11, 20)


def _row(
    name: str,
    *services: str,
    storage: Strings = ("eu",),
    processing: Strings = ("eu",),
    models: Strings | None = None,
) -> Row:
    return Row(id=name, services=services, storage=storage, processing=processing, models=models)


def _revision(name: str, inherits: str | None = None, *rows: Row) -> Revision:
    return Revision(
        id=name,
        effective_from=DAY,
        source="own",
        completeness="complete",
        translated="no",
        inherits=inherits,
        rows=rows,
    )


CHAT = "/v1/chat/completions"
REALTIME = (_row("translations", "/v1/realtime/translations"), _row("realtime", "/v1/realtime"))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-5-chat-latest-2025-08-07", "gpt-5-chat-latest"),
        ("gpt-4o", None),
        ("gpt-6-luna", None),
        ("2024-08-06", None),
        ("-2024-08-06", None),
        ("", None),
    ],
)
def test_a_date_is_distinguished_from_a_name(model: str, expected: str | None) -> None:
    """A snapshot's name ends in a date of four or eight digits."""
    assert expected == undated(model)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date.min, None),
        (date(2026, 2, 22), None),
        (date(2026, 2, 23), "openai-2026-02"),
        (date(2026, 11, 4), "openai-2026-10"),
        (date.max, "openai-2026-11"),
    ],
)
def test_the_revision_in_force_is_the_newest_that_had_begun(day: date, expected: str | None) -> None:
    """Last year's call is judged by last year's table, and one before the first table by none."""
    revision = CATALOGUE.revision_on(day)
    assert expected == (revision.id if revision else None)


def test_a_pinned_revision_is_in_force_on_every_day() -> None:
    """Who pins a revision is judged by it alone; a revision that does not exist judges nothing."""
    entries = CATALOGUE.entries
    pinned = Catalogue(entries, pinned="openai-2026-02").revision_on(date.min)
    assert pinned is not None
    assert pinned.id == "openai-2026-02"
    assert Catalogue(entries, pinned="none").revision_on(DAY) is None


@pytest.mark.parametrize(
    ("region", "day", "expected"),
    [("eu", DAY, "eu.api.openai.com"), ("eu", date(2024, 1, 1), ""), ("atlantis", DAY, ""), ("", DAY, "")],
)
def test_a_region_has_a_host_where_a_table_names_it(region: str, day: date, expected: str) -> None:
    """The host is that of the revision in force on the day; an unknown region or day has none."""
    assert CATALOGUE.host_of(region, day) == expected


def test_the_age_of_a_table_counts_from_the_day_it_was_last_seen() -> None:
    """That is the day in its file or of its source, and without one its first; not that of the catalogue."""
    revision = Revision(id="ours", effective_from=DAY, source="s", completeness="complete", translated="no")
    source = Source(kind="page", title="Ours", observed="2026", last_seen=date(2026, 11, 23))
    catalogue = Catalogue(Entries(generated=date(2026, 11, 24)))
    assert catalogue.age(revision, date(2026, 11, 24)) == 4
    assert catalogue.age(revision._replace(observed_until=date(2026, 11, 22)), date(2026, 11, 24)) == 2
    assert Catalogue(Entries(sources={"s": source})).age(revision, date(2026, 11, 24)) == 1


def test_a_table_without_rows_is_as_old_as_the_rows_that_it_inherits() -> None:
    """That terms were seen later does not show that the rows are still in force."""
    row = Row("chat", ("/v1/chat",), (), ())
    older = _revision("older", None, row)._replace(effective_from=date(2026, 9, 1))
    newer = _revision("newer", "older")
    catalogue = Catalogue(Entries(revisions=(older, newer)))
    assert catalogue.known_until(catalogue.revisions[-1]) == date(2026, 9, 1)
    assert catalogue.last_seen(catalogue.revisions[-1]) == newer.effective_from


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/realtime/sessions", ("realtime",)),
        ("/v1/realtime/translations/client_secrets", ("realtime_translations",)),
        ("/v1/responses/resp_1/cancel", ("responses",)),
        ("/v1/fine_tuning", ()),
        ("/v1/filesystem", ()),
        ("/v1", ()),
    ],
)
def test_a_path_has_the_rows_of_the_longest_listed_path(path: str, expected: tuple[str, ...]) -> None:
    """Rows hold for what is below their path, segment by segment."""
    rows = CATALOGUE.rows(CATALOGUE.revisions[-1], path_segments(path))
    assert expected == tuple(row.id for row in rows)


def test_rows_may_share_a_path() -> None:
    """Two rows of early 2026 are both about realtime, for other models and regions."""
    rows = CATALOGUE.rows(CATALOGUE.revisions[0], path_segments("/v1/realtime"))
    assert [row.id for row in rows] == ["realtime", "realtime_legacy"]


def test_a_row_of_a_shorter_path_does_not_count_wherever_it_stands() -> None:
    """The row about realtime does not apply below the path of the one about translations, in either order."""
    for rows in (REALTIME, REALTIME[::-1]):
        revision = _revision("own", None, *rows)
        catalogue = Catalogue(Entries(revisions=(revision,)))
        assert catalogue.rows(revision, path_segments("/v1/realtime/translations/x")) == REALTIME[:1]


def test_literal_segments_win_over_placeholders_in_any_order() -> None:
    """Which template stands first in the file does not matter."""
    templates = [
        Endpoint("/v1/x/{id}", ("GET",)),
        Endpoint("/v1/x/new", ("GET",)),
        Endpoint("/v1/{a}/{b}", ()),
    ]
    for order in (templates, templates[::-1]):
        found = Catalogue(Entries(endpoints=tuple(order))).endpoint(("v1", "x", "new"))
        assert found is not None
        assert found.path == "/v1/x/new"


def test_a_revision_inherits_over_any_number_of_steps() -> None:
    """A table that says only what changed may build on one that does the same."""
    row = _row("chat", CHAT)
    entries = Entries(revisions=(_revision("c", "b"), _revision("b", "a"), _revision("a", None, row)))
    assert {"a": (row,), "b": (row,), "c": (row,)} == {
        revision.id: revision.rows for revision in Catalogue(entries).revisions
    }


def test_a_circle_of_revisions_ends() -> None:
    """Revisions that inherit from each other hold what they hold, and nothing hangs."""
    entries = Entries(revisions=(_revision("a", "b"), _revision("b", "a"), _revision("c", "c")))
    assert [revision.rows for revision in Catalogue(entries).revisions] == [(), (), ()]


def _decide(scope: Scope, terms: RegionTerms, model: str, *rows: Row) -> Decision:
    """Judge a chat completion in the EU by a table of these rows."""
    revision = _revision("own", None, *rows)._replace(regions={"eu": terms})
    catalogue = Catalogue(CATALOGUE.entries._replace(revisions=(revision,)))
    hop = Hop(scheme="https", host="eu.api.openai.com", port=None, path="/v1/chat/completions", payload=True)
    facts = CallFacts(DAY, "POST", (hop,), model=model)
    return decide(facts, catalogue, Policy(require=("eu",), scope=scope))


STORES = RegionTerms(
    name="Europe",
    host="eu.api.openai.com",
    storage="yes",
    processing="yes",
    prefix_required=True,
    modes=(),
    needs=(),
    image_needs=(),
)
ONLY_PROCESSES = STORES._replace(storage="no")
STORED = _row("stored", CHAT, processing=(), models=("a-model",))
PROCESSED = _row("processed", CHAT, models=("b-model",))
PASSING = _row("passing", CHAT, storage=())
ELSEWHERE = _row("elsewhere", CHAT, processing=("us",))
ONLY_STORES = STORES._replace(processing="no")
UNKNOWN_MODELS = STORES._replace(processing="models-unknown")


@pytest.mark.parametrize(
    ("scope", "terms", "model", "rows", "expected"),
    [
        ("processing", STORES, "b-model", (STORED, PROCESSED), ()),
        ("processing", STORES, "a-model", (STORED, PROCESSED), ("model.not_listed",)),
        ("storage", STORES, "a-model", (STORED, PROCESSED), ()),
        ("processing", STORES, "a-model", (STORED,), ("endpoint.storage_only",)),
        ("storage", STORES, "any", (PASSING,), ("region.not_offered",)),
        ("processing", STORES, "any", (PASSING,), ()),
        ("storage", ONLY_PROCESSES, "a-model", (STORED,), ("region.not_offered",)),
        ("processing", ONLY_PROCESSES, "b-model", (PROCESSED,), ()),
        ("processing", ONLY_PROCESSES, "a-model", (STORED,), ("region.not_offered",)),
        ("processing", ONLY_STORES, "b-model", (PROCESSED,), ("endpoint.storage_only",)),
        ("processing", UNKNOWN_MODELS, "b-model", (PROCESSED,), ("catalogue.models_unknown",)),
        ("processing", UNKNOWN_MODELS, "a-model", (STORED,), ("catalogue.models_unknown",)),
        ("processing", UNKNOWN_MODELS, "any", (ELSEWHERE,), ("catalogue.models_unknown",)),
        (
            "processing",
            UNKNOWN_MODELS,
            "any",
            (ELSEWHERE._replace(processing=()),),
            ("endpoint.storage_only",),
        ),
    ],
)
def test_a_table_of_other_shape_is_read_as_it_is_written(
    scope: Scope, terms: RegionTerms, model: str, rows: tuple[Row, ...], expected: tuple[str, ...]
) -> None:
    """Storage and processing are told apart for regions, rows and the models of one row among several."""
    assert expected == _decide(scope, terms, model, *rows).reasons


def test_a_catalogue_without_a_day_is_as_old_as_its_table() -> None:
    """Where a catalogue does not say when it was made, the first day of the table in force counts."""
    entries = CATALOGUE.entries._replace(generated=None)
    hop = Hop(scheme="https", host="us.api.openai.com", port=None, path="/v1/responses", payload=True)
    facts = CallFacts(date(2027, 5, 5), "POST", (hop,), model="gpt-5.2-2025-12-11")
    assert decide(facts, Catalogue(entries), Policy()).reasons == ("catalogue.stale",)


def test_a_catalogue_without_the_rule_requires_nothing() -> None:
    """A catalogue without a default for caching asks for nothing."""
    entries = CATALOGUE.entries._replace(prompt_cache_default=None)
    hop = Hop(scheme="https", host="gb.api.openai.com", port=None, path="/v1/responses", payload=True)
    facts = CallFacts(DAY, "POST", (hop,), model="gpt-5.2-2025-12-11")
    decision = decide(facts, Catalogue(entries), Policy(scope="storage"))
    assert decision.reasons == ("attestation.missing",)

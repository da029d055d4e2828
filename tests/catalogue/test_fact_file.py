"""Nothing of the collected facts was lost on the way into the catalogue.

The catalogue may contain more than `facts.yaml`: what was added to it later.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_residency.catalogue import load_catalogue
from otel_residency.core.revision import FeatureRule, Revision, TierRule

FILE = Path(__file__).with_name("facts.yaml")
COLLECTION = Path(__file__).parents[3] / "shared" / "residency" / "catalogue.yaml"
"""Where maintainers collect facts, beside the repository; others have only the copy, `FILE`."""
DIGEST = "965e526ba18ba605e95beb5fe053069f66e4814046b3c50025f9a6a1815e6d7d"
"""Of the collection that the catalogue was last compared with."""
CATALOGUE = load_catalogue()
ENTRIES = CATALOGUE.entries
TABLES = {revision.id: revision for revision in ENTRIES.revisions}
STORED_ONLY = {"files", "vector_stores", "file_uploads"}
"""Rows that the first table with one column for storage and processing lists for all regions; the next
table says that they are stored only."""
PROCESSING = {True: "yes", False: "no", "partial-unknown-models": "models-unknown"}
VERBS = {
    "extended_prompt_caching": "prompt_cache_24h",
    "tracing": "tracing",
    "store": "store",
    "background": "background",
}


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """The collected facts."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def test_the_facts_are_those_that_were_collected() -> None:
    """Nobody adjusted the facts to the catalogue, and a newer collection is not ignored."""
    for file in (FILE, *([COLLECTION] if COLLECTION.exists() else [])):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == DIGEST, file


def _exact(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Hosts of the facts by name, also those that stand among the patterns without being one."""
    hosts: dict[str, dict[str, Any]] = {}
    for entry in (*facts["hosts"], *facts["host_patterns"]):
        name = entry.get("host") or entry["pattern"]
        if name == "aiplatform.{us|eu}.rep.googleapis.com":
            for region in ("us", "eu"):
                hosts[name.replace("{us|eu}", region)] = {**entry, "region": region}
        elif name.startswith("localhost "):
            hosts["localhost"] = entry
        elif "*" not in name and "{" not in name:
            hosts[name] = entry
    return hosts


REGIONS: dict[str, tuple[str, ...]] = {
    "control-plane": (),
    "not-api": (),
    "from-request": (),
    "local-or-proxy": (),
    "us-or-global (transition)": ("us", "global"),
}
READ_SINCE = {"eu.openrouter.ai": ("eu", "gb")}
"""What a host stands for by pages that were read after the fact file was written."""
GATEWAYS = {"api.portkey.ai", "ai-gateway.helicone.ai", "gateway.helicone.ai", "oai.helicone.ai"}
"""Families of one host that are none of the fact file, since a policy may give them a region."""
KINDS = {"control-plane": "control-plane", "not-api": "not-api", "local-or-proxy": "loopback"}


def test_every_host_is_there(facts: dict[str, Any]) -> None:
    """Each host has its region, provider, kind, sources and notes."""
    hosts = _exact(facts)
    assert hosts.keys() <= CATALOGUE.hosts.keys()
    for name, entry in hosts.items():
        host = CATALOGUE.hosts[name]
        region = entry["region"]
        regions = READ_SINCE.get(name, REGIONS.get(region, (region,)))
        assert (regions, entry["provider"]) == (host.regions, host.provider), name
        assert entry.get("kind", KINDS.get(region, "api")) == host.kind, name
        assert tuple(entry.get("sources", host.sources)) == host.sources, name
        assert str(entry.get("notes") or entry.get("region_scope") or "") in (host.notes or ""), name
        for key in ("storage", "processing"):
            assert (str(entry[key]).lower() if key in entry else None) == getattr(host, key), name


def test_every_period_of_a_host_is_there(facts: dict[str, Any]) -> None:
    """What a host meant for a while is kept; what it means since then is what it means."""
    for name, entry in _exact(facts).items():
        host = CATALOGUE.hosts[name]
        *past, now = entry.get("region_by_date", [{"region": host.regions[0]}] if host.regions else [{}])
        expected = [
            (each.get("since"), each.get("until"), REGIONS.get(each["region"], (each["region"],)))
            for each in past
        ]
        actual = [(_day(period.since), _day(period.until), period.regions) for period in host.periods]
        assert expected == actual, name
        assert (now.get("since") or _day(host.since)) == _day(host.since), name


def _day(day: Any) -> str | None:
    return day.isoformat() if day else None


def test_every_pattern_is_there(facts: dict[str, Any]) -> None:
    """Families of hosts have no region of their own, and say where one could come from."""
    exact = _exact(facts)
    named = {entry["pattern"]: entry for entry in facts["host_patterns"] if entry["pattern"] not in exact}
    families = {name: entry for name, entry in named.items() if "|" not in name and " " not in name}
    patterns = [pattern for pattern in ENTRIES.host_patterns if pattern.pattern not in GATEWAYS]
    assert {*families, "*.local"} <= {pattern.pattern for pattern in patterns}
    origin = {"from-config": "policy", "from-host-label": "label"}
    for pattern in patterns:
        if pattern.pattern not in {*families, "*.local"}:
            continue
        entry = families.get(pattern.pattern, named["localhost / 127.0.0.0/8 / ::1 / *.local / private IPs"])
        assert ((), entry["provider"]) == (pattern.regions, pattern.provider)
        assert origin.get(entry["region"], "nothing") == pattern.region_from
        assert entry.get("notes", "") in (pattern.notes or "")
        elsewhere = entry["region"] in ("us-gov", "cn")
        assert not elsewhere or entry["region"] in (pattern.notes or "")


def test_local_addresses_are_there() -> None:
    """The networks of the own machine, and those that private addresses are taken from."""
    assert {"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} <= {
        entry.network for entry in ENTRIES.networks
    }


@pytest.mark.parametrize(
    ("section", "status"),
    [("known_bogus_hosts", "bogus"), ("lookalike_hosts_without_evidence", "lookalike")],
)
def test_every_made_up_host_is_there(facts: dict[str, Any], section: str, status: str) -> None:
    """Claim, claimant, truth and severity are kept word for word."""
    keys = ("host", "claimed", "claimed_by", "truth", "severity")
    expected = [tuple(entry[key] for key in keys) for entry in facts[section]]
    actual = [
        tuple(getattr(entry, key) for key in keys) for entry in ENTRIES.bogus_hosts if entry.status == status
    ]
    assert sorted(expected) == sorted(actual)


def test_every_table_is_there(facts: dict[str, Any]) -> None:
    """Each table has its dates, source, completeness, conditions, footnotes and notes."""
    ordered = sorted(TABLES.values(), key=lambda revision: revision.effective_from)
    collected = [entry["id"] for entry in facts["revisions"]]
    assert collected == [revision.id for revision in ordered if revision.id in collected]
    for entry in facts["revisions"]:
        table = TABLES[entry["id"]]
        expected = (entry["effective_from"], entry.get("effective_to"), entry.get("effective_from_note"))
        assert expected == (_day(table.effective_from), _day(table.observed_until), table.effective_from_note)
        assert (entry["source"], entry["completeness"]) == (table.source, table.completeness)
        assert (str(entry["translated"]) if entry["translated"] else "no") == table.translated
        assert entry.get("inherits_rows_from") == table.inherits
        assert entry.get("superseded_by") == table.superseded_by
        assert entry.get("footnotes", {}) == table.footnotes
        assert tuple(entry.get("conditions", ())) == table.conditions
        assert entry["pricing"] == table.pricing
        assert tuple(entry.get("known_changes", ())) == table.known_changes
        assert tuple(entry.get("not_listed_examples", ())) == table.not_listed_examples
        notes = (*entry.get("notes", ()), entry.get("models_note"), entry.get("storage_vs_processing"))
        assert {note for note in notes if note} <= set(table.notes)
        unknown = entry.get("models_seen_elsewhere_but_unknown_here", ())
        told = tuple(model.partition(" ")[0] for model in unknown)
        # Two more came with the corrections: those that begin with gpt-daybreak-, by the client's types.
        assert told == tuple(name for name in table.models_unknown if not name.startswith("gpt-daybreak-"))


def test_every_region_of_every_table_is_there(facts: dict[str, Any]) -> None:
    """Storage, processing, prefix and input modes are kept, and whether anything must be attested."""
    for entry in facts["revisions"]:
        table = TABLES[entry["id"]]
        for code, region in entry.get("regions", {}).items():
            terms = table.regions[code]
            assert (region["name"], region["host"]) == (terms.name, terms.host)
            assert ("yes" if region["regional_storage"] else "no") == terms.storage
            assert PROCESSING[region["regional_processing"]] == terms.processing
            assert region["domain_prefix_required"] == terms.prefix_required
            assert tuple(region["modes"]) == terms.modes
            assert region["requires_mam_or_zdr"] == bool(terms.needs)
            assert region["image_needs_enhanced_zdr_or_mam"] == bool(terms.image_needs)
        for code, region in entry.get("region_overrides", {}).items():
            assert PROCESSING[region["regional_processing"]] == table.regions[code].processing
        expected = entry.get("regions") or entry.get("region_overrides") or entry["region_columns"]
        assert expected.keys() == table.regions.keys()


def test_the_table_of_2025_02_has_its_hosts_and_columns(facts: dict[str, Any]) -> None:
    """The oldest table tells its regions by columns and its hosts by a sentence."""
    entry, table = facts["revisions"][0], TABLES["openai-2025-02"]
    names = {code: name.rstrip("*") for code, name in entry["region_columns"].items()}
    assert names == {code: terms.name for code, terms in table.regions.items()}
    assert entry["default_host"] == {code: terms.host for code, terms in table.regions.items()}
    assert [list(group) for group in table.regions["eu"].needs] == [["zero_data_retention"]]
    assert table.regions["us"].needs == ()


def _rows(entry: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Rows of the facts, in the form of the catalogue."""
    only: dict[str, dict[str, tuple[str, ...]]] = {}
    for limit in entry.get("limitations", ()):
        if "model" in limit["when"]:
            service = only.setdefault(limit["service"], {})
            service[limit["when"]["model"].rstrip("*")] = tuple(limit["regions"])
    for row in entry.get("rows", ()):
        regions = row.get("storage_regions") or row.get("supported_regions") or tuple(row["regions"])
        processing = row.get("processing_regions")
        if processing is None:
            stored_only = row["id"] in STORED_ONLY
            processing = [] if stored_only else [code for code in regions if code in ("us", "eu")]
        exceptions = {
            model: tuple(codes)
            for model, codes in (
                row.get("model_region_exceptions", {}) | only.get(row["services"][0], {})
            ).items()
        }
        models = row["supported_models"]
        yield (
            row["id"],
            tuple(row["services"]),
            tuple(regions),
            tuple(processing),
            row.get("kind", "endpoint"),
            None if models is None else tuple(models),
            exceptions,
            {code: tuple(listed) for code, listed in row.get("processing_model_exceptions", {}).items()},
            tuple(row.get("values", ())),
        )


def _catalogue_rows(table: Revision) -> list[tuple[Any, ...]]:
    """Rows of a table of the catalogue, in the same form."""
    return [
        (
            row.id,
            row.services,
            row.storage,
            row.processing,
            row.kind,
            row.models,
            row.model_regions,
            row.processing_models,
            () if row.footnote_values else row.values,
        )
        for row in table.rows
    ]


def test_every_row_of_every_table_is_there(facts: dict[str, Any]) -> None:
    """Services, models, regions and exceptions are the same, row by row and in order."""
    for entry in facts["revisions"]:
        assert list(_rows(entry)) == _catalogue_rows(TABLES[entry["id"]]), entry["id"]


def test_a_model_less_or_a_region_more_would_be_noticed(facts: dict[str, Any]) -> None:
    """The comparison above fails for every table in which one model is missing, or one region too many."""
    for entry in facts["revisions"]:
        table = TABLES[entry["id"]]
        expected = list(_rows(entry))
        for number, row in enumerate(table.rows):
            for changed in (
                row._replace(models=(row.models or ("gone",))[1:]),
                row._replace(processing=(*row.processing, "gb")),
                row._replace(storage=row.storage[1:]),
            ):
                rows = (*table.rows[:number], changed, *table.rows[number + 1 :])
                assert expected != _catalogue_rows(table._replace(rows=rows))


def test_every_note_of_a_row_is_there(facts: dict[str, Any]) -> None:
    """What was noted beside a row is noted beside it; a row read otherwise says so."""
    for entry in facts["revisions"]:
        rows = {row.id: row for row in TABLES[entry["id"]].rows}
        for entry_row in entry.get("rows", ()):
            row = rows[entry_row["id"]]
            assert (entry_row.get("note") or entry_row.get("transcription_note")) == row.note
            reinterpreted = "supported_regions" in entry_row and entry_row["id"] in STORED_ONLY
            assert reinterpreted == bool(row.processing_note)
            if entry_row["id"] == "input_modalities" and entry["id"] == "openai-2025-02":
                assert {
                    code: tuple(values) for code, values in entry_row["regions"].items()
                } == row.footnote_values


def _feature_rule(limit: Mapping[str, Any]) -> tuple[Any, ...]:
    when = limit["when"]
    feature = VERBS[when.get("feature") or next(iter(when))]
    regions = limit.get("regions")
    listed = tuple(regions) if isinstance(regions, list) else ()
    outside = ("us", "global") if regions == "non-us" else ()
    return (limit["service"], feature, limit["effect"], listed, outside, feature == "prompt_cache_24h")


def test_every_footnote_about_a_feature_is_there(facts: dict[str, Any]) -> None:
    """Store, background, tracing and extended caching are limited where the table limits them."""

    def as_tuple(rule: FeatureRule) -> tuple[Any, ...]:
        return (
            rule.service,
            rule.feature,
            rule.text,
            rule.regions,
            rule.outside_regions,
            rule.without_processing,
        )

    for entry in facts["revisions"]:
        expected = [
            _feature_rule(limit) for limit in entry.get("limitations", ()) if "model" not in limit["when"]
        ]
        assert sorted(expected) == sorted(map(as_tuple, TABLES[entry["id"]].feature_rules)), entry["id"]


def _tier_rule(rule: Mapping[str, Any]) -> TierRule:
    """A rule of the facts; what the tables call standard, the API calls default."""
    allowed = tuple(rule.get("allowed_tiers", ()))
    tier, regions = next(iter(rule.get("allowed_regions_for_tier", {}).items()), (None, ()))
    return TierRule(
        rule["text"],
        models=() if rule["models"] == ["*"] else tuple(rule["models"]),
        services=tuple(rule.get("services", ())),
        regions=(rule["region"],) if "region" in rule else (),
        tier=tier,
        denied_tiers=tuple(rule.get("denied_tiers", ())),
        allowed_tiers=(*allowed, "default") if allowed == ("standard",) else allowed,
        allowed_regions=tuple(regions or rule.get("allowed_regions", ())),
    )


def test_every_footnote_about_tiers_is_there(facts: dict[str, Any]) -> None:
    """Tiers are limited to the same regions, for the same models and services."""
    for entry in facts["revisions"]:
        expected = tuple(map(_tier_rule, entry.get("service_tier_rules", ())))
        assert expected == TABLES[entry["id"]].tier_rules, entry["id"]


def test_every_retired_model_and_endpoint_is_there(facts: dict[str, Any]) -> None:
    """Models and endpoints have the day from which they are gone."""
    retired = facts["retired"]
    models = {entry.model: entry.on.isoformat() for entry in ENTRIES.retired_models}
    endpoints = {entry.path: entry.on.isoformat() for entry in ENTRIES.retired_endpoints}
    assert retired["models"].items() <= models.items()
    assert retired["endpoints"].items() <= endpoints.items()
    assert retired["note"] == ENTRIES.retired_note


def test_the_table_of_retention_is_there(facts: dict[str, Any]) -> None:
    """What the vendor keeps, and what Zero Data Retention covers, service by service."""
    keys = ("service", "abuse", "state", "zdr")
    table = facts["zdr_table"]
    newest = TABLES["openai-2026-10"]
    rows = [tuple(getattr(row, key) for key in keys) for row in newest.retention]
    assert newest.source == ENTRIES.zero_data_retention_source
    assert [tuple(row[key] for key in keys) for row in table["rows"]] == rows
    dated = (*keys, "last_seen")
    removed = [tuple(getattr(row, key) for key in dated) for row in ENTRIES.zero_data_retention_removed]
    assert [tuple(str(row[key]) for key in dated) for row in table["removed"]] == removed
    assert table["source"] == ENTRIES.zero_data_retention_note


@pytest.mark.parametrize("name", ["openai-2026-09-10", "openai-2026-09-17", "openai-2026-10"])
def test_private_and_safety_retention_cover_what_the_facts_say(facts: dict[str, Any], name: str) -> None:
    """Two endpoints are covered, decisions are to be confirmed, and no other endpoint is covered."""
    told = facts["zdr_table"]["private_or_safety_retention_eligible"]
    covered = {row.service: row.private for row in TABLES[name].retention}
    assert [service for service, value in covered.items() if value == "yes"] == told["eligible"]
    open_ended = [service for service, value in covered.items() if value == "to be confirmed"]
    assert open_ended == [service for service in told["to_be_confirmed"] if service in covered]
    assert set(covered.values()) <= {"yes", "no", "to be confirmed"}


def test_september_has_the_retention_table_of_october_but_for_what_changed(facts: dict[str, Any]) -> None:
    """October added decisions and agents, and dropped videos."""
    october = {row.service: row.zdr for row in TABLES["openai-2026-10"].retention}
    videos = next(row for row in facts["zdr_table"]["removed"] if row["service"] == "/v1/videos")
    for name in ("openai-2026-09-10", "openai-2026-09-17"):
        september = {row.service: row.zdr for row in TABLES[name].retention}
        assert october.keys() - september.keys() == {"/v1/decisions", "/v1/agents"}
        assert september.keys() - october.keys() == {"/v1/videos"}
        expected = october | {"/v1/videos": videos["zdr"]}
        assert all(expected[service] == value for service, value in september.items())


def test_the_deployment_types_of_azure_are_there(facts: dict[str, Any]) -> None:
    """Each type stays where the vendor says: anywhere, in a zone, or in the region."""
    azure = facts["azure"]
    expected = [(kind["name"], kind["sku"], kind["processing"]) for kind in azure["deployment_types"]]
    assert expected == [(kind.name, kind.sku, kind.processing) for kind in ENTRIES.deployments]
    reach = {"any Azure region": "anywhere", "within the": "zone", "the deployment region": "region"}
    for kind in ENTRIES.deployments:
        assert [kind.stays_in] == [
            stays for words, stays in reach.items() if kind.processing.startswith(words)
        ]
    assert [azure["rule"], azure["evidence_header"], *azure["required_config"], *azure["sources"]] == [
        ENTRIES.deployment_rule,
        ENTRIES.deployment_evidence,
        *ENTRIES.deployment_config,
        ENTRIES.deployment_source,
    ]


def test_every_refusal_is_there(facts: dict[str, Any]) -> None:
    """Status, code, type and words of each error are kept, so that it is recognised."""
    keys = ("status", "code", "type", "message", "where", "meaning")
    expected = [tuple(entry.get(key) for key in keys) for entry in facts["errors"]]
    assert expected == [tuple(getattr(entry, key) for key in keys) for entry in ENTRIES.refusals]


def test_the_regions_of_clients_and_projects_are_there(facts: dict[str, Any]) -> None:
    """What the client may be told, and what a project may be, in order of appearance."""
    expected = {client: tuple(regions) for client, regions in facts["sdk_data_residency"].items()}
    assert expected == {entry.client: entry.regions for entry in ENTRIES.client_regions}
    assert facts["admin_project_residency"] == [entry.name for entry in ENTRIES.project_residency]


def test_endpoints_in_no_table_and_without_content_are_there(facts: dict[str, Any]) -> None:
    """What was never listed, and what carries no content of customers."""
    assert tuple(facts["endpoints_never_in_any_residency_table"]) == ENTRIES.never_listed
    written = [
        f"{'' if entry.method == '*' else entry.method + ' '}{entry.path}{'/*' if entry.below else ''}"
        for entry in ENTRIES.without_content
    ]
    assert set(facts["endpoints_without_customer_content"]) == {*written} - {"DELETE /v1/*"}


def test_every_source_is_there(facts: dict[str, Any]) -> None:
    """Kind, title, time and place of each source; what was said in brackets behind a link is a note."""
    for name, entry in facts["sources"].items():
        source = ENTRIES.sources[name]
        url, _, bracket = entry.get("url", "").partition(" (")
        assert (entry["kind"], entry["title"], entry["observed"]) == (
            source.kind,
            source.title,
            source.observed,
        )
        assert (url or None, entry.get("ref")) == (source.url, source.ref)
        assert bracket.rstrip(")") == (source.note or "")

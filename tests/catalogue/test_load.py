"""A user's own catalogue: added to ours, in place of ours, or refused with a word on what to mend."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.core.request_entries import BatchFiles
from otel_residency.errors import CatalogueError, ResidencyError

DAY, FIRST_TABLE = date(2026, 11, 20), date(2025, 3, 1)
SOURCE = {"kind": "contract", "title": "Order form 7", "observed": "2026-11-19"}
HOST = {"host": "xx.api.openai.com", "provider": "openai", "regions": ["xx"], "sources": ["contract"]}
BACK_END = {"host": "otlp.example", "operator": "Example", "regions": ["xx"], "sources": ["contract"]}
FAMILY = {"pattern": "*.otlp.example", "operator": "Example", "regions": [], "sources": ["contract"]}
REGION = {
    "name": "Nowhere",
    "host": "xx.api.openai.com",
    "storage": "yes",
    "processing": "yes",
    "prefix_required": True,
    "modes": ["Text"],
    "needs": [],
    "image_needs": [],
}
ROW = {"id": "chat", "services": ["/v1/chat/completions"], "storage": ["xx"], "processing": ["xx"]}
REVISION = {
    "id": "contract-2026-11",
    "effective_from": "2026-11-19",
    "source": "contract",
    "completeness": "one region",
    "translated": "no",
    "regions": {"xx": REGION},
    "rows": [ROW],
}
USER_CATALOGUE = {"sources": {"contract": SOURCE}, "hosts": [HOST], "revisions": [REVISION]}
TOML = """
[sources.contract]
kind = "contract"
title = "Order form 7"
observed = "2026-11-19"

[[hosts]]
host = "xx.api.openai.com"
provider = "openai"
regions = ["xx"]
sources = ["contract"]

[[revisions]]
id = "contract-2026-11"
effective_from = 2026-11-19
source = "contract"
completeness = "one region"
translated = "no"

[revisions.regions.xx]
name = "Nowhere"
host = "xx.api.openai.com"
storage = "yes"
processing = "yes"
prefix_required = true
modes = ["Text"]
needs = []
image_needs = []

[[revisions.rows]]
id = "chat"
services = ["/v1/chat/completions"]
storage = ["xx"]
processing = ["xx"]
"""


def _file(folder: Path, content: object, name: str = "own.json") -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def _verdict(catalogue: Catalogue, host: str, day: date = DAY) -> str:
    hop = Hop(scheme="https", host=host, port=None, path="/v1/chat/completions", payload=True)
    facts = CallFacts(day, "POST", (hop,), model="gpt-5.2-2025-12-11")
    return decide(facts, catalogue, Policy()).verdict.value


@pytest.mark.parametrize(
    ("name", "content"), [("own.json", USER_CATALOGUE), ("own.toml", TOML), ("own", USER_CATALOGUE)]
)
def test_a_user_s_file_is_added_to_ours(tmp_path: Path, name: str, content: object) -> None:
    """A region of one's own contract counts, in either form of file, and all of ours is still known."""
    catalogue = load_catalogue(_file(tmp_path, content, name))
    assert _verdict(load_catalogue(), "xx.api.openai.com") == "indeterminate"
    assert _verdict(catalogue, "xx.api.openai.com") == "eligible"
    assert set(load_catalogue().hosts) < set(catalogue.hosts)
    shipped = {revision.id for revision in load_catalogue().revisions}
    assert {*shipped, "contract-2026-11"} == {revision.id for revision in catalogue.revisions}


def test_a_user_s_file_can_stand_instead_of_ours(tmp_path: Path) -> None:
    """With `mode = "replace"` nothing of ours is left."""
    catalogue = load_catalogue(_file(tmp_path, {"mode": "replace", **USER_CATALOGUE}))
    assert list(catalogue.hosts) == ["xx.api.openai.com"]
    assert [revision.id for revision in catalogue.revisions] == ["contract-2026-11"]
    assert {"xx"} == catalogue.region_codes


def test_an_entry_of_the_same_name_stands_instead_of_ours(tmp_path: Path) -> None:
    """A host, an alias or a table that we also have is the user's; sources are shared."""
    row = {"id": "chat", "services": ["/v1/chat/completions"], "storage": ["us"], "processing": ["us"]}
    user_catalogue = {
        "hosts": [
            {"host": "api.openai.com", "provider": "openai", "regions": ["us"], "sources": ["faq-2025-02"]}
        ],
        "revisions": [
            {
                **REVISION,
                "id": "openai-2025-02",
                "effective_from": "2025-02-05",
                "source": "faq-2025-02",
                "regions": {"us": {**REGION, "name": "United States", "host": "api.openai.com"}},
                "rows": [row],
            }
        ],
        "service_tiers": ["turbo"],
        "confusables": {"ŀ": "i"},
        "generated": "2026-11-19",
    }
    catalogue = load_catalogue(_file(tmp_path, user_catalogue))
    ours = load_catalogue()
    assert catalogue.hosts["api.openai.com"].regions == ("us",)
    assert _verdict(ours, "api.openai.com", FIRST_TABLE) == "ineligible"
    assert _verdict(catalogue, "api.openai.com", FIRST_TABLE) == "eligible"
    assert len(ours.hosts) == len(catalogue.hosts)
    assert len(ours.revisions) == len(catalogue.revisions)
    assert (*ours.entries.service_tiers, "turbo") == catalogue.entries.service_tiers
    assert {**ours.entries.confusables, "ŀ": "i"} == catalogue.entries.confusables
    assert date(2026, 11, 19) == catalogue.entries.generated


def test_a_section_that_is_one_entry_stands_whole_instead_of_ours(tmp_path: Path) -> None:
    """The limits of batch files are the user's, not theirs beside ours; the rest stays as it is."""
    limits = {"purpose": "batch", "input_at": "file", "max_bytes": 1, "max_lines": 2, "source": "faq-2025-02"}
    entries = load_catalogue(_file(tmp_path, {"batch_files": limits})).entries
    assert entries.batch_files == BatchFiles(**limits)
    assert entries._replace(batch_files=None) == load_catalogue().entries._replace(batch_files=None)


def test_a_user_s_table_may_build_on_one_of_ours(tmp_path: Path) -> None:
    """A table with only the changes inherits the rest, also what ours inherits itself."""
    changed = {
        **REVISION,
        "inherits": "openai-2026-11",
        "regions": {"jp": {**REGION, "name": "Japan", "host": "jp.api.openai.com"}},
        "rows": [],
    }
    catalogue = load_catalogue(_file(tmp_path, {"sources": {"contract": SOURCE}, "revisions": [changed]}))
    added, base = catalogue.revision_on(DAY), load_catalogue("openai-2026-11").revision_on(DAY)
    assert added is not None
    assert base is not None
    assert (added.id, added.rows) == ("contract-2026-11", base.rows)
    assert (added.regions["jp"].processing, added.regions["au"].processing) == ("yes", "models-unknown")


def test_a_user_s_back_ends_are_added_and_one_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    """An own collector is listed beside ours, and a correction stands in for what we ship."""
    corrected = {**BACK_END, "host": "telemetry.googleapis.com", "regions": ["eu"]}
    user_catalogue = _with(
        telemetry_hosts=[{**BACK_END, "regions": ["other"]}, corrected], telemetry_patterns=[FAMILY]
    )
    catalogue = load_catalogue(_file(tmp_path, user_catalogue))
    ours = load_catalogue()
    assert len(ours.telemetry_hosts) + 1 == len(catalogue.telemetry_hosts)
    assert catalogue.telemetry_hosts["otlp.example"].regions == ("other",)
    assert catalogue.telemetry_hosts["telemetry.googleapis.com"].regions == ("eu",)
    assert len(ours.telemetry_patterns) + 1 == len(catalogue.telemetry_patterns)


def test_a_catalogue_that_stands_alone_lists_only_its_back_ends(tmp_path: Path) -> None:
    """Who replaces the catalogue replaces the list of back ends too."""
    catalogue = load_catalogue(_file(tmp_path, {"mode": "replace", **_with(telemetry_hosts=[BACK_END])}))
    assert list(catalogue.telemetry_hosts) == ["otlp.example"]
    assert catalogue.telemetry_patterns == ()


@pytest.mark.parametrize("revision", [each.id for each in load_catalogue().revisions])
def test_a_revision_can_be_pinned(revision: str) -> None:
    """Each shipped table can be named, and then judges every day."""
    found = load_catalogue(revision).revision_on(date.min)
    assert found is not None
    assert revision == found.id


def test_the_shipped_catalogue_is_loaded_once() -> None:
    """Loading is remembered: nothing in it can be changed."""
    assert load_catalogue() is load_catalogue("newest")


def _with(**changes: Any) -> dict[str, Any]:
    return {**USER_CATALOGUE, **changes}


def _host(**changes: Any) -> dict[str, Any]:
    return _with(hosts=[{**HOST, **changes}])


def _revision(**changes: Any) -> dict[str, Any]:
    return _with(revisions=[{**REVISION, **changes}])


def _row(**changes: Any) -> dict[str, Any]:
    return _revision(rows=[{**ROW, **changes}])


RULE = {
    "service": "/v1/chat/completions",
    "feature": "store",
    "reason": "feature.store",
    "verdict": "ineligible",
    "text": "not allowed",
}
MISTAKES = {
    "a section that there is none of": (
        _with(host=[]),
        ["host: unknown key; known are: ", "aliases", "hosts"],
    ),
    "a key that there is none of": (
        _host(regoin="xx"),
        ["hosts[0].regoin: unknown key; known are: ", "regions"],
    ),
    "a key with a dot": (_with(**{"host.s": []}), ['"host.s": unknown key']),
    "a key that is missing": (
        _with(hosts=[{"host": "xx.api.openai.com"}]),
        ["hosts[0].provider: this key is missing"],
    ),
    "a text instead of a list": (_host(regions="xx"), ["hosts[0].regions: 'xx' is not a list"]),
    "a list instead of a text": (_host(provider=["openai"]), ["hosts[0].provider: a list is not a string"]),
    "a number instead of a text": (_host(provider=7), ["hosts[0].provider: 7 is not a string"]),
    "nothing instead of a text": (_host(notes=None), ["hosts[0].notes: null is not a string"]),
    "a text instead of a table": (_with(sources="mine"), ["sources: 'mine' is not a table"]),
    "a text instead of an entry": (_with(hosts=["xx"]), ["hosts[0]: 'xx' is not a table"]),
    "a text instead of true or false": (
        _revision(regions={"xx": {**REGION, "prefix_required": "yes"}}),
        ["revisions[0].regions.xx.prefix_required: 'yes' is not true or false"],
    ),
    "a number with a fraction": (_with(schema_version=1.5), ["schema_version: 1.5 is not a whole number"]),
    "true instead of a number": (_with(schema_version=True), ["schema_version: true is not a whole number"]),
    "a value that is not allowed": (
        _host(kind="proxy"),
        ["hosts[0].kind: 'proxy' is not one of: api, azure-private-link"],
    ),
    "a date that is none": (
        _revision(effective_from="November 2026"),
        ["revisions[0].effective_from: 'November 2026' is not a date like 2026-11-20"],
    ),
    "a date that is a number": (
        _revision(effective_from=20261119),
        ["revisions[0].effective_from: 20261119 is not a date"],
    ),
    "a version that is not known": (
        _with(schema_version=2),
        ["schema_version: 2 is not known; this release reads 1"],
    ),
    "an entry twice": (_with(hosts=[HOST, HOST]), ["hosts: 'xx.api.openai.com' occurs twice"]),
    "a table twice": (
        _with(revisions=[REVISION, REVISION]),
        ["revisions: 'contract-2026-11' occurs twice"],
    ),
    "a host without a source": (
        _host(sources=[]),
        ["hosts[0].sources: name at least one source of [sources]"],
    ),
    "a source that is not there": (
        _host(sources=["hearsay"]),
        ["hosts[0].sources: 'hearsay' is not in [sources]"],
    ),
    "a table whose source is not there": (
        _revision(source="hearsay"),
        ["revisions[0].source: 'hearsay' is not in [sources]"],
    ),
    "an alias whose source is not there": (
        _with(aliases=[{"alias": "fast", "source": "hearsay"}]),
        ["aliases[0].source: 'hearsay' is not in [sources]"],
    ),
    "a host in capitals": (
        _host(host="BR.api.openai.com"),
        ["hosts[0].host: 'BR.api.openai.com': write it in lower case, without a final dot"],
    ),
    "a host with a final dot": (
        _host(host="xx.api.openai.com."),
        ["hosts[0].host: 'xx.api.openai.com.': write it in lower case, without a final dot"],
    ),
    "a pattern in capitals": (
        _with(
            host_patterns=[
                {"pattern": "*.GW.example", "provider": "own", "regions": [], "sources": ["contract"]}
            ]
        ),
        ["host_patterns[0].pattern: '*.GW.example': write it in lower case"],
    ),
    "a back end in a region that there is none of": (
        _with(telemetry_hosts=[{**BACK_END, "regions": ["xx", "yy"]}]),
        ["telemetry_hosts.otlp.example.regions: region 'yy' is not one of: ae, ", " other, ", " xx"],
    ),
    "a family of back ends in a region that there is none of": (
        _with(telemetry_patterns=[{**FAMILY, "regions": ["global"]}]),
        ["telemetry_patterns.*.otlp.example.regions: region 'global' is not one of: ae, "],
    ),
    "a back end without a source": (
        _with(telemetry_hosts=[{**BACK_END, "sources": []}]),
        ["telemetry_hosts[0].sources: name at least one source of [sources]"],
    ),
    "a family of back ends whose source is not there": (
        _with(telemetry_patterns=[{**FAMILY, "sources": ["hearsay"]}]),
        ["telemetry_patterns[0].sources: 'hearsay' is not in [sources]"],
    ),
    "a back end twice": (
        _with(telemetry_hosts=[BACK_END, BACK_END]),
        ["telemetry_hosts: 'otlp.example' occurs twice"],
    ),
    "a back end in capitals": (
        _with(telemetry_hosts=[{**BACK_END, "host": "OTLP.example"}]),
        ["telemetry_hosts[0].host: 'OTLP.example': write it in lower case"],
    ),
    "a back end with a key that there is none of": (
        _with(telemetry_hosts=[{**BACK_END, "region": "xx"}]),
        ["telemetry_hosts[0].region: unknown key; known are: ", "operator"],
    ),
    "a network that is none": (
        _with(networks=[{"network": "10.0.0.1/8", "kind": "private"}]),
        ["networks[0].network: '10.0.0.1/8' is not a network like 10.0.0.0/8"],
    ),
    "a look-alike of more than one letter": (
        _with(confusables={"rn": "m"}),
        ["confusables: 'rn' is not one letter"],
    ),
    "a row in a region that there is none of": (
        _row(storage=["xx", "yy"]),
        ["revisions.contract-2026-11.rows.chat: region 'yy' is not one of: global, xx"],
    ),
    "models for a region that there is none of": (
        _row(models=["a"], processing_models={"yy": ["a"]}),
        ["revisions.contract-2026-11.rows.chat: region 'yy' is not one of: global, xx"],
    ),
    "a model in a region that there is none of": (
        _row(models=["a"], model_regions={"a": ["yy"]}),
        ["revisions.contract-2026-11.rows.chat: region 'yy' is not one of: global, xx"],
    ),
    "a footnote about a region that there is none of": (
        _revision(feature_rules=[{**RULE, "outside_regions": ["XX"]}]),
        ["revisions.contract-2026-11.feature_rules[0]: region 'XX' is not one of: global, xx"],
    ),
    "a tier in a region that there is none of": (
        _revision(tier_rules=[{"text": "no", "allowed_regions": ["XX"]}]),
        ["revisions.contract-2026-11.tier_rules[0]: region 'XX' is not one of: global, xx"],
    ),
    "a table that builds on none": (
        _revision(inherits="openai-2020-01"),
        ["revisions[0].inherits: 'openai-2020-01' is not the id of another revision"],
    ),
    "a table that builds on itself": (
        _revision(inherits="contract-2026-11"),
        ["revisions[0].inherits: 'contract-2026-11' is not the id of another revision"],
    ),
    "a table that stands alone and builds on ours": (
        {"mode": "replace", **_revision(inherits="openai-2026-11")},
        ["revisions[0].inherits: 'openai-2026-11' is not the id of another revision"],
    ),
    "a source of ours in a file that stands alone": (
        {"mode": "replace", **_host(sources=["faq-2025-02"])},
        ["hosts[0].sources: 'faq-2025-02' is not in [sources]"],
    ),
    "a mode that there is none of": (_with(mode="merge"), ["mode: 'merge' is not one of: extend, replace"]),
    "a list instead of sections": ([USER_CATALOGUE], ["the file must contain a table of sections"]),
    "a file that is no JSON": ("{", ["is not JSON: see line 1, column 2"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported_with_file_key_value_and_fix(tmp_path: Path, mistake: str) -> None:
    """The message begins with the file and says what stands where, and what is allowed."""
    content, parts = MISTAKES[mistake]
    path = _file(tmp_path, content)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    message = str(caught.value)
    assert message.startswith(f"catalogue {path}: ")
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize(
    ("name", "content"),
    [("own.toml", "[[hosts"), ("own.toml", "hosts = 1979-05-27T07:32:00Z"), ("own.json", b"\xff\xfe")],
)
def test_a_file_that_can_t_be_read_is_reported(tmp_path: Path, name: str, content: str | bytes) -> None:
    """Neither bad TOML nor bad bytes come through as anything but our own error."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CatalogueError, match=r"^catalogue .*own\."):
        load_catalogue(str(path))


@pytest.mark.parametrize("choice", ["missing.json", "missing.toml", "."])
def test_a_file_that_is_not_there_is_reported(choice: str) -> None:
    """A path without a file behind it is told as such."""
    with pytest.raises(CatalogueError, match=rf"^catalogue {choice}: can't be read: "):
        load_catalogue(choice)


@pytest.mark.parametrize("choice", ["openai-2020-01", "last"])
def test_a_revision_that_there_is_none_of_is_reported(choice: str) -> None:
    """The message lists what could have been meant."""
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(choice)
    assert f"catalogue {choice!r}: neither a revision nor a file" in str(caught.value)
    assert "use 'newest', a file, or one of: openai-2025-02, openai-2026-02" in str(caught.value)


def test_the_error_is_one_about_configuration() -> None:
    """Who catches the base of our errors catches this one."""
    assert issubclass(CatalogueError, ResidencyError)


def test_few_frames_that_are_left_are_no_mistake_in_the_file(tmp_path: Path) -> None:
    """Near the limit of recursion a file is loaded or not, and never refused: later it would be well."""
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(USER_CATALOGUE), encoding="utf-8")
    load_catalogue(str(path))

    def deeper() -> int:
        """Load it where one more call is not possible, then with one frame more, until it is loaded."""
        try:
            tries = deeper()
        except RecursionError:
            tries = 0
        try:
            load_catalogue(str(path))
        except RecursionError:
            return tries + 1
        raise StopIteration(tries)

    with pytest.raises(StopIteration) as loaded:
        deeper()
    assert loaded.value.value > 1

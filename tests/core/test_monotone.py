"""More facts never make a verdict better, except as `monotone.toml` lists."""

import tomllib
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_residency.catalogue import load_catalogue
from otel_residency.core import facts as facts_module
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decide import decide
from otel_residency.core.decode import decode
from otel_residency.core.facts import UNSEEN_LINE, Answer, BatchLine, CallFacts, Hop, Reference, SecondModel
from otel_residency.core.policy import Policy, Project, Projects, Statement
from otel_residency.core.regions import UNKNOWN, Group
from otel_residency.core.verdict import SEVERITY, Verdict
from tests.cases import CASES
from tests.core import test_properties as shared
from tests.frozen import CATALOGUE as FROZEN

TABLE = tomllib.loads(Path(__file__).with_name("monotone.toml").read_text(encoding="utf-8"))
CATALOGUE = load_catalogue()
CASE_BY_ID = {case.id: case for case in CASES}
RANK = {Verdict.NOT_APPLICABLE: -1, **SEVERITY}
KEPT = 0.8
"""The part of each section that a thinned catalogue keeps."""


class Call(NamedTuple):
    """The input of `decide`, except for the catalogue."""

    facts: CallFacts
    policy: Policy

    def with_facts(self, **fields: Any) -> "Call":
        """The call with other facts."""
        return self._replace(facts=self.facts._replace(**fields))

    def with_answer(self, **fields: Any) -> "Call":
        """The call with other fields of its answer."""
        return self.with_facts(answer=(self.facts.answer or Answer())._replace(**fields))


class Step(NamedTuple):
    """One way in which a call grows."""

    kind: Any
    """The type of the value."""
    values: st.SearchStrategy[Any]
    apply: Callable[[Call, Any, int], Call | None]
    """The call with the value; `None` where it cannot be added. The number selects a hop or a line."""


def _replaced(items: tuple[Any, ...], at: int, **fields: Any) -> tuple[Any, ...]:
    at %= len(items)
    return (*items[:at], items[at]._replace(**fields), *items[at + 1 :])


def _flag(call: Call, name: str) -> Call:
    return call.with_facts(**{name: True})


def _member(name: str) -> Callable[[Call, Any, int], Call]:
    """A step that adds a value to a set of the request."""
    return lambda call, value, _: call.with_facts(**{name: getattr(call.facts, name) | {value}})


def _of_line(name: str) -> Callable[[Call, Any, int], Call | None]:
    """A step that adds a value to a set of a line."""

    def apply(call: Call, value: Any, at: int) -> Call | None:
        lines = call.facts.batch_lines
        if not lines:
            return None
        values = getattr(lines[at % len(lines)], name) | {value}
        return call.with_facts(batch_lines=_replaced(lines, at, **{name: values}))

    return apply


def _tier_of_line(call: Call, value: str, at: int) -> Call | None:
    lines = call.facts.batch_lines
    if not lines or lines[at % len(lines)].service_tier not in (None, "auto"):
        return None
    return call.with_facts(batch_lines=_replaced(lines, at, service_tier=value))


def _line(call: Call, value: BatchLine, _: int) -> Call:
    return call.with_facts(batch_lines=(*(call.facts.batch_lines or ()), value))


def _first_value(name: str) -> Callable[[Call, Any, int], Call | None]:
    """A step that gives a field of the answer its first value."""

    def apply(call: Call, value: Any, _: int) -> Call | None:
        answer = call.facts.answer or Answer()
        return None if getattr(answer, name) is not None else call.with_answer(**{name: value})

    return apply


def _other_value(call: Call, value: tuple[str, str], _: int) -> Call | None:
    answer = call.facts.answer or Answer()
    if getattr(answer, value[0]) is None:
        return None
    return call.with_answer(also=(*answer.also, value))


def _of_hop(name: str, before: tuple[Any, ...]) -> Callable[[Call, Any, int], Call | None]:
    """A step that changes a field of a hop that has one of the values `before`."""

    def apply(call: Call, value: Any, at: int) -> Call | None:
        hops = call.facts.hops
        if not hops or getattr(hops[at % len(hops)], name) not in before:
            return None
        return call.with_facts(hops=_replaced(hops, at, **{name: value}))

    return apply


def _route(call: Call, value: tuple[str, str], at: int) -> Call | None:
    hops = call.facts.hops
    if not hops:
        return None
    return call.with_facts(hops=_replaced(hops, at, route=(*hops[at % len(hops)].route, value)))


def _hop(call: Call, value: Hop, _: int) -> Call | None:
    """Add a hop; not as the last one of an answered call, as the answer would be that of another host."""
    hops = call.facts.hops
    if call.facts.answer is None:
        return call.with_facts(hops=(*hops, value)) if hops else None
    return call.with_facts(hops=(*hops[:-1], value, hops[-1])) if len(hops) > 1 else None


def _first_hop(call: Call, value: Hop, _: int) -> Call | None:
    return None if call.facts.hops else call.with_facts(hops=(value,))


def _answering_hop(call: Call, value: Hop, _: int) -> Call | None:
    hops = call.facts.hops
    return call.with_facts(hops=(*hops, value)) if hops and call.facts.answer is not None else None


def _required(*, first: bool) -> Callable[[Call, Group, int], Call | None]:
    def apply(call: Call, value: Group, _: int) -> Call | None:
        required = call.facts.required
        if bool(call.policy.require or required) is first:
            return None
        return call.with_facts(required=(*required, value))

    return apply


def _project(call: Call, value: str, _: int) -> Call | None:
    return None if call.facts.project is not None else call.with_facts(project=value)


def _tier(call: Call, value: str, _: int) -> Call | None:
    return call.with_facts(service_tier=value) if call.facts.service_tier in (None, "auto") else None


def _place_of_reference(call: Call, value: str, _: int) -> Call | None:
    unknown = sorted(each for each in call.facts.references if each.region == UNKNOWN)
    if not unknown:
        return None
    placed = unknown[0]._replace(region=value)
    return call.with_facts(references=call.facts.references - {unknown[0]} | {placed})


def _without_attestation(call: Call, value: str, _: int) -> Call | None:
    attest = call.policy.attest
    if value not in attest or not attest[value].value:
        return None
    kept = {name: each for name, each in attest.items() if name != value}
    return call._replace(policy=call.policy._replace(attest=kept))


def _denied_attestation(call: Call, value: str, _: int) -> Call:
    attest = {**call.policy.attest, value: Statement(value=False)}
    return call._replace(policy=call.policy._replace(attest=attest))


projects = st.sampled_from(["proj_eu", "proj_us", "proj_other"])
one_region = st.sampled_from([*shared.REGIONS, "global", "unknown"])
a_feature = st.one_of(st.sampled_from(shared.FEATURES), shared.anything)
a_tool = st.one_of(st.sampled_from(sorted(CATALOGUE.tools)), shared.anything)
a_tier = st.sampled_from(["auto", *shared.ENTRIES.service_tiers, "ultrafast", "warp"])
a_model = st.one_of(
    st.sampled_from(shared.MODELS), st.builds("ft:{}:org".format, st.sampled_from(shared.MODELS))
)
a_host = st.sampled_from([*sorted(CATALOGUE.hosts), "gateway.example"])
a_reference = st.builds(Reference, st.sampled_from(["file", "response", "conversation"]), one_region)
a_second_model = st.builds(
    SecondModel, st.sampled_from(["model", *CATALOGUE.second_models, "other"]), a_model
)
case_lines = [line for case in CASES for line in case.batch_lines or ()]
a_line = st.one_of(
    st.sampled_from(case_lines), st.builds(BatchLine, path=shared.endpoint_paths, model=shared.models)
)
case_hops = st.sampled_from([hop for case in CASES for hop in case.facts.hops])
a_hop = st.one_of(case_hops, shared.hops)
a_route = st.sampled_from([pair for case in CASES for pair in case.route])
a_term = st.sampled_from([entry.name for entry in shared.ENTRIES.attestations])
a_refusal = st.sampled_from([refusal.id for refusal in shared.ENTRIES.refusals])
a_type = st.just("input_hologram")
true = st.just(value=True)

STEPS: dict[str, Step] = {
    "CallFacts.hops": Step(Hop, a_hop, _hop),
    "CallFacts.hops first": Step(Hop, a_hop, _first_hop),
    "CallFacts.hops answering": Step(Hop, a_hop, _answering_hop),
    "CallFacts.service_tier": Step(str, a_tier, _tier),
    "CallFacts.features": Step(str, a_feature, _member("features")),
    "CallFacts.tools": Step(str, a_tool, _member("tools")),
    "CallFacts.body_unseen": Step(bool, true, lambda call, *_: _flag(call, "body_unseen")),
    "CallFacts.batch_lines": Step(BatchLine, a_line, _line),
    "CallFacts.answer": Step(Answer, st.just(Answer()), lambda call, *_: call.with_answer()),
    "CallFacts.required": Step(Group, shared.groups, _required(first=False)),
    "CallFacts.required first": Step(Group, shared.listed_groups, _required(first=True)),
    "CallFacts.project": Step(str, projects, _project),
    "CallFacts.references": Step(Reference, a_reference, _member("references")),
    "CallFacts.unrecorded": Step(bool, true, lambda call, *_: _flag(call, "unrecorded")),
    "CallFacts.second_models": Step(SecondModel, a_second_model, _member("second_models")),
    "CallFacts.second_tiers": Step(str, a_tier, _member("second_tiers")),
    "CallFacts.unknown_types": Step(str, a_type, _member("unknown_types")),
    "Hop.scheme": Step(str, st.just("http"), _of_hop("scheme", ("https",))),
    "Hop.host_header": Step(str, a_host, _of_hop("host_header", (None,))),
    "Hop.payload": Step(bool, true, _of_hop("payload", (False,))),
    "Hop.redirected": Step(bool, true, _of_hop("redirected", (False,))),
    "Hop.route": Step(tuple[str, str], a_route, _route),
    "Hop.refused": Step(bool, true, _of_hop("refused", (False,))),
    "Answer.status": Step(int, st.sampled_from([200, 400]), _first_value("status")),
    "Answer.model": Step(str, a_model, _first_value("model")),
    "Answer.service_tier": Step(str, a_tier, _first_value("service_tier")),
    "Answer.cloud_region": Step(
        str, st.sampled_from(["East US 2", "Sweden Central"]), _first_value("cloud_region")
    ),
    "Answer.upstream": Step(str, a_host, _first_value("upstream")),
    "Answer.fallbacks": Step(bool, true, lambda call, *_: call.with_answer(fallbacks=True)),
    "Answer.project": Step(str, projects, _first_value("project")),
    "Answer.refusal": Step(str, a_refusal, _first_value("refusal")),
    "Answer.provider": Step(str, st.sampled_from(["openai", "anthropic"]), _first_value("provider")),
    "Answer.also": Step(tuple[str, str], shared.named, _other_value),
    "Answer.unread": Step(bool, true, lambda call, *_: call.with_answer(unread=True)),
    "BatchLine.service_tier": Step(str, a_tier, _tier_of_line),
    "BatchLine.features": Step(str, a_feature, _of_line("features")),
    "BatchLine.tools": Step(str, a_tool, _of_line("tools")),
    "BatchLine.references": Step(Reference, a_reference, _of_line("references")),
    "BatchLine.unseen": Step(BatchLine, st.just(UNSEEN_LINE), _line),
    "BatchLine.second_models": Step(SecondModel, a_second_model, _of_line("second_models")),
    "BatchLine.second_tiers": Step(str, a_tier, _of_line("second_tiers")),
    "BatchLine.unknown_types": Step(str, a_type, _of_line("unknown_types")),
    "Reference.region": Step(str, one_region, _place_of_reference),
    "Policy.attest": Step(str, a_term, _without_attestation),
    "Policy.attest denied": Step(str, a_term, _denied_attestation),
}
"""By the field that grows. A word after it tells apart the steps of one field."""


@lru_cache(maxsize=32)
def _thinned(seed: int) -> Catalogue:
    """The shipped catalogue without a random part of what it lists."""
    random = Random(seed)  # noqa: S311 - no secret

    def some(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(item for item in items if random.random() < KEPT)

    def row(whole: Any) -> Any:
        storage = some(whole.storage)
        processing = tuple(region for region in some(whole.processing) if region in storage)
        models = None if whole.models is None else some(whole.models)
        return whole._replace(storage=storage, processing=processing, models=models)

    entries = shared.ENTRIES
    revisions = tuple(
        each._replace(
            rows=tuple(map(row, some(each.rows))),
            feature_rules=some(each.feature_rules),
            tier_rules=some(each.tier_rules),
            retention=some(each.retention),
        )
        for each in entries.revisions
    )
    names = (
        "aliases",
        "tools",
        "second_models",
        "spellings",
        "retired_models",
        "endpoints",
        "without_content",
    )
    thinned: dict[str, Any] = {name: some(getattr(entries, name)) for name in names}
    return Catalogue(entries._replace(revisions=revisions, **thinned))


catalogues = st.one_of(st.just(CATALOGUE), st.just(FROZEN), st.integers(0, 2**16).map(_thinned))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A call of the table of cases on any day, or any call; its project's settings may be known."""
    case = draw(st.sampled_from(CASES))
    call = Call(case.facts, case.policy)
    if draw(st.integers(0, 4)) == 0:
        call = Call(draw(shared.facts_of_any_kind), draw(shared.policies))
    if draw(st.booleans()):
        call = call.with_facts(on=draw(st.dates(date(2025, 1, 1), date(2027, 3, 31))))
    if draw(st.booleans()):
        observed = st.sampled_from([call.facts.on, date(2026, 11, 10)])
        project = st.builds(
            Project,
            residency=st.sampled_from([*CATALOGUE.project_residency, "", "MARS"]),
            retention=st.sampled_from(["", "none", *(entry.name for entry in shared.ENTRIES.attestations)]),
            observed=observed,
            default_tier=st.sampled_from(["", *shared.ENTRIES.service_tiers]),
        )
        seen = {**call.policy.seen_projects, **draw(st.dictionaries(projects, project, min_size=1))}
        call = call._replace(
            policy=call.policy._replace(projects=Projects("projects.json"), seen_projects=seen)
        )
    return call


def _resolved(before: Call, after: Call, catalogue: Catalogue) -> set[str]:
    """The reason codes of the findings without which the verdict became better; empty if it did not."""
    first, second = (decide(call.facts, catalogue, call.policy) for call in (before, after))
    rank = RANK[second.verdict]
    if rank >= RANK[first.verdict]:
        return {"violation"} if first.violation and not second.violation else set()
    reasons = {finding.reason for finding in first.findings if SEVERITY[finding.verdict] > rank}
    return reasons or {"not_applicable"}


def _decoded(step: Step, value: Any) -> Any:
    """A value of the table, of the step's type."""
    if isinstance(value, dict):
        return decode(step.kind, value)
    return tuple(value) if isinstance(value, list) else value


def _allowed(step: str, value: Any, call: Call) -> set[str]:
    """The reason codes that a step may resolve."""
    return {
        row["resolves"]
        for row in TABLE.get("exception", ())
        if row["step"] == step
        and value in (row.get("only"), value if "only" not in row else None)
        and ("with" not in row or getattr(call.policy, row["with"]))
    }


@shared.quick
@given(call=calls(), catalogue=catalogues, data=st.data())
def test_no_step_makes_a_verdict_better(call: Call, catalogue: Catalogue, data: st.DataObject) -> None:
    """Whatever is added to a call, in whatever order, only what the table lists is resolved."""
    for name in data.draw(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4)):
        step = STEPS[name]
        value = data.draw(step.values)
        after = step.apply(call, value, data.draw(st.integers(0, 3)))
        if after is not None:
            resolved = _resolved(call, after, catalogue)
            allowed = _allowed(name, value, call)
            assert "*" in allowed or resolved <= allowed, (name, value, resolved)
            call = after


def test_every_fact_grows_in_a_step_or_stands_in_the_table() -> None:
    """A new field of the facts needs a step, or a row that says why it has none."""
    classes = [
        each for each in vars(facts_module).values() if isinstance(each, type) and hasattr(each, "_fields")
    ]
    own = [each for each in classes if each.__module__ == facts_module.__name__]
    fields = [f"{each.__name__}.{field}" for each in own for field in each._fields]
    stepped = {name.split()[0] for name in STEPS} - {"Policy.attest"}
    fixed = [row["field"] for row in TABLE["fixed"]]
    assert {"CallFacts", "Answer", "Hop", "BatchLine"} <= {each.__name__ for each in own}
    assert sorted([*stepped, *fixed]) == sorted(fields)
    assert all(row["why"] for row in (*TABLE["fixed"], *TABLE.get("exception", ())))


@pytest.mark.parametrize(
    "row",
    TABLE.get("exception", ()),
    ids=lambda row: f"{row['step']}-{row['resolves']}-{row.get('only', '')}",
)
def test_an_exception_is_needed(row: dict[str, Any]) -> None:
    """Each row has a case whose verdict becomes better for this reason, and for no other."""
    case, step = CASE_BY_ID[row["case"]], STEPS[row["step"]]
    value = _decoded(step, row["only"] if "only" in row else row["value"])
    before = Call(case.facts, case.policy)
    for name, earlier in row.get("after", {}).items():
        grown = STEPS[name].apply(before, _decoded(STEPS[name], earlier), 0)
        assert grown is not None
        before = grown
    after = step.apply(before, value, 0)
    assert after is not None
    resolved = _resolved(before, after, case.catalogue)
    assert resolved
    assert row["resolves"] == "*" or resolved == {row["resolves"]}

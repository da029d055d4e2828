"""What a guard keeps of its decisions is what it would decide again."""

from collections.abc import Iterator
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.policy import Policy
from otel_residency.guard import REMEMBERED, Guard
from otel_residency.settings.load import Settings
from tests.cases import Case
from tests.core.test_properties import anything, cases, facts_of_any_kind, models, policies, quick, tiers
from tests.core.test_properties import hops as hops_of_any_kind

answers = st.builds(
    Answer,
    status=st.one_of(st.none(), st.integers()),
    model=models,
    service_tier=tiers,
    cloud_region=st.one_of(st.none(), anything),
    upstream=st.one_of(st.none(), anything),
    fallbacks=st.booleans(),
    project=st.one_of(st.none(), anything),
    refusal=st.one_of(st.none(), anything),
    provider=st.one_of(st.none(), anything),
)


def changed(facts: CallFacts, other: CallFacts) -> Iterator[CallFacts]:
    """The facts, each of them changed alone, and as they were."""
    yield facts
    for name in CallFacts._fields:
        yield facts._replace(**{name: getattr(other, name)})
    if facts.on < date.max:
        yield facts._replace(on=facts.on + timedelta(1))
    yield facts._replace(unrecorded=not facts.unrecorded)
    yield facts


@quick
@given(facts=facts_of_any_kind, other=facts_of_any_kind, policy=policies)
def test_whatever_is_changed_is_judged_anew(facts: CallFacts, other: CallFacts, policy: Policy) -> None:
    """A guard that has judged similar calls decides as the core does, and tells what belongs to the call."""
    guard = Guard(Settings(policy=policy))
    for each in changed(facts, other):
        judged = guard.judge(each)
        assert judged.decision == decide(each, guard.catalogue, guard.settings.policy), each
        assert judged == Guard._judge(guard, each), each
        assert judged is guard.judge(each)


@quick
@given(case=cases, other=facts_of_any_kind)
def test_a_case_that_is_changed_is_judged_anew(case: Case, other: CallFacts) -> None:
    """The same of the calls of the table, most of which are eligible but for one fact."""
    guard = Guard(Settings(policy=case.policy))
    for each in changed(case.facts, other):
        assert guard.judge(each).decision == decide(each, guard.catalogue, guard.settings.policy), each


@quick
@given(case=cases, other=facts_of_any_kind, hop=hops_of_any_kind, answer=answers, second=answers)
def test_an_answer_that_is_changed_is_judged_anew(
    case: Case, other: CallFacts, hop: Hop, answer: Answer, second: Answer
) -> None:
    """The verdict after the answer is that on all facts, whichever of facts, hops and answer has changed."""
    guard = Guard(Settings(policy=case.policy))
    hop_lists = (case.facts.hops, (hop,), (*case.facts.hops, hop))
    changed_answers = [answer, *(answer._replace(**{name: getattr(second, name)}) for name in Answer._fields)]
    inputs = [
        *((each, hop_lists[0], answer) for each in changed(case.facts, other)),
        *((case.facts, hops, answer) for hops in hop_lists),
        *((case.facts, hop_lists[0], each) for each in changed_answers),
    ]
    for facts, hops, final_answer in inputs:
        whole = facts._replace(hops=hops, answer=final_answer)
        judged = guard.judge_answered(facts, hops, final_answer)
        assert judged.decision == decide(whole, guard.catalogue, guard.settings.policy), whole
        assert judged.facts == whole


def test_what_is_kept_is_bounded() -> None:
    """However many kinds of calls there are, a guard keeps no more than it says."""
    guard = Guard(Settings())
    for number in range(REMEMBERED + 9):
        facts = CallFacts(date(2026, 11, 20), "GET", (Hop("https", "eu.api.openai.com", None, f"/{number}"),))
        guard.judge(facts)
        guard.judge_answered(facts, facts.hops, Answer(200))
    assert guard.judge.cache_info().currsize == REMEMBERED
    assert guard.judge_answered.cache_info().currsize == REMEMBERED

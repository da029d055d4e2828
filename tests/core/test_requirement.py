"""What is required of one call: the policy, the rules for projects, and the requirement of its customer."""

import pytest

from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, CallFacts
from otel_residency.core.policy import Policy
from otel_residency.core.policy_rules import Rule, When
from otel_residency.core.regions import UNREADABLE
from otel_residency.core.verdict import Decision, Verdict
from tests.cases import CASES
from tests.frozen import CATALOGUE

EU = next(case for case in CASES if case.id == "eu: listed snapshot, everything attested")
US = EU.facts._replace(hops=(EU.facts.hops[0]._replace(host="us.api.openai.com"),))
NONE = EU.policy._replace(require=())


def judged(facts: CallFacts, policy: Policy, *groups: tuple[str, ...]) -> Decision:
    """The decision on a call for which `groups` are required."""
    return decide(facts._replace(required=groups), CATALOGUE, policy)


def test_without_a_policy_the_groups_alone_are_required() -> None:
    """The requirement of a customer makes violations where the policy has none."""
    kept, broken = judged(EU.facts, NONE, ("eu", "gb")), judged(US, NONE, ("eu", "gb"))
    assert (kept.verdict, kept.violation, kept.required) == (Verdict.ELIGIBLE, False, ("eu", "gb"))
    assert (broken.reasons, broken.violation) == (("host.region_mismatch",), True)


def test_the_groups_narrow_the_policy() -> None:
    """The regions that are left are those of the policy, in its order, that stand in every group."""
    policy = EU.policy._replace(require=("us", "gb", "eu"))
    decision = judged(US, policy, ("eu", "gb"), ("eu", "jp"))
    assert (decision.required, decision.reasons) == (("eu",), ("host.region_mismatch",))


@pytest.mark.parametrize("facts", [EU.facts, US], ids=["eu", "us"])
def test_what_contradicts_the_policy_is_a_violation_wherever_the_call_goes(facts: CallFacts) -> None:
    """A requirement from outside can't loosen the policy: the US under an EU policy is a conflict."""
    decision = judged(facts, EU.policy, ("us",))
    assert (decision.reasons[0], decision.violation, decision.required) == ("requirement.conflict", True, ())
    assert decision.findings[0].detail == "eu and us are required at once"


def test_a_requirement_of_nothing_is_a_conflict() -> None:
    """An empty group allows no region."""
    decision = judged(EU.facts, NONE, ())
    assert (decision.reasons, decision.violation) == (("requirement.conflict",), True)


@pytest.mark.parametrize(
    "group", [UNREADABLE, ("mars-secret",), ("eu", "mars-secret"), ("global",), ("unknown",)]
)
@pytest.mark.parametrize("policy", [NONE, EU.policy], ids=["none", "eu"])
def test_an_unknown_code_is_a_violation_and_is_not_repeated(policy: Policy, group: tuple[str, ...]) -> None:
    """A code outside the catalogue is never met, even next to a valid one; its text is not repeated."""
    decision = judged(EU.facts, policy, group)
    assert (decision.reasons, decision.verdict) == (("requirement.unknown",), Verdict.INELIGIBLE)
    assert decision.violation
    assert decision.required == policy.require
    assert "secret" not in str(decision)


def test_what_carries_no_content_is_no_violation() -> None:
    """A list of models may be read under any requirement."""
    hop = EU.facts.hops[0]._replace(path="/v1/models", payload=False)
    facts = EU.facts._replace(method="GET", hops=(hop,), model=None)
    decision = judged(facts, EU.policy, ("us",))
    assert (decision.verdict, decision.violation) == (Verdict.NOT_APPLICABLE, False)


def test_one_host_without_region_serves_one_geography() -> None:
    """Where no prefix was needed, the policy names whose storage it is; a customer's requirement does not."""
    name = "default host in February 2026: japanese project geography attested"
    storage = next(case for case in CASES if case.id == name)
    policy = storage.policy._replace(require=("jp", "au"))
    assert judged(storage.facts, policy, ("au", "jp")).verdict is Verdict.ELIGIBLE
    without_requirement = policy._replace(require=())
    for refused in (
        judged(storage.facts, policy, ("au",)),
        judged(storage.facts, without_requirement, ("jp",)),
    ):
        assert (refused.reasons[0], refused.violation) == ("host.global", True)


RULES = EU.policy._replace(
    rule=(Rule(When(project="proj_us"), ("us",)), Rule(When(project="proj_us"), ("jp",), "storage"))
)


@pytest.mark.parametrize(
    ("requested", "answered", "required", "reasons"),
    [
        (None, None, ("eu",), ["host.region_mismatch"]),
        ("proj_us", None, ("us",), []),
        ("proj_eu", None, ("eu",), ["host.region_mismatch"]),
        (None, "proj_us", (), ["host.region_mismatch", "requirement.conflict"]),
        ("proj_us", "proj_us", ("us",), []),
        ("proj_us", "proj_eu", (), ["project.changed", "requirement.conflict"]),
        ("proj_eu", "proj_us", (), ["host.region_mismatch", "project.changed", "requirement.conflict"]),
    ],
)
def test_the_rule_of_the_project_holds(
    *, requested: str | None, answered: str | None, required: tuple[str, ...], reasons: list[str]
) -> None:
    """The first rule for the requested project holds; that of the one that answered only tightens it."""
    decision = judged(US._replace(project=requested, answer=Answer(project=answered)), RULES)
    assert (decision.required, decision.violation) == (required, bool(reasons))
    assert sorted(decision.reasons) == reasons


def test_each_project_that_a_response_names_tightens_the_requirement() -> None:
    """A header that is repeated counts by its worst, in whatever order."""
    for first, second in (("proj_us", "proj_eu"), ("proj_eu", "proj_us")):
        answer = Answer(project=first, also=(("project", second),))
        decision = judged(US._replace(project="proj_us", answer=answer), RULES)
        assert (decision.required, decision.violation) == ((), True)


def test_a_customer_narrows_the_rule_of_the_project() -> None:
    """The requirement of a customer tightens the one in force."""
    decision = judged(US._replace(project="proj_us"), RULES, ("eu",))
    assert (decision.reasons, decision.violation) == (("requirement.conflict",), True)

"""What a policy says for some time only: terms and exceptions that have ended, or are about to."""

from datetime import date, timedelta

from otel_residency.core.policy import Policy
from otel_residency.core.shown import shown_name
from otel_residency.settings.rule_checks import name_of_rule

_NOTICE = timedelta(days=30)


def ending_terms(policy: Policy, today: date) -> list[str]:
    """What to say about terms of `[attest]` that have ended, or end within thirty days."""
    return [
        note
        for name, each in policy.attest.items()
        for note in _ending(f"attest.{shown_name(name)}", each.until, today, "is not stated")
    ]


def ending_exceptions(policy: Policy, today: date) -> list[str]:
    """The same about exceptions."""
    return [
        note
        for each in policy.exception
        for name in (f"{name_of_rule(each)} ({shown_name(each.owner)})",)
        for note in _ending(name, each.until, today, "is not in effect")
    ]


def _ending(name: str, until: date | None, today: date, consequence: str) -> list[str]:
    if until is None or today < until - _NOTICE:
        return []
    return [f"{name}: ended on {until} and {consequence}" if until < today else f"{name}: ends on {until}"]

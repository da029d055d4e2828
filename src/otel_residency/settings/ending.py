"""What a policy states for some time only: terms that have ended, or are about to."""

from datetime import date, timedelta

from otel_residency.core.policy import Policy

_NOTICE = timedelta(days=30)


def ending_terms(policy: Policy, today: date) -> list[str]:
    """What to say about terms of `[attest]` that have ended, or end within thirty days."""
    return [
        f"attest.{name}: "
        + (f"ended on {each.until} and is not stated" if each.until < today else f"ends on {each.until}")
        for name, each in policy.attest.items()
        if each.until is not None and each.until - _NOTICE <= today
    ]

"""What a policy states for some time only."""

from datetime import date

from otel_residency.core.policy import Policy, Statement
from otel_residency.settings.ending import ending_terms

POLICY = Policy(attest={"zdr": Statement(value=True, until=date(2027, 3, 1)), "other": Statement(value=True)})


def test_the_end_of_a_term_is_announced_thirty_days_ahead() -> None:
    """Nothing is said before that; on its last day the term still ends, and afterwards it has ended."""
    assert ending_terms(POLICY, date(2027, 1, 29)) == []
    assert ending_terms(POLICY, date(2027, 1, 30)) == ["attest.zdr: ends on 2027-03-01"]
    assert ending_terms(POLICY, date(2027, 3, 1)) == ["attest.zdr: ends on 2027-03-01"]
    assert ending_terms(POLICY, date(2027, 3, 2)) == ["attest.zdr: ended on 2027-03-01 and is not stated"]

"""Rules for the table that judges a call: how old it is, what follows it, and what it inherits."""

from collections.abc import Iterator
from datetime import date

from otel_residency.core.catalogue import Catalogue
from otel_residency.core.policy import Policy
from otel_residency.core.revision import Revision
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, Finding

STALE_AFTER = 60
"""Days after a table was last seen from which verdicts note that it may be outdated."""


def age_findings(catalogue: Catalogue, policy: Policy, day: date) -> Iterator[Finding]:
    """Whether the table of `day` is missing, too old, or was followed by one that may have held by then."""
    revision = catalogue.revision_on(day)
    if revision is None:
        yield Finding("catalogue.no_revision", INDETERMINATE, f"no table covers {day}")
        return
    age, seen = catalogue.age(revision, day), catalogue.known_until(revision)
    if policy.catalogue_max_age is not None and age > policy.catalogue_max_age:
        detail = f"{revision.id} was last seen on {seen}, and is older than the policy allows"
        yield Finding("catalogue.stale", INDETERMINATE, detail)
    elif age > STALE_AFTER:
        yield Finding("catalogue.stale", ELIGIBLE, f"{revision.id} was last seen on {seen}")
    following, seen = catalogue.successor(revision), catalogue.last_seen(revision)
    if following is not None and day > seen:
        detail = f"{revision.id} was last seen on {seen}, {following.id} begins on {following.effective_from}"
        yield Finding("catalogue.gap", ELIGIBLE, detail)


def inherited_findings(revision: Revision | None) -> Iterator[Finding]:
    """Whether the table shows a part only, and the rest is that of an older one."""
    if revision is not None and revision.inherits is not None:
        detail = f"{revision.id} inherits from {revision.inherits} what it does not show itself"
        yield Finding("catalogue.inherited", ELIGIBLE, detail)

"""The catalogue: which table is in force today, and since when nobody has looked at the vendor's."""

from collections.abc import Iterator
from datetime import date

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.seen import Seen
from otel_residency.core.decide import STALE_AFTER

_CURE = "Update the package, or supply the current table by OTEL_RESIDENCY_CATALOGUE."


def checks(seen: Seen) -> Iterator[Check]:
    """The revision that a call made now is judged by."""
    revision = seen.catalogue.revision_on(seen.today)
    if revision is None:
        yield failure("catalogue.revision", f"no table is known for {seen.today}", _CURE)
        return
    checked = max(seen.catalogue.entries.generated or date.min, revision.effective_from)
    age = (seen.today - checked).days
    pinned = ", pinned" if seen.catalogue.pinned else ""
    found = f"{revision.id}{pinned}, checked {checked}, {age} days ago"
    limit = seen.settings.policy.catalogue_max_age
    if limit is not None and age > limit:
        yield failure("catalogue.revision", f"{found}; the policy allows {limit}", _CURE)
    elif age > STALE_AFTER:
        yield warning("catalogue.revision", found, _CURE)
    else:
        yield ok("catalogue.revision", found)

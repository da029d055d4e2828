"""What a call hands to the ledger when it ends. It stands alone, so that calls import nothing else of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from otel_residency.guard import Judgement


class RecordedCall(NamedTuple):
    """A call that was made or refused. Made on the path of each call, so no work is done here."""

    started: int
    """In nanoseconds since 1970, UTC, like `ended`."""
    ended: int
    judgement: "Judgement"
    attributes: Mapping[str, Any]
    """The attributes that its span was started with."""
    outcome: Mapping[str, Any]
    """Those that were set when it ended, as far as they differ."""
    span: Any
    """A span of the API, a `ReadableSpan` that has ended, or `None`: only its context is read."""

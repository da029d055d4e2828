"""The facts about one API call that a verdict depends on: requests, body, response, requirements.

Named tuples, not dataclasses: facts are the key of the guard's cache of decisions, and a named tuple is
hashed in C.
"""

from datetime import date
from typing import NamedTuple

from otel_residency.core.regions import Group

BASE_PATH = "/v1"
"""Path of the base URL of a client that is given no other."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
"""By scheme, the port of a URL that names none."""


class Hop(NamedTuple):
    """One HTTP request as it is sent."""

    scheme: str
    host: str
    """The host that the HTTP library connects to, as the library names it.

    It is never parsed from a URL string again: two parsers may read different hosts from one URL.
    """
    port: int | None
    """`None` for the default port of the scheme."""
    path: str
    """The raw path, percent-escapes kept, without the query."""
    host_header: str | None = None
    """The `Host` header or TLS server name, only where it differs from the host that is connected to."""
    payload: bool = False
    """Whether the request has a body."""
    redirected: bool = False
    """Whether this request follows a redirect."""
    route: tuple[tuple[str, str], ...] = ()
    """Routing headers for a gateway: pairs of a kind and a host, a name, or for rules the header's name."""
    refused: bool = False
    """The guard refused this request, which follows a redirect: nothing of it was sent."""


class Answer(NamedTuple):
    """The response, as far as it was read; of what it names more than once, one value."""

    status: int | None = None
    model: str | None = None
    service_tier: str | None = None
    cloud_region: str | None = None
    """The cloud region that a header names, as the cloud writes it."""
    upstream: str | None = None
    """The host that a gateway reports as its upstream."""
    fallbacks: bool = False
    """Whether a gateway reports that it used a fallback."""
    project: str | None = None
    """Id of the vendor's project that the response names."""
    refusal: str | None = None
    """Id of the catalogue's entry for the vendor's residency error, if the response is one."""
    provider: str | None = None
    """The provider that a gateway reports, as it writes the name."""
    also: tuple[tuple[str, str], ...] = ()
    """Other values, of other events, headers or attempts: pairs of one of these fields and a value."""
    unread: bool = False
    """It named more values than are kept."""

    def values(self, field: str) -> tuple[str, ...]:
        """All values of `field`."""
        value: str | None = getattr(self, field)
        return (*filter(None, (value,)), *(other for name, other in self.also if name == field))


class Reference(NamedTuple):
    """An object stored at the vendor that a request names. Its id is not part of the facts."""

    kind: str
    region: str
    """Region of the host at which it was created, or `unknown`."""


MODEL = "model"
"""The key of the model that a request is for: in a session, one event may replace that of another."""


class SecondModel(NamedTuple):
    """A model that does a part of the work of a call, such as the moderation of its prompt."""

    at: str
    """The key that names it, below the key of its object."""
    model: str


class BatchLine(NamedTuple):
    """The part of a line of a batch input file that eligibility depends on."""

    path: str
    model: str | None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    service_tier: str | None = None
    references: frozenset[Reference] = frozenset()
    """Stored objects that the line uses, as in `CallFacts`."""
    unseen: bool = False
    """The line could not be read; the other fields are empty."""
    second_models: frozenset[SecondModel] = frozenset()
    second_tiers: frozenset[str] = frozenset()
    unknown_types: frozenset[str] = frozenset()


UNSEEN_LINE = BatchLine(path="", model=None, unseen=True)


class CallFacts(NamedTuple):
    """One logical API call: its attempts and redirects, and the response."""

    on: date
    """The UTC day of the call; it selects the catalogue revision."""
    method: str
    hops: tuple[Hop, ...]
    """Requests in the order in which they were sent. Before the call: the one about to be sent."""
    base_path: str = BASE_PATH
    """Path of the base URL; a gateway may serve the vendor's paths below another one."""
    model: str | None = None
    service_tier: str | None = None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    body_unseen: bool = False
    """The request has a body that could not be read (an iterator, an unknown encoding)."""
    batch_lines: tuple[BatchLine, ...] | None = None
    """Distinct lines of a batch's input, or of the file that is uploaded for a batch.

    `None`: the call has no such file, or its lines are not known.
    """
    answer: Answer | None = None
    required: tuple[Group, ...] = ()
    """Requirements besides the policy, for the customer that the call serves: each group must hold."""
    project: str | None = None
    """The vendor's project that a header of the request names."""
    references: frozenset[Reference] = frozenset()
    """Stored objects that the request uses.

    One that only the path or the model names is left out where its region is unknown: the request then
    brings no content that the host did not have.
    """
    unrecorded: bool = False
    """The policy requires a ledger record, and none could be written when the call was to be sent."""
    second_models: frozenset[SecondModel] = frozenset()
    second_tiers: frozenset[str] = frozenset()
    """Service tiers that the request asks for besides its own, for a part of the work."""
    unknown_types: frozenset[str] = frozenset()
    """Types of parts, items and parameters of the request that the catalogue does not know."""

"""What was seen of one call, without an opinion.

Named tuples, not dataclasses: facts are the key under which an edge remembers a decision, and a named
tuple hashes in C.
"""

from datetime import date
from typing import NamedTuple

from otel_residency.core.regions import Group

BASE_PATH = "/v1"
"""Path of the base URL of a client that was told of no other."""


DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
"""By scheme, the port of a URL that names none."""


class Hop(NamedTuple):
    """One HTTP request as it goes on the wire."""

    scheme: str
    host: str
    """The host that the HTTP library dials, as it names it; never re-parsed from a URL string."""
    port: int | None
    """`None` is the default port of the scheme."""
    path: str
    """The raw path, percent-escapes kept, without the query."""
    host_header: str | None = None
    """Its `Host` header and its name in TLS, only where they name another host than the one dialled."""
    payload: bool = False
    """Whether a request body goes along."""
    redirected: bool = False
    """Whether a redirect answer, not the client, chose this request."""
    route: tuple[tuple[str, str], ...] = ()
    """What headers tell a gateway of where to send it on to: each a kind, and a host, a name or, of rules,
    the header."""


class Answer(NamedTuple):
    """What came back, as far as it was read."""

    status: int | None = None
    model: str | None = None
    service_tier: str | None = None
    cloud_region: str | None = None
    """Region of a cloud that a header names, as the cloud writes it."""
    upstream: str | None = None
    """Host that a gateway says it sent the request on to."""
    fallbacks: bool = False
    """Whether a gateway says that it fell back to another back end."""
    project: str | None = None
    """Id of the vendor's project that the answer names."""
    refusal: str | None = None
    """Id of the catalogue's entry for a residency error of the vendor, if the answer is one."""
    provider: str | None = None
    """Who a gateway says has answered, as it writes the name."""


class Reference(NamedTuple):
    """A thing that the vendor stored earlier and that a request names; its id is no part of the facts."""

    kind: str
    region: str
    """Region of the host at which it was created; `unknown` if that was not seen."""


class BatchLine(NamedTuple):
    """The part of a line of a batch input file that eligibility depends on."""

    path: str
    model: str | None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    service_tier: str | None = None
    references: frozenset[Reference] = frozenset()
    """Stored things that the line uses, as in `CallFacts`."""
    unseen: bool = False
    """It is there, and could not be read; the other fields say nothing."""


UNSEEN_LINE = BatchLine("", None, unseen=True)


class CallFacts(NamedTuple):
    """One logical API call: every attempt and redirect of it, and the answer."""

    on: date
    """The UTC day of the call; it selects the catalogue revision."""
    method: str
    hops: tuple[Hop, ...]
    """Requests in the order in which they went out. Before the call: the one about to go."""
    base_path: str = BASE_PATH
    """Path of the base URL; a gateway may serve the vendor's paths below its own."""
    model: str | None = None
    service_tier: str | None = None
    features: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    body_unseen: bool = False
    """A request body exists that could not be read (an iterator, a foreign encoding)."""
    batch_lines: tuple[BatchLine, ...] | None = None
    """Distinct lines of the input of a batch, or of the file that is uploaded for one.

    `None`: no file was seen, and the call uploads none for a batch.
    """
    answer: Answer | None = None
    required: tuple[Group, ...] = ()
    """Asked for besides the policy, of the customer that the call is for: every group must hold."""
    project: str | None = None
    """The vendor's project that a header of the request names."""
    references: frozenset[Reference] = frozenset()
    """Stored things that the request uses. One that is only named by the path or as the model is left out
    where it is not known: nothing comes along that the host did not have.
    """
    unrecorded: bool = False
    """The policy demands that it is recorded, and when it was to go out nothing could be."""

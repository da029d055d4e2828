"""The entries of a catalogue, one class for each kind. The fields are the keys of the data files.

Those of hosts are in `core.host_entries`, those of requests in `core.request_entries`, and those of the
vendor's table in `core.revision`. All are named tuples, not frozen dataclasses: defining these forty classes
takes a fifth of the start-up time.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple

from otel_residency.core.host_entries import (
    BogusHost,
    CloudRegion,
    Deployment,
    Host,
    HostPattern,
    InferenceProfile,
    Network,
    Sender,
    TelemetryHost,
    TelemetryPattern,
)
from otel_residency.core.request_entries import (
    BatchFiles,
    Creation,
    Feature,
    FreeZone,
    PartType,
    PromptCacheDefault,
    SecondModelPlace,
    StoredKind,
    Tool,
)
from otel_residency.core.revision import NOTHING, Retention, Revision, Strings


class Source(NamedTuple):
    """A source of facts, and when it was current."""

    kind: str
    title: str
    observed: str
    url: str | None = None
    ref: str | None = None
    note: str | None = None
    citation: str | None = None
    """Publisher, title and address, and the day of the copy if a copy was read."""
    last_seen: date | None = None
    """The last day on which a table was read again and had not changed."""

    @property
    def cited(self) -> str:
        """The source as a complete citation."""
        if self.citation:
            return self.citation
        parts = ", ".join(filter(None, (self.title, self.kind, self.url or self.ref)))
        return f"{parts}. Observed: {self.observed}."


class Endpoint(NamedTuple):
    """A path of the vendor's API, with placeholders for ids."""

    path: str
    methods: Strings
    model_at: Strings = ()
    """Dotted paths into the body of a POST at which the model is named."""
    image_input: bool = False
    also: Strings = ()
    """Other services that the same endpoint offers; the models of their rows may be used too."""


class ContentFree(NamedTuple):
    """A request that carries no customer content."""

    method: str
    path: str
    below: bool = False


class BasePath(NamedTuple):
    """Where a provider serves the paths that the vendor serves below /v1."""

    provider: str
    path: str


class EvidenceHeader(NamedTuple):
    """A response header with evidence of where a call was processed."""

    header: str
    shows: Literal[
        "request_id", "project", "organization", "edge", "azure_region", "upstream", "fallbacks", "provider"
    ]
    source: str
    after_last: str | None = None
    """Only the part after the last of these characters is used."""
    url: bool = False
    """The value is a URL, of which only the host is used."""
    nothing: Strings = ()
    """Values that stand for no value."""


class RouteHeader(NamedTuple):
    """A request header that tells a gateway where to route a request."""

    header: str
    shows: Literal["upstream", "provider", "aws_region", "location", "rules"]
    """The kind of value: `upstream` is a URL, of which only the host is used; `rules` are not read."""
    source: str


class Attestation(NamedTuple):
    """A contract term with the vendor that a policy can state."""

    name: str
    meaning: str
    shown_by: Literal["residency", "retention"] | None = None
    """The setting of a project that shows whether it holds; for `retention`, the type of this name."""
    contains: Strings = ()
    """Terms that hold wherever this one does."""
    column: Literal["zdr", "private"] | None = None
    """The column of the retention table with the services that it covers; `None` for all."""


class ProjectResidency(NamedTuple):
    """A value of the `residency` of a project in the vendor's Admin API."""

    name: str
    region: str
    """A region code, or `global`."""
    source: str
    processing: bool = True
    """Whether it covers processing as well as storage."""
    other_hosts_since: date | None = None
    """The day from which its keys may be used on hosts of other regions, with approval."""


class Alias(NamedTuple):
    """A model name without a date, which the vendor may point to another snapshot."""

    alias: str
    source: str
    family: Strings = ()
    """The models that it may stand for, besides those of its own name with a date. Empty: not known."""


class Spelling(NamedTuple):
    """How the vendor's answers write the id of a model that its tables list."""

    model: str
    answered: str
    observed: str
    """When it was answered so."""
    source: str


class FirstSeen(NamedTuple):
    """A day on which a model that no table lists was known."""

    model: str
    on: date
    source: str


class RetiredModel(NamedTuple):
    """The day from which the vendor no longer serves a model."""

    model: str
    on: date
    source: str


class RetiredEndpoint(NamedTuple):
    """The day from which the vendor no longer serves a path and the paths below it."""

    path: str
    on: date
    source: str


class Refusal(NamedTuple):
    """An error of the vendor that says that host and project do not match."""

    id: str
    status: int
    meaning: str
    source: str
    code: str | None = None
    type: str | None = None
    message: str | None = None
    where: str | None = None


class ClientRegions(NamedTuple):
    """The region names that a release of the client accepts."""

    client: str
    regions: Strings
    source: str


class Entries(NamedTuple):
    """All sections of a catalogue: the shipped files together, or a user's file."""

    schema_version: int = 1
    generated: date | None = None
    sources: Mapping[str, Source] = NOTHING
    hosts: tuple[Host, ...] = ()
    host_patterns: tuple[HostPattern, ...] = ()
    cloud_regions: tuple[CloudRegion, ...] = ()
    inference_profiles: tuple[InferenceProfile, ...] = ()
    senders: tuple[Sender, ...] = ()
    telemetry_hosts: tuple[TelemetryHost, ...] = ()
    telemetry_patterns: tuple[TelemetryPattern, ...] = ()
    networks: tuple[Network, ...] = ()
    bogus_hosts: tuple[BogusHost, ...] = ()
    confusables: Mapping[str, str] = NOTHING
    """Letters that look like a letter of a listed host, and that letter."""
    confusables_source: str | None = None
    revisions: tuple[Revision, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    endpoints_source: str | None = None
    without_content: tuple[ContentFree, ...] = ()
    without_content_source: str | None = None
    never_listed: Strings = ()
    base_paths: tuple[BasePath, ...] = ()
    features: tuple[Feature, ...] = ()
    features_source: str | None = None
    part_types: tuple[PartType, ...] = ()
    plain_types: Strings = ()
    """Types of parts, items and parameters from which nothing follows."""
    report_types: Strings = ()
    """Types of items that report an earlier call: the stored things that they name are not read again."""
    tool_keys: Strings = ()
    """Keys with a list of tools or a single tool."""
    tool_choice_keys: Strings = ()
    """Keys that choose among the tools of the request, and add none."""
    model_keys: Strings = ()
    """Keys that name a model."""
    second_models: tuple[SecondModelPlace, ...] = ()
    free_zones: tuple[FreeZone, ...] = ()
    own_keys: tuple[FreeZone, ...] = ()
    """Objects with keys of the user's own, and values of the vendor's."""
    last_events: Strings = ()
    """Types of stream events after which no event names the model."""
    state_source: str | None = None
    stored_kinds: tuple[StoredKind, ...] = ()
    creations: tuple[Creation, ...] = ()
    file_reference_row: str | None = None
    scale_tier_row: str | None = None
    service_tiers: Strings = ()
    """Service tiers that are offered unless a rule excludes them."""
    tools: tuple[Tool, ...] = ()
    prompt_cache_default: PromptCacheDefault | None = None
    batch_files: BatchFiles | None = None
    attestations: tuple[Attestation, ...] = ()
    attestations_source: str | None = None
    aliases: tuple[Alias, ...] = ()
    first_seen: tuple[FirstSeen, ...] = ()
    spellings: tuple[Spelling, ...] = ()
    retired_models: tuple[RetiredModel, ...] = ()
    retired_endpoints: tuple[RetiredEndpoint, ...] = ()
    retired_note: str | None = None
    refusals: tuple[Refusal, ...] = ()
    evidence_headers: tuple[EvidenceHeader, ...] = ()
    route_headers: tuple[RouteHeader, ...] = ()
    provider_names: Mapping[str, str] = NOTHING
    """The names that gateways use for a provider, and the catalogue's name."""
    provider_names_source: str | None = None
    deployments: tuple[Deployment, ...] = ()
    deployment_source: str | None = None
    deployment_rule: str | None = None
    deployment_evidence: str | None = None
    deployment_config: Strings = ()
    client_regions: tuple[ClientRegions, ...] = ()
    project_residency: tuple[ProjectResidency, ...] = ()
    zero_data_retention_removed: tuple[Retention, ...] = ()
    zero_data_retention_source: str | None = None
    zero_data_retention_note: str | None = None

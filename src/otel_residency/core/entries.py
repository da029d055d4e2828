"""What a catalogue holds, one class per kind of entry. The fields are the keys of the data files.

Named tuples: forty frozen classes that are created in a fifth of the time dataclasses take.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Strings = tuple[str, ...]
Needs = tuple[tuple[str, ...], ...]
"""Attestations that must hold: every group, and of each group at least one."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Source(NamedTuple):
    """Where a fact was read, and when that text was current."""

    kind: str
    title: str
    observed: str
    url: str | None = None
    ref: str | None = None
    note: str | None = None
    citation: str | None = None
    """Who published it, what it is called and where it stands, whether a copy was read, and of which day."""

    @property
    def cited(self) -> str:
        """The source as a reader can follow it up, without any other source beside it."""
        if self.citation:
            return self.citation
        what = ", ".join(filter(None, (self.title, self.kind, self.url or self.ref)))
        return f"{what}. Observed: {self.observed}."


class HostPeriod(NamedTuple):
    """What a host meant for a while. More than one region: the sources of that time disagree."""

    regions: Strings
    why: str
    since: date | None = None
    until: date | None = None


class Host(NamedTuple):
    """A host that is matched by equality. No region: the name alone does not tell one."""

    host: str
    provider: str
    regions: Strings
    sources: Strings
    kind: Literal["api", "azure-private-link", "sip", "control-plane", "not-api", "loopback", "local"] = "api"
    since: date | None = None
    periods: tuple[HostPeriod, ...] = ()
    storage: str | None = None
    processing: str | None = None
    notes: str | None = None


class HostPattern(NamedTuple):
    """A family of hosts, matched on whole labels.

    `*` as the first label stands for one or more labels, `{name}` for one label or for the rest of a
    label beside literal text.
    """

    pattern: str
    provider: str
    regions: Strings
    sources: Strings
    region_from: Literal["policy", "label", "nothing"] = "nothing"
    kind: Literal["api", "local"] = "api"
    behind: str | None = None
    """Provider to name in a policy, for a gateway; whoever is behind it."""
    notes: str | None = None


class Sender(NamedTuple):
    """A program that sends prompts to a back end of its own, past base URLs and OpenTelemetry's exporters."""

    name: str
    paths: Strings
    """Paths of its requests, ids as placeholders."""
    fix: str
    sources: Strings
    host: str | None = None
    """A host of the vendor that it sends to."""
    operator: str | None = None
    """Or the operator of the back end, whose hosts and regions stand under `telemetry_hosts`."""


class TelemetryHost(NamedTuple):
    """A host that takes telemetry, matched by equality. No region: its documentation does not tell one."""

    host: str
    operator: str
    regions: Strings
    """Region codes of the vendor's table, or `other` for a country that none of them stands for."""
    sources: Strings
    notes: str | None = None


class TelemetryPattern(NamedTuple):
    """A family of hosts that take telemetry, matched on whole labels as a `HostPattern` is."""

    pattern: str
    operator: str
    regions: Strings
    sources: Strings
    notes: str | None = None


class Network(NamedTuple):
    """A range of addresses that do not leave the machine (loopback) or the organization (private)."""

    network: str
    kind: Literal["loopback", "private"]


class BogusHost(NamedTuple):
    """A host that somebody takes for an endpoint of the vendor and that no official source names."""

    host: str
    claimed: str
    claimed_by: str
    truth: str
    severity: Literal["critical", "high", "medium"]
    status: Literal["bogus", "lookalike"]
    sources: Strings


class RegionTerms(NamedTuple):
    """What one revision says about one region."""

    name: str
    host: str
    storage: Literal["yes", "no"]
    processing: Literal["yes", "no", "models-unknown"]
    prefix_required: bool
    modes: Strings
    needs: Needs
    image_needs: Needs


class Row(NamedTuple):
    """One row of the vendor's table. `models=None`: the row holds for the service, whatever the model."""

    id: str
    services: Strings
    storage: Strings
    processing: Strings
    kind: Literal["endpoint", "feature", "modalities"] = "endpoint"
    models: Strings | None = None
    model_regions: Mapping[str, Strings] = NOTHING
    """Models that the row lists for these regions only."""
    processing_models: Mapping[str, Strings] = NOTHING
    """Regions in which only these models are processed."""
    values: Strings = ()
    footnote_values: Mapping[str, Strings] = NOTHING
    note: str | None = None
    processing_note: str | None = None


class FeatureRule(NamedTuple):
    """A footnote: this feature, on this service, in these regions, has this verdict."""

    service: str
    feature: str
    reason: str
    verdict: Literal["conditional", "indeterminate", "ineligible"]
    text: str
    regions: Strings = ()
    outside_regions: Strings = ()
    without_processing: bool = False
    unless: Strings = ()


class TierRule(NamedTuple):
    """A footnote on service tiers. No `models`: all of them; no `regions`: every region."""

    text: str
    models: Strings = ()
    services: Strings = ()
    regions: Strings = ()
    tier: str | None = None
    denied_tiers: Strings = ()
    allowed_tiers: Strings = ()
    allowed_regions: Strings = ()


class Revision(NamedTuple):
    """The vendor's table as one dated copy shows it."""

    id: str
    effective_from: date
    source: str
    completeness: str
    translated: str
    observed_until: date | None = None
    effective_from_note: str | None = None
    superseded_by: str | None = None
    inherits: str | None = None
    """Revision whose regions, rows and rules hold where this one has none of its own."""
    regions: Mapping[str, RegionTerms] = NOTHING
    rows: tuple[Row, ...] = ()
    feature_rules: tuple[FeatureRule, ...] = ()
    tier_rules: tuple[TierRule, ...] = ()
    footnotes: Mapping[str, str] = NOTHING
    conditions: Strings = ()
    pricing: str | None = None
    models_unknown: Strings = ()
    """Models seen elsewhere of which this partial copy does not say whether they are listed."""
    known_changes: Strings = ()
    not_listed_examples: Strings = ()
    notes: Strings = ()


class Endpoint(NamedTuple):
    """A path of the vendor's API with its ids as placeholders, for names of low cardinality."""

    path: str
    methods: Strings
    model_at: Strings = ()
    """Where a POST names its model, as dotted paths into the body."""
    image_input: bool = False


class ContentFree(NamedTuple):
    """A request that carries no customer content."""

    method: str
    path: str
    below: bool = False


class BasePath(NamedTuple):
    """Where a provider serves the paths that the vendor serves below /v1."""

    provider: str
    path: str


class Feature(NamedTuple):
    """How a feature shows in a request body."""

    feature: str
    at: Strings
    value: str
    """`truthy`, `false`, or the exact string that must stand there."""


class PartType(NamedTuple):
    """A typed part of a prompt that is a feature of its own."""

    type: str
    feature: str


class Tool(NamedTuple):
    """A tool type: run by the caller, or by the vendor under a row of the table."""

    type: str
    runs: Literal["client", "vendor"] = "vendor"
    row: str | None = None
    third_party: bool = False


class StoredKind(NamedTuple):
    """A kind of thing that the vendor keeps, and where a request names one by its id."""

    kind: str
    below: Strings = ()
    """Segments of a path that an id follows."""
    at: Strings = ()
    """Dotted paths into a request body; a list stands for each of its items."""
    typed: Mapping[str, Strings] = NOTHING
    """Dotted paths into the parts of a prompt and the tools, by their type."""
    words: Strings = ()
    """Values that may stand in the place of an id and are none."""
    model_prefix: str | None = None
    """How the models begin that are such a thing."""


class Creation(NamedTuple):
    """An endpoint whose answers give the ids of things that the vendor keeps."""

    path: str
    id_at: Strings
    """Dotted paths into the answer; a list stands for each of its items."""
    only: str | None = None
    """Feature without which nothing is kept."""
    unless: str | None = None
    """Feature with which nothing is kept."""
    with_path: bool = False
    """They are where the thing is that the path of the request names."""


class PromptCacheDefault(NamedTuple):
    """From when on extended prompt caching is on without being asked for."""

    since: date
    unless: Strings
    text: str
    source: str


class BatchFiles(NamedTuple):
    """How a file of calls is uploaded and named, and how long the vendor lets it be."""

    purpose: str
    """What an upload says that it is for."""
    input_at: str
    """The key by which a new batch names its file."""
    max_bytes: int
    max_lines: int
    source: str


class EvidenceHeader(NamedTuple):
    """A response header that corroborates where a call went."""

    header: str
    shows: Literal[
        "request_id", "project", "organization", "edge", "azure_region", "upstream", "fallbacks", "provider"
    ]
    source: str
    after_last: str | None = None
    """Only what follows the last one of these characters is looked at."""
    url: bool = False
    """It is a URL, of which only the host is looked at."""
    nothing: Strings = ()
    """Values that say that there is nothing to show."""


class RouteHeader(NamedTuple):
    """A request header by which an application tells a gateway where to send a request on to."""

    header: str
    shows: Literal["upstream", "provider", "aws_region", "location", "rules"]
    """A URL, of which only the host is looked at; a name, of a region as `CloudRegion.names` has it or of a
    provider; or rules, of which nothing is."""
    source: str


class Attestation(NamedTuple):
    """A statement that a contract with the vendor can make."""

    name: str
    meaning: str
    shown_by: Literal["residency", "retention"] | None = None
    """The setting of a project that shows whether it holds: for `retention`, the type of this name."""


class ProjectResidency(NamedTuple):
    """A value of the `residency` that the vendor's Admin API tells of a project."""

    name: str
    region: str
    """A region code, or `global`."""
    source: str
    processing: bool = True
    """Whether processing stays there, too, and not only storage."""
    other_hosts_since: date | None = None
    """The day from which its keys may be used on hosts of other regions, by approval."""


class Alias(NamedTuple):
    """A model name without a date that the vendor may point to another snapshot."""

    alias: str
    source: str
    of: str | None = None


class RetiredModel(NamedTuple):
    """The day from which the vendor no longer serves a model."""

    model: str
    on: date
    source: str


class RetiredEndpoint(NamedTuple):
    """The day from which the vendor no longer serves a path and what is below it."""

    path: str
    on: date
    source: str


class Refusal(NamedTuple):
    """An error by which the vendor says that host and project do not belong together."""

    id: str
    status: int
    meaning: str
    source: str
    code: str | None = None
    type: str | None = None
    message: str | None = None
    where: str | None = None


class Deployment(NamedTuple):
    """A deployment type of a cloud and how far processing may travel under it."""

    provider: str
    name: str
    stays_in: Literal["anywhere", "zone", "region"]
    processing: str
    sku: str | None = None
    zones: Strings = ()
    """Regions that are a zone of their own, for types that stay in a zone."""


class CloudRegion(NamedTuple):
    """A region of a cloud, and the region that it lies in."""

    names: str
    """Whose name it is, by the placeholder of host patterns: `azure_region`, `aws_region`, `location`."""
    name: str
    region: str
    """A region code, or `other` for a country that has none."""
    sources: Strings


class InferenceProfile(NamedTuple):
    """A prefix of model ids that lets a cloud send a request on to other regions of its own."""

    provider: str
    prefix: str
    """What stands before the first dot of the id."""
    zones: Strings
    """The regions that a request may reach; empty: any."""
    sources: Strings


class ClientRegions(NamedTuple):
    """The region names that a release of the client knows."""

    client: str
    regions: Strings
    source: str


class Retention(NamedTuple):
    """What the vendor keeps of a service's data, and whether Zero Data Retention covers it."""

    service: str
    abuse: str
    state: str
    zdr: str
    last_seen: str | None = None


class Entries(NamedTuple):
    """Everything a catalogue is made of: the shipped files together, or a user's file."""

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
    """Letters of other scripts, and the letter of a listed host that each one looks like."""
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
    prompt_at: Strings = ()
    """Keys of a request body below which typed parts of a prompt stand."""
    tool_keys: Strings = ()
    """Keys of a request body that hold a list of tools, or are a tool themselves."""
    file_part_types: Strings = ()
    file_reference_keys: Strings = ()
    socket_events: Strings = ()
    """Types of events that a client sends over a socket to say which model and features it wants."""
    last_events: Strings = ()
    """Types of stream events after which nothing is said of the model any more."""
    state_source: str | None = None
    stored_kinds: tuple[StoredKind, ...] = ()
    creations: tuple[Creation, ...] = ()
    file_reference_row: str | None = None
    scale_tier_row: str | None = None
    service_tiers: Strings = ()
    """Tiers that are offered wherever no rule says otherwise."""
    tools: tuple[Tool, ...] = ()
    prompt_cache_default: PromptCacheDefault | None = None
    batch_files: BatchFiles | None = None
    attestations: tuple[Attestation, ...] = ()
    attestations_source: str | None = None
    aliases: tuple[Alias, ...] = ()
    retired_models: tuple[RetiredModel, ...] = ()
    retired_endpoints: tuple[RetiredEndpoint, ...] = ()
    retired_note: str | None = None
    refusals: tuple[Refusal, ...] = ()
    evidence_headers: tuple[EvidenceHeader, ...] = ()
    route_headers: tuple[RouteHeader, ...] = ()
    provider_names: Mapping[str, str] = NOTHING
    """What gateways call a provider, to what the catalogue calls it."""
    provider_names_source: str | None = None
    deployments: tuple[Deployment, ...] = ()
    deployment_source: str | None = None
    deployment_rule: str | None = None
    deployment_evidence: str | None = None
    deployment_config: Strings = ()
    client_regions: tuple[ClientRegions, ...] = ()
    project_residency: tuple[ProjectResidency, ...] = ()
    zero_data_retention: tuple[Retention, ...] = ()
    zero_data_retention_removed: tuple[Retention, ...] = ()
    zero_data_retention_source: str | None = None
    zero_data_retention_note: str | None = None

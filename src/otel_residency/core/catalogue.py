"""The catalogue: its entries, indexed for look-ups by exact value and by date."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from otel_residency.core.entries import (
    Alias,
    Attestation,
    BasePath,
    Endpoint,
    Entries,
    ProjectResidency,
)
from otel_residency.core.host_entries import (
    BogusHost,
    Deployment,
    Host,
    HostPattern,
    InferenceProfile,
    Sender,
    TelemetryHost,
    TelemetryPattern,
)
from otel_residency.core.revision import Revision, Row

if TYPE_CHECKING:
    from otel_residency.core.request_entries import SecondModelPlace, Tool

T = TypeVar("T")

_DATED = re.compile(r"(.+)-(?:\d{4}-\d{2}-\d{2}|\d{4})")


def undated(model: str) -> str | None:
    """The name of a snapshot without its date, or `None` for an id without one."""
    dated = _DATED.fullmatch(model)
    return dated[1] if dated else None


def path_segments(path: str) -> tuple[str, ...]:
    """`/v1/files` as `("v1", "files")`."""
    return tuple(path.removeprefix("/").split("/"))


class Catalogue:
    """The entries and their indexes. It is not changed after construction; look-ups are by equality only."""

    def __init__(self, entries: Entries, *, pinned: str | None = None) -> None:
        """Index `entries`; `pinned` is the id of a revision to use for every day."""
        self.entries = entries
        self.pinned = pinned
        self.revisions: tuple[Revision, ...] = tuple(
            sorted(_inherited(entries.revisions), key=lambda revision: (revision.effective_from, revision.id))
        )
        self.region_codes: frozenset[str] = frozenset(
            code for revision in self.revisions for code in revision.regions
        )
        self.hosts: Mapping[str, Host] = _by(entries.hosts, "host")
        self.bogus_hosts: Mapping[str, BogusHost] = _by(entries.bogus_hosts, "host")
        self.patterns: tuple[tuple[HostPattern, tuple[str, ...]], ...] = tuple(
            (pattern, tuple(pattern.pattern.split("."))) for pattern in entries.host_patterns
        )
        self.telemetry_hosts: Mapping[str, TelemetryHost] = _by(entries.telemetry_hosts, "host")
        self.cloud_regions: Mapping[tuple[str, str], str] = {
            (each.names, each.name): each.region for each in entries.cloud_regions
        }
        self.inference_profiles: Mapping[tuple[str, str], InferenceProfile] = {
            (each.provider, each.prefix): each for each in entries.inference_profiles
        }
        self.senders: Mapping[str, tuple[tuple[tuple[str, ...], Sender], ...]] = _senders(entries)
        self.telemetry_patterns: tuple[tuple[TelemetryPattern, tuple[str, ...]], ...] = tuple(
            (pattern, tuple(pattern.pattern.split("."))) for pattern in entries.telemetry_patterns
        )
        self.networks: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
            (ip_network(entry.network), entry.kind) for entry in entries.networks
        )
        self.confusables: Mapping[int, str] = MappingProxyType(
            {ord(letter): looks for letter, looks in entries.confusables.items()}
        )
        self.tools: Mapping[str, Tool] = _by(entries.tools, "type")
        self.second_models: Mapping[str, SecondModelPlace] = _by(entries.second_models, "at")
        self.attestations: Mapping[str, Attestation] = _by(entries.attestations, "name")
        self.aliases: Mapping[str, Alias] = _by(entries.aliases, "alias")
        self.spellings: Mapping[str, str] = MappingProxyType(
            {entry.answered.lower(): entry.model.lower() for entry in entries.spellings}
        )
        self.deployments: Mapping[tuple[str, str], Deployment] = MappingProxyType(
            {(entry.provider, entry.sku): entry for entry in entries.deployments if entry.sku}
        )
        self.project_residency: Mapping[str, ProjectResidency] = _by(entries.project_residency, "name")
        self.retired_models: Mapping[str, date] = MappingProxyType(
            {entry.model.lower(): entry.on for entry in entries.retired_models}
        )
        self.retired_endpoints: tuple[tuple[tuple[str, ...], date], ...] = tuple(
            (path_segments(entry.path), entry.on) for entry in entries.retired_endpoints
        )
        self._endpoints: dict[int, list[tuple[tuple[str, ...], Endpoint]]] = {}
        for endpoint in entries.endpoints:
            segments = path_segments(endpoint.path)
            self._endpoints.setdefault(len(segments), []).append((segments, endpoint))
        self._base_paths: tuple[tuple[tuple[str, ...], BasePath], ...] = tuple(
            sorted(
                ((path_segments(base.path), base) for base in entries.base_paths),
                key=lambda base: -len(base[0]),
            )
        )
        self._rows: dict[str, tuple[tuple[tuple[str, ...], Row], ...]] = {
            revision.id: tuple(
                (path_segments(service), row)
                for row in revision.rows
                if row.kind == "endpoint"
                for service in row.services
            )
            for revision in self.revisions
        }
        self._retention: dict[str, Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]] = {
            revision.id: {column: _column(revision, column) for column in ("zdr", "private")}
            for revision in self.revisions
        }

    def revision_on(self, day: date) -> Revision | None:
        """The revision in force on `day`: the pinned one, else the newest one that begins on or before it."""
        if self.pinned is not None:
            return next((r for r in self.revisions if r.id == self.pinned), None)
        begun = [revision for revision in self.revisions if revision.effective_from <= day]
        return begun[-1] if begun else None

    def ancestry(self, name: str) -> Iterator[Revision]:
        """The revision `name` as written in its file, then the one that it inherits from, and so on."""
        files = {revision.id: revision for revision in self.entries.revisions}
        while (found := files.pop(name, None)) is not None:
            yield found
            name = found.inherits or ""

    def host_of(self, region: str, day: date) -> str:
        """The vendor's host for `region` by the revision in force on `day`; `""` if it names none."""
        revision = self.revision_on(day)
        terms = revision.regions.get(region) if revision is not None else None
        return terms.host if terms is not None else ""

    def last_seen(self, revision: Revision) -> date:
        """The last day on which `revision` was seen to be the vendor's table."""
        source = self.entries.sources.get(revision.source)
        again = source.last_seen if source is not None else None
        return max(revision.effective_from, revision.observed_until or date.min, again or date.min)

    def known_until(self, revision: Revision) -> date:
        """The last day on which the table was seen whose rows judge calls by `revision`."""
        # A revision that inherits its rows does not show that they are still in force.
        return self.last_seen(next((each for each in self.ancestry(revision.id) if each.rows), revision))

    def age(self, revision: Revision, day: date) -> int:
        """How many days before `day` that table was last seen."""
        return (day - self.known_until(revision)).days

    def successor(self, revision: Revision) -> Revision | None:
        """The next revision after this one."""
        return next((each for each in self.revisions if each.effective_from > revision.effective_from), None)

    def newest_complete(self, revision: Revision) -> Revision | None:
        """The newest complete table that is no newer than `revision`."""
        begun = [each for each in self.revisions if each.effective_from <= revision.effective_from]
        return next((each for each in reversed(begun) if each.is_complete), None)

    def was_known(self, model: str, day: date) -> bool:
        """Whether `model`, in lower case, had been named by `day`, in a table or elsewhere."""
        return any(each.on <= day and each.model.lower() == model for each in self.entries.first_seen) or any(
            revision.effective_from <= day and model in (name.lower() for name in row.models or ())
            for revision in self.entries.revisions
            for row in revision.rows
        )

    def coverage(self, revision: Revision, term: str, segments: tuple[str, ...]) -> str:
        """Whether a contract term covers an endpoint: begins with `yes` or `no`, or `to be confirmed`."""
        attestation = self.attestations.get(term)
        column = attestation.column if attestation is not None else None
        values = self._retention[revision.id][column] if column is not None else ()
        # Without such a column in its time, nothing limits the term to some endpoints.
        if not values:
            return "yes"
        return next((value for service, value in values if segments[: len(service)] == service), "no")

    def rows(self, revision: Revision, segments: tuple[str, ...]) -> tuple[Row, ...]:
        """Rows of the longest listed path that is a prefix of `segments`; several rows may share a path."""
        best = 0
        found: list[Row] = []
        # By segments: "/v1/files" is no prefix of "/v1/files_archive".
        for service, row in self._rows[revision.id]:
            length = len(service)
            if length >= best and segments[:length] == service:
                if length > best:
                    best, found = length, []
                found.append(row)
        return tuple(found)

    def feature_row(self, revision: Revision, row_id: str | None) -> Row | None:
        """The row with this id, as features and tools name one."""
        return next((row for row in revision.rows if row.id == row_id), None)

    def endpoint(self, segments: tuple[str, ...]) -> Endpoint | None:
        """The endpoint with these segments; literal segments win over placeholders."""
        # /v1/responses/compact is an endpoint, and would also be a response with the id "compact".
        best: Endpoint | None = None
        fewest = len(segments) + 1
        for template, endpoint in self._endpoints.get(len(segments), ()):
            placeholders = 0
            for expected, actual in zip(template, segments, strict=True):
                if expected.startswith("{"):
                    placeholders += 1
                    if not actual:
                        break
                elif expected != actual:
                    break
            else:
                if placeholders < fewest:
                    best, fewest = endpoint, placeholders
        return best

    def base_paths(self, provider: str) -> Iterable[tuple[tuple[str, ...], BasePath]]:
        """Base paths of a provider, longest first."""
        return (base for base in self._base_paths if base[1].provider == provider)

    def is_alias(self, row: Row, model: str) -> bool:
        """Whether `model` is an alias that the catalogue lists, or a snapshot of `row` without its date."""
        return model in self.aliases or any(undated(listed.lower()) == model for listed in row.models or ())


def _column(revision: Revision, column: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    """The services of a column of the retention table with their values, longest path first."""
    values = ((path_segments(row.service), getattr(row, column)) for row in revision.retention)
    return tuple(sorted((each for each in values if each[1]), key=lambda each: -len(each[0])))


def _inherited(revisions: Iterable[Revision]) -> Iterable[Revision]:
    by_id = {revision.id: revision for revision in revisions}
    return [_filled(revision, by_id) for revision in by_id.values()]


def _filled(revision: Revision, by_id: Mapping[str, Revision]) -> Revision:
    """`revision` with what it inherits, over any number of steps; a circle ends where it closes."""
    rest = {name: each for name, each in by_id.items() if name != revision.id}
    base = rest.get(revision.inherits or "")
    if base is None:
        return revision
    base = _filled(base, rest)
    return revision._replace(
        # Regions are merged by code, since a table may add or change one. Any other part is one list of the
        # vendor's, and is taken from one table.
        regions={**base.regions, **revision.regions},
        rows=revision.rows or base.rows,
        feature_rules=revision.feature_rules or base.feature_rules,
        tier_rules=revision.tier_rules or base.tier_rules,
        retention=revision.retention or base.retention,
        footnotes=revision.footnotes or base.footnotes,
        conditions=revision.conditions or base.conditions,
    )


def _by(entries: Iterable[T], key: str) -> Mapping[str, T]:
    return MappingProxyType({getattr(entry, key): entry for entry in entries})


def _senders(entries: Entries) -> Mapping[str, tuple[tuple[tuple[str, ...], Sender], ...]]:
    """By host, the paths that programs send prompts to, past the client."""
    found: dict[str, tuple[tuple[tuple[str, ...], Sender], ...]] = {}
    for sender in entries.senders:
        operated = [each.host for each in entries.telemetry_hosts if each.operator == sender.operator]
        for host in operated or [sender.host or ""]:
            paths = tuple((path_segments(path), sender) for path in sender.paths)
            found[host] = (*found.get(host, ()), *paths)
    return found

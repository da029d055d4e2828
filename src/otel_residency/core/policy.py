"""What a company requires, and what its contract with the vendor says."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

_NOTHING: Mapping[str, Any] = MappingProxyType({})
Scope = Literal["processing", "storage"]
OnCall = Literal["flag", "block"]
OnExport = Literal["flag", "redact", "withhold"]


class Statement(NamedTuple):
    """An attestation as the policy makes it, with a reference that an auditor can follow."""

    value: bool
    reference: str = ""


class ConfiguredHost(NamedTuple):
    """A gateway or cloud resource whose region its name does not show."""

    region: str
    provider: str = "openai"
    deployments: Mapping[str, str] = _NOTHING
    """Deployment name to deployment type, for clouds where the type decides where processing happens."""


class When(NamedTuple):
    """What a rule applies to; an empty condition applies to everything."""

    service: str | None = None
    environment: str | None = None
    project: str | None = None
    """Id of a project of the vendor; unlike the others, it is looked at for each call."""


class Rule(NamedTuple):
    """Another requirement for some services or projects. The first rule that matches wins."""

    when: When
    require: tuple[str, ...]
    scope: Scope | None = None


class Telemetry(NamedTuple):
    """Where telemetry with content may be exported to."""

    content_regions: tuple[str, ...] = ()
    """Regions that content may be exported to, of whatever call; empty: anywhere."""
    hosts: Mapping[str, str] = _NOTHING
    """Region of each back end whose name does not show it, by host or host:port."""


class Projects(NamedTuple):
    """Where the settings of the vendor's projects stand, as `otel-residency attest` read them."""

    file: str = ""
    max_age: int = 30
    """Days after which they show nothing any more."""


class Project(NamedTuple):
    """The settings of one project of the vendor on the day they were read; `""` is one that was not told."""

    residency: str
    retention: str
    observed: date


class Baggage(NamedTuple):
    """Which entries of OpenTelemetry's baggage carry requirements from service to service."""

    read: tuple[str, ...] = ()
    """Keys that are trusted: each adds what it names to what is required."""
    write: str = ""
    """Key that `require()` writes what is required to; empty: none."""


class Ledger(NamedTuple):
    """Where every call leaves a record."""

    path: str = ""
    """A file, or a directory in which each process has a file of its own; empty: no ledger."""
    required: bool = False
    """No record, no call: in block mode calls are refused while nothing can be recorded."""
    rotate_bytes: int = 1 << 28
    """Size at which a file is put aside and a new one begun; 0: never."""
    key: str = ""
    """Path of the private key (Ed25519, PEM) that checkpoints are signed with."""
    events: bool = False
    """Whether each record is also emitted as a log record of OpenTelemetry."""


class Policy(NamedTuple):
    """The effective policy; the fields are the keys of the policy file."""

    require: tuple[str, ...] = ()
    scope: Scope = "processing"
    on_call: OnCall = "flag"
    on_export: OnExport = "flag"
    strict: bool = False
    catalogue_max_age: int | None = None
    """Days after which a catalogue that was not renewed makes every verdict indeterminate."""
    attest: Mapping[str, Statement] = _NOTHING
    hosts: Mapping[str, ConfiguredHost] = _NOTHING
    rule: tuple[Rule, ...] = ()
    telemetry: Telemetry = Telemetry()
    baggage: Baggage = Baggage()
    quarantine: str = ""
    """Path of a file that keeps the originals of what the export gate redacts or withholds."""
    projects: Projects = Projects()
    ledger: Ledger = Ledger()
    seen_projects: Mapping[str, Project] = _NOTHING
    """What stands in the file of `projects`, by project id; never a key of the file."""
    state: str = ""
    """Path of a file that keeps where stored things were created, for the next process."""
    unreadable: str | None = None
    """Why the configured policy could not be read; never a key of the file."""
    stated: tuple[str, ...] | None = None
    """What the policy requires, where `require` is narrower for one call; never a key of the file."""

    @staticmethod
    def not_keys() -> tuple[str, ...]:
        """Name the fields that are no keys of the file."""
        return ("seen_projects", "unreadable", "stated")

    def for_service(self, service: str, environment: str) -> "Policy":
        """The policy with the first matching rule applied; what is left are rules for projects before it."""
        left: list[Rule] = []
        for rule in self.rule:
            if rule.when.service in (None, service) and rule.when.environment in (None, environment):
                if rule.when.project is None:
                    return self._by(rule, tuple(left))
                left.append(rule)
        return self._replace(rule=tuple(left))

    def for_project(self, project: str | None) -> "Policy":
        """The policy of a service with the first rule for `project` applied, if there is one."""
        for rule in self.rule:
            if rule.when.project is not None and rule.when.project == project:
                return self._by(rule)
        return self

    def _by(self, rule: Rule, left: tuple[Rule, ...] = ()) -> "Policy":
        return self._replace(require=rule.require, scope=rule.scope or self.scope, rule=left)

"""The policy: which regions a company requires, and what its contract with the vendor states."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

_NOTHING: Mapping[str, Any] = MappingProxyType({})
Scope = Literal["processing", "storage"]
OnCall = Literal["flag", "block"]
OnExport = Literal["flag", "redact", "withhold"]


class Statement(NamedTuple):
    """An attestation in the policy, with a reference that an auditor can follow."""

    value: bool
    reference: str = ""
    until: date | None = None
    """The last day on which it is stated."""


class ConfiguredHost(NamedTuple):
    """A gateway or cloud resource, whose host name does not show its region."""

    region: str
    provider: str = "openai"
    deployments: Mapping[str, str] = _NOTHING
    """Deployment name to deployment type, for clouds where the type decides where data is processed."""


class When(NamedTuple):
    """The conditions of a rule; an empty one applies to everything."""

    service: str | None = None
    environment: str | None = None
    project: str | None = None
    """Id of a project of the vendor; unlike the others, it is matched for each call."""


class Rule(NamedTuple):
    """A different requirement for some services or projects. The first rule that matches applies."""

    when: When
    require: tuple[str, ...]
    scope: Scope | None = None


class TelemetryPolicy(NamedTuple):
    """Where telemetry with content may be exported."""

    content_regions: tuple[str, ...] = ()
    """Regions that content of any call may be exported to; empty for anywhere."""
    hosts: Mapping[str, str] = _NOTHING
    """Region of back ends whose host name does not show it, by host or host:port."""


class Projects(NamedTuple):
    """The file with the settings of the vendor's projects that `otel-residency attest` wrote."""

    file: str = ""
    max_age: int = 30
    """Days after which the settings are too old to rely on."""


class Project(NamedTuple):
    """The settings of one project of the vendor on the day they were read; `""` for a missing one."""

    residency: str
    retention: str
    observed: date
    default_tier: str = ""
    """The service tier of requests that name none."""


class Baggage(NamedTuple):
    """Which OpenTelemetry baggage entries carry requirements from service to service."""

    read: tuple[str, ...] = ()
    """Trusted keys: each adds its regions to the requirement."""
    write: str = ""
    """Key that `require()` writes the requirement to; empty for none."""


class LedgerPolicy(NamedTuple):
    """The ledger, in which each call is recorded."""

    path: str = ""
    """A file, or a directory with one file for each process; empty for no ledger."""
    required: bool = False
    """In block mode, refuse calls while no record can be written."""
    rotate_bytes: int = 1 << 28
    """Size at which the file is rotated; 0 for never."""
    key: str = ""
    """Path of the private key (Ed25519, PEM) that signs checkpoints."""
    events: bool = False
    """Whether each record is also emitted as an OpenTelemetry log record."""


class Policy(NamedTuple):
    """The effective policy; its fields are the keys of the policy file."""

    require: tuple[str, ...] = ()
    scope: Scope = "processing"
    on_call: OnCall = "flag"
    on_export: OnExport = "flag"
    strict: bool = False
    catalogue_max_age: int | None = None
    """Days after its last check from which the catalogue makes every verdict indeterminate."""
    attest: Mapping[str, Statement] = _NOTHING
    hosts: Mapping[str, ConfiguredHost] = _NOTHING
    rule: tuple[Rule, ...] = ()
    telemetry: TelemetryPolicy = TelemetryPolicy()
    baggage: Baggage = Baggage()
    quarantine: str = ""
    """Path of a file for the originals of what the export gate redacts or withholds."""
    projects: Projects = Projects()
    ledger: LedgerPolicy = LedgerPolicy()
    seen_projects: Mapping[str, Project] = _NOTHING
    """Content of the file that `projects` names, by project id; not a key of the policy file."""
    state: str = ""
    """Path of a file that remembers where stored objects were created, across processes."""
    unreadable: str | None = None
    """Why the configured policy could not be read; not a key of the policy file."""
    stated: tuple[str, ...] | None = None
    """The policy's requirement, where `require` is narrowed for one call; not a key of the policy file."""

    @staticmethod
    def not_keys() -> tuple[str, ...]:
        """The fields that are not keys of the policy file."""
        return ("seen_projects", "unreadable", "stated")

    def for_service(self, service: str, environment: str) -> "Policy":
        """The policy with the first matching rule applied. Rules for projects that precede it are kept."""
        # A rule for a project is matched for each call; what comes after the first rule for the service never
        # applies.
        project_rules: list[Rule] = []
        for rule in self.rule:
            if rule.when.service in (None, service) and rule.when.environment in (None, environment):
                if rule.when.project is None:
                    return self._with(rule, tuple(project_rules))
                project_rules.append(rule)
        return self._replace(rule=tuple(project_rules))

    def for_project(self, project: str | None) -> "Policy":
        """The policy of a service with the first rule for `project` applied, if there is one."""
        for rule in self.rule:
            if rule.when.project is not None and rule.when.project == project:
                return self._with(rule)
        return self

    def _with(self, rule: Rule, remaining: tuple[Rule, ...] = ()) -> "Policy":
        return self._replace(require=rule.require, scope=rule.scope or self.scope, rule=remaining)

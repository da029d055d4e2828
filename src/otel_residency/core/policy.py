"""The policy: which regions a company requires, and what its contract with the vendor states."""

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from otel_residency.core.policy_rules import (
    STRICTNESS,
    ExceptionRule,
    OnCall,
    OnExport,
    Rule,
    Scope,
    When,
    strictest,
    values_of,
)
from otel_residency.core.regions import UNREADABLE

R = TypeVar("R", Rule, ExceptionRule)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


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
    exception: tuple[ExceptionRule, ...] = ()
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
    noted: tuple[str, ...] = ()
    """What is wrong with the settings and changes no verdict; not a key of the policy file."""
    stated: tuple[str, ...] | None = None
    """The policy's requirement, where `require` is narrowed for one call; not a key of the policy file."""

    @staticmethod
    def not_keys() -> tuple[str, ...]:
        """The fields that are not keys of the policy file."""
        return ("seen_projects", "unreadable", "noted", "stated")

    @property
    def all_rules(self) -> tuple[Rule | ExceptionRule, ...]:
        """The exceptions and the rules."""
        return (*self.exception, *self.rule)

    def for_service(self, service: str, environment: str, kept: Collection[str] = ()) -> "Policy":
        """The policy of one process: what its rules and exceptions set for each of its calls is applied.

        Those that depend on the call are kept, without what an earlier rule sets for all calls.

        Args:
            service: name of the service.
            environment: name of its environment.
            kept: keys whose value here is no rule's to loosen.
        """
        settled: dict[str, Any] = {}
        remaining = []
        for rule in self.rule:
            when = rule.when.in_process(service, environment)
            values = {} if when is None else self._tightened(rule, kept, settled)
            if when == When():
                settled |= values
            elif when is not None and values:
                remaining.append(Rule(when, **values))
        exceptions = tuple(
            each._replace(when=when, **self._tightened(each, kept))
            for each in self.exception
            if (when := each.when.in_process(service, environment)) is not None
        )
        return self._replace(**settled, rule=tuple(remaining), exception=exceptions)

    def _tightened(
        self, rule: Rule | ExceptionRule, kept: Collection[str], settled: Collection[str] = ()
    ) -> dict[str, Any]:
        return {
            key: strictest(key, (value, getattr(self, key))) if key in kept else value
            for key, value in values_of(rule).items()
            if key not in settled
        }

    def for_call(self, project: str | None, endpoint: tuple[str, ...], on: date) -> "PolicyOfCall":
        """The policy of a process for one of its calls.

        Args:
            project: id of the vendor's project, if one is named.
            endpoint: segments of the path; `()` where it is not certain which endpoint is called. Then the
                strictest value counts that a rule for an endpoint may set.
            on: day of the call.
        """
        if not self.rule and not self.exception:  # most policies
            return PolicyOfCall(self)
        exceptions = [
            each for each in self.exception if on <= each.until and each.when.names_project(project)
        ]
        rules = [each for each in self.rule if each.when.names_project(project)]
        exception = next((each for each in exceptions if each.when.names_endpoint(endpoint)), None)
        values: dict[str, Any] = {} if exception is None else values_of(exception)
        for rule in rules:
            if rule.when.names_endpoint(endpoint):
                values = {**values_of(rule), **values}
        policy = self._replace(**values, rule=(), exception=())
        if endpoint:
            return PolicyOfCall(policy, exception)
        uncertain: tuple[Rule | ExceptionRule, ...] = (*exceptions, *rules)
        possible = [values_of(each) for each in uncertain if each.when.endpoint is not None]
        tightened = {
            key: strictest(key, (getattr(policy, key), *(each[key] for each in possible if key in each)))
            for key in STRICTNESS
        }
        groups = tuple(each["require"] for each in possible if each.get("require"))
        return PolicyOfCall(policy._replace(**tightened), exception, groups)

    def with_known_regions(self, codes: Collection[str]) -> "Policy":
        """The policy with `unreadable`, which no region is called, for each code that is none of `codes`."""

        def known(group: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(code if code in codes else UNREADABLE[0] for code in group)

        def with_known(rule: R) -> R:
            return rule if rule.require is None else rule._replace(require=known(rule.require))

        return self._replace(
            require=known(self.require),
            hosts={host: each._replace(region=known((each.region,))[0]) for host, each in self.hosts.items()},
            rule=tuple(map(with_known, self.rule)),
            exception=tuple(map(with_known, self.exception)),
            telemetry=TelemetryPolicy(
                known(self.telemetry.content_regions),
                {host: known((code,))[0] for host, code in self.telemetry.hosts.items()},
            ),
        )

    def strictest(self, key: str) -> Any:
        """The strictest value of `key` for any call of the process."""
        values = (getattr(each, key) for each in self.all_rules)
        return strictest(key, (getattr(self, key), *(each for each in values if each is not None)))

    def overridden(self, values: Mapping[str, Any]) -> "Policy":
        """The policy with these values for all calls, whatever its rules and exceptions say."""
        nothing: dict[str, Any] = dict.fromkeys(values)
        return self._replace(
            **values,
            rule=tuple(each._replace(**nothing) for each in self.rule),
            exception=tuple(each._replace(**nothing) for each in self.exception),
        )


class PolicyOfCall(NamedTuple):
    """The policy for one call, with its rules and exceptions applied."""

    policy: Policy
    exception: ExceptionRule | None = None
    """The exception that applies."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Regions that are required, too, since it is not certain which rule applies: of each group one."""

    def tightened(self, other: "PolicyOfCall") -> "PolicyOfCall":
        """The policy of the call with whatever another one asks for, too."""
        values = {
            key: strictest(key, (getattr(self.policy, key), getattr(other.policy, key))) for key in STRICTNESS
        }
        required = other.policy.require
        more = (required,) if required and required != self.policy.require else ()
        groups = (*self.groups, *other.groups, *more)
        return self._replace(policy=self.policy._replace(**values), groups=groups)

"""What a company requires, and what its contract with the vendor says."""

from collections.abc import Mapping
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


class Rule(NamedTuple):
    """Another requirement for some services. The first rule that matches wins."""

    when: When
    require: tuple[str, ...]
    scope: Scope | None = None


class Telemetry(NamedTuple):
    """Where telemetry with content may be exported to."""

    content_regions: tuple[str, ...] = ()
    """Regions that content may be exported to, of whatever call; empty: anywhere."""
    hosts: Mapping[str, str] = _NOTHING
    """Region of each back end whose name does not show it, by host or host:port."""


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
    quarantine: str = ""
    """Path of a file that keeps the originals of what the export gate redacts or withholds."""
    state: str = ""
    """Path of a file that keeps where stored things were created, for the next process."""
    unreadable: str | None = None
    """Why the configured policy could not be read; never a key of the file."""

    @staticmethod
    def not_keys() -> tuple[str, ...]:
        """Name the fields that are no keys of the file."""
        return ("unreadable",)

    def for_service(self, service: str, environment: str) -> "Policy":
        """The policy with the first matching rule applied and no rules left."""
        for rule in self.rule:
            if rule.when.service in (None, service) and rule.when.environment in (None, environment):
                return self._replace(require=rule.require, scope=rule.scope or self.scope, rule=())
        return self._replace(rule=())

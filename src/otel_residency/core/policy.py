"""What a company requires, and what its contract with the vendor says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Scope = Literal["processing", "storage"]
OnCall = Literal["flag", "block"]
OnExport = Literal["flag", "redact", "withhold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An attestation as the policy makes it, with a reference that an auditor can follow."""

    value: bool
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredHost:
    """A gateway or cloud resource whose region its name does not show."""

    region: str
    provider: str = "openai"
    deployments: Mapping[str, str] = field(default_factory=dict)
    """Deployment name to deployment type, for clouds where the type decides where processing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a rule applies to; an empty condition applies to everything."""

    service: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Another requirement for some services. The first rule that matches wins."""

    when: When
    require: tuple[str, ...]
    scope: Scope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The effective policy; the fields are the keys of the policy file."""

    require: tuple[str, ...] = ()
    scope: Scope = "processing"
    on_call: OnCall = "flag"
    on_export: OnExport = "flag"
    strict: bool = False
    catalogue_max_age: int | None = None
    """Days after which a catalogue that was not renewed makes every verdict indeterminate."""
    attest: Mapping[str, Statement] = field(default_factory=dict)
    hosts: Mapping[str, ConfiguredHost] = field(default_factory=dict)
    rules: tuple[Rule, ...] = field(default=(), metadata={"key": "rule"})
    unreadable: str | None = field(default=None, metadata={"key": ""})
    """Why the configured policy could not be read; never a key of the file."""

    def for_service(self, service: str, environment: str) -> "Policy":
        """The policy with the first matching rule applied and no rules left."""
        for rule in self.rules:
            if rule.when.service in (None, service) and rule.when.environment in (None, environment):
                return replace(self, require=rule.require, scope=rule.scope or self.scope, rules=())
        return replace(self, rules=())

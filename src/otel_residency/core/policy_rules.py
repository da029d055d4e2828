"""The rules and exceptions of a policy: other values for some services, environments, projects, endpoints."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from otel_residency.core.catalogue import path_segments

Scope = Literal["processing", "storage"]
OnCall = Literal["flag", "block"]
OnExport = Literal["flag", "redact", "withhold"]
Names = str | tuple[str, ...]

STRICTNESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "scope": ("storage", "processing"),
        "strict": (False, True),
        "on_call": get_args(OnCall),
        "on_export": get_args(OnExport),
    }
)
"""By key of a rule, its values from the least strict to the strictest; `require` has no such order."""
KEYS = ("require", *STRICTNESS)
"""The keys of a rule."""
ENFORCEMENT = ("strict", "on_call", "on_export")
"""The keys that say how hard a policy is enforced, and not what it requires."""


def strictest(key: str, values: Iterable[Any]) -> Any:
    """The strictest of some values of `key`."""
    return max(values, key=STRICTNESS[key].index)


class When(NamedTuple):
    """The conditions of a rule: each names one value, or several of which one is enough."""

    service: Names | None = None
    environment: Names | None = None
    project: Names | None = None
    """Id of a project of the vendor; it and the endpoint are compared for each call."""
    endpoint: Names | None = None
    """Path of the vendor, such as `/v1/files`, with everything below it."""

    def in_process(self, service: str, environment: str) -> "When | None":
        """The conditions that remain for each call of this process; `None` if no call meets them."""
        if _names(self.service, service) and _names(self.environment, environment):
            return When(project=self.project, endpoint=self.endpoint)
        return None

    def names_project(self, project: str | None) -> bool:
        """Whether calls for this project meet the condition."""
        return _names(self.project, project)

    def names_endpoint(self, segments: tuple[str, ...]) -> bool:
        """Whether calls of the endpoint with these path segments meet the condition."""
        return self.endpoint is None or any(
            _is_below(path_segments(path.strip("/")), segments) for path in listed(self.endpoint)
        )


class Rule(NamedTuple):
    """Other values for the calls that meet its conditions. For each key, the first such rule applies."""

    when: When
    require: tuple[str, ...] | None = None
    scope: Scope | None = None
    strict: bool | None = None
    on_call: OnCall | None = None
    on_export: OnExport | None = None


class ExceptionRule(NamedTuple):
    """A rule that somebody answers for, and that ends. The first that applies precedes all rules."""

    when: When
    owner: str
    reason: str
    until: date
    """The last day, UTC."""
    require: tuple[str, ...] | None = None
    scope: Scope | None = None
    strict: bool | None = None
    on_call: OnCall | None = None
    on_export: OnExport | None = None


def listed(names: Names | None) -> tuple[str, ...]:
    """The values of a condition."""
    return (names,) if isinstance(names, str) else names or ()


def values_of(rule: Rule | ExceptionRule) -> dict[str, Any]:
    """The values that a rule sets, by their keys."""
    return {key: value for key in KEYS if (value := getattr(rule, key)) is not None}


def _names(names: Names | None, name: str | None) -> bool:
    return names is None or name in listed(names)


def _is_below(path: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    """Whether a path is, or is below, another one; an id may stand for each placeholder."""
    return len(path) <= len(segments) and all(
        each == segment or each.startswith("{") for each, segment in zip(path, segments, strict=False)
    )

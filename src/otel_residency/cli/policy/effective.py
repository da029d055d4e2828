"""The policy that holds in this environment, with the origin of each value."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from otel_residency.cli.environ import variables
from otel_residency.cli.policy.problems import Problem, problems_here
from otel_residency.core.decode import field_types
from otel_residency.core.policy import Policy
from otel_residency.settings.load import CATALOGUE, ENABLED, POLICY, POLICY_SETTINGS, read_settings

_SERVICE = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")
DEFAULT = "default"


class Value(NamedTuple):
    """A value, and where it comes from."""

    value: Any
    origin: str
    """A variable, the policy file, a rule of it, or `default`."""


class Effective(NamedTuple):
    """What holds."""

    hash: str
    """That of `residency.policy` in telemetry."""
    values: Mapping[str, Value]
    problems: tuple[Problem, ...]


def effective() -> Effective:
    """Read the settings of this environment as a service would."""
    environ = variables()
    settings = read_settings(environ)
    elsewhere = {key: value for key, value in environ.items() if key not in _SERVICE}
    unruled = read_settings(elsewhere).policy
    path = environ.get(POLICY.variable, "")
    file = read_settings({POLICY.variable: path}).policy if path else Policy()
    said = {setting.key: setting.variable for setting in (ENABLED, *POLICY_SETTINGS, POLICY, CATALOGUE)}

    def origin(key: str) -> str:
        if key in ("require", "scope") and getattr(settings.policy, key) != getattr(unruled, key):
            return f"{path}, the rule for this service"
        variable = said.get(key, "")
        if value := environ.get(variable, "").strip():
            unreadable = key != POLICY.key and read_settings({variable: value}).policy.unreadable
            return f"{variable}, unreadable" if unreadable else variable
        default = key not in field_types(Policy) or getattr(file, key) == getattr(Policy(), key)
        return DEFAULT if default else path

    values = {"enabled": settings.enabled, "policy": path, "catalogue": settings.catalogue}
    values |= {key: getattr(settings.policy, key) for key in field_types(Policy)}
    told = {key: Value(value, origin(key)) for key, value in values.items()}
    return Effective(settings.policy_hash, told, tuple(problems_here()))

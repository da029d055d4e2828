"""The settings of a later `instrument()`: how hard the policy is enforced can only be tightened by it.

Code that is not asked, such as a library, may call `instrument()` too. What the environment or an earlier
argument set is not its to loosen; what only the policy file set, it may set either way, as any argument may.
"""

from collections.abc import Iterator, Mapping

from otel_residency.core.policy_rules import KEYS, strictest
from otel_residency.settings.load import Settings, read_arguments


def adjusted(active: Settings, modes: Mapping[str, object]) -> Settings:
    """The active settings with these values of `ENFORCEMENT`, as arguments.

    Raises:
        PolicyError: a value is wrong.
    """
    given, stated = read_arguments(modes), active.stated or active
    policy = stated.policy._replace(**{key: getattr(given.policy, key) for key in modes})
    later = stated._replace(policy=policy, origins={**stated.origins, **given.origins})
    return no_looser(later.for_service(active.service, active.environment), active)


def no_looser(later: Settings, active: Settings) -> Settings:
    """Later settings, with what a variable or an argument had set in the active ones at least as strict."""
    stated, before = later.stated or later, active.stated or active
    values = {
        key: value
        for key in before.kept
        if (value := getattr(before.policy, key)) != getattr(stated.policy, key)
        and value == strictest(key, (value, getattr(stated.policy, key)))
    }
    if not values:
        return later
    origins = {**stated.origins, **{key: before.origins[key] for key in values}}
    kept = stated._replace(policy=stated.policy._replace(**values), origins=origins)
    return kept.for_service(later.service, later.environment)


def differences(later: Settings, active: Settings) -> Iterator[str]:
    """What later settings change of the keys that rules may set, as `on_call block -> flag`."""
    for key in KEYS:
        before, now = getattr(active.policy, key), getattr(later.policy, key)
        if before != now:
            yield f"{key} {_shown(before)} -> {_shown(now)}"


def _shown(value: object) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else str(value).lower()

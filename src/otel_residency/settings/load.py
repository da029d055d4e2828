"""Reads the settings from arguments, environment variables and the policy file, in this order of precedence.

Nothing else reads the environment for them, but for the key of the ledger, which `ledger_key` reads.
"""

import json
import os
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from otel_residency.core.decode import DecodeError, decode
from otel_residency.core.policy import LedgerPolicy, Policy, Project
from otel_residency.core.policy_rules import ENFORCEMENT, ExceptionRule
from otel_residency.runtime.regular_file import read_text
from otel_residency.settings.in_doubt import IN_DOUBT, modes_in, modes_of_rules
from otel_residency.settings.problems import (
    Origin,
    Origins,
    PolicyProblem,
    SettingError,
    unreadable_file,
    wrong_setting,
    wrong_value,
)
from otel_residency.settings.rules import DescribedCall, rule_origin, rules_by_key
from otel_residency.settings.service import service_names
from otel_residency.settings.table import (
    CATALOGUE,
    ENABLED,
    LEDGER,
    LEDGER_KEY,
    POLICY,
    POLICY_SETTINGS,
    Setting,
)
from otel_residency.settings.unknown_variables import is_misspelt, unknown_variable, unknown_variables
from otel_residency.settings.values import argument_value, text_argument, variable_value

# Settings are read in every process, also in those that never call the vendor: what only some of them need
# is imported where it is needed.

T = TypeVar("T")


class Settings(NamedTuple):
    """The settings of this process."""

    enabled: bool = True
    policy: Policy = Policy()
    catalogue: str = "newest"
    problems: tuple[PolicyProblem, ...] = ()
    """Settings that can't be used. The rest is in effect."""
    origins: Origins = MappingProxyType({})
    policy_file: str = ""
    stated: "Settings | None" = None
    """The settings before the rules for the service were applied."""
    service: str = ""
    environment: str = ""

    @property
    def policy_hash(self) -> str:
        """Twelve hex digits that change with the effective policy; keys with their default have no part."""
        import hashlib  # noqa: PLC0415 - as above

        # Where records are kept may differ between services of one policy.
        ledger = LedgerPolicy(required=self.policy.ledger.required)
        stated = {
            key: value
            for key, value in self.policy._replace(ledger=ledger)._asdict().items()
            # Defaults are left out, so that a release with a new key gives an old policy the same hash:
            # records name policies by it (tests/settings/test_load.py, test_the_hash_of_a_policy_is_pinned).
            if key not in ("unreadable", "noted") and value != Policy._field_defaults[key]
        }
        content = json.dumps(stated, sort_keys=True, default=_hashed)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def with_problem(self, problem: PolicyProblem) -> "Settings":
        """The same settings, marked as not fully readable."""
        before = self.policy.unreadable
        # Marked and not raised: the process has to start, and block mode refuses its calls.
        policy = self.policy._replace(unreadable=f"{before}; {problem}" if before else str(problem))
        return self._replace(policy=policy, problems=(*self.problems, problem))

    def with_note(self, problem: PolicyProblem) -> "Settings":
        """The same settings with a problem that is shown on telemetry, and refuses no call."""
        policy = self.policy._replace(noted=(*self.policy.noted, str(problem)))
        return self._replace(policy=policy, problems=(*self.problems, problem))

    def with_known_regions(self, codes: Collection[str]) -> "Settings":
        """The same settings without codes that no region has: a key may stand in their place."""
        stated = self.stated and self.stated.with_known_regions(codes)
        return self._replace(policy=self.policy.with_known_regions(codes), stated=stated)

    @property
    def kept(self) -> tuple[str, ...]:
        """The keys that a variable or an argument set, and that a rule can therefore only tighten."""
        return tuple(key for key in ENFORCEMENT if self.origins.get(key, Origin()).name)

    def for_service(self, service: str, environment: str) -> "Settings":
        """The settings of a service, with the rules applied that don't depend on the call."""
        settings = self._replace(
            policy=self.policy.for_service(service, environment, self.kept),
            stated=self,
            service=service,
            environment=environment,
        )
        return settings._replace(origins=settings.origins_by_rules())

    def for_call(self, call: DescribedCall) -> tuple["Settings", ExceptionRule | None]:
        """The settings of a service for one of its calls, and the exception that it is made under."""
        policy, exception, _ = self.policy.for_call(*call)
        settings = self._replace(policy=policy)
        return settings._replace(origins=settings.origins_by_rules(call)), exception

    def origins_by_rules(self, call: DescribedCall | None = None) -> Origins:
        """The origins of the values, with the rules that apply to the service, or to one of its calls."""
        stated = self.stated or self
        origins = dict(self.origins)
        for key, use in rules_by_key(stated.policy, self.service, self.environment, call).items():
            before = stated.origins.get(key, Origin())
            origins[key] = rule_origin(use, getattr(self.policy, key), before, stated.origins)
        return origins


def _hashed(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def read_settings(
    environ: Mapping[str, str] | None = None, arguments: Mapping[str, object] | None = None
) -> Settings:
    """Read all settings.

    Args:
        environ: environment variables; by default those of the process.
        arguments: keys of the policy file, and `enabled`, `policy`, `catalogue`.

    Returns:
        The settings. What is wrong in the environment or the file is in `problems` and in
        `policy.unreadable`; the rest is in effect.

    Raises:
        PolicyError: an argument is wrong.
    """
    environ = os.environ if environ is None else environ
    return _read(environ, arguments or {}).for_service(*service_names(environ))


def read_arguments(arguments: Mapping[str, object]) -> Settings:
    """The settings that arguments alone give, without rules applied.

    Raises:
        PolicyError: an argument is wrong.
    """
    return _read({}, arguments)


def read_policy_file(path: str) -> Settings:
    """The settings of a policy file alone, with all of its rules and none applied."""
    return _read({}, {"policy": path})


def _read(environ: Mapping[str, str], arguments: Mapping[str, object]) -> Settings:
    given = {key: value for key, value in arguments.items() if value is not None}
    reader = _Reader(environ)
    enabled = reader.enabled(given)
    path = reader.text(POLICY, given)
    catalogue = reader.text(CATALOGUE, given) or CATALOGUE.default
    if path:
        reader.read_file(path)
    for setting in POLICY_SETTINGS:
        reader.read_variable(setting)
    reader.place_ledger(given)
    for key, value in given.items():
        reader.read_argument(key, value)
    policy = reader.policy()
    policy = policy._replace(
        hosts=_canonical(policy.hosts),
        telemetry=policy.telemetry._replace(hosts=_canonical(policy.telemetry.hosts)),
        seen_projects=reader.attempt(partial(_projects, Path(path).parent, policy.projects.file), {}),
    )
    settings = Settings(
        enabled=enabled, policy=policy, catalogue=catalogue, origins=reader.origins, policy_file=path
    )
    for problem in reader.problems:
        settings = settings.with_problem(problem)
    # One that is not misspelt may be of a newer release that was rolled back: no reason to refuse calls.
    for name in sorted(unknown_variables(name for name, text in environ.items() if text)):
        problem = unknown_variable(name)
        settings = settings.with_problem(problem) if is_misspelt(name) else settings.with_note(problem)
    return settings


class _Reader:
    """Collects the values of keys from each source in turn; a later one replaces an earlier one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = {}
        self.problems: list[PolicyProblem] = []

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        """What `read` returns; `otherwise`, and the problem noted, where it can't."""
        try:
            return read()
        except SettingError as error:
            self.problems.append(error.problem)
            return otherwise

    def enabled(self, given: dict[str, object]) -> bool:
        """Whether to do anything at all."""
        value = given.pop(ENABLED.key, None)
        if isinstance(value, bool):
            self.origins[ENABLED.key] = Origin(name="argument enabled")
            return value
        if value is not None:
            raise wrong_setting(
                f"argument {ENABLED.key}", value, "is not true or false", "Write True or False."
            )
        self.read_variable(ENABLED)
        return bool(self.values.pop(ENABLED.key, True))

    def text(self, setting: Setting, given: dict[str, object]) -> str:
        """A path or name, from an argument or else a variable."""
        if argument := text_argument(given, setting.key):
            self.origins[setting.key] = Origin(name=f"argument {setting.key}")
            return argument
        if variable := self.environ.get(setting.variable, ""):
            self.origins[setting.key] = Origin(name=setting.variable)
        return variable

    def read_file(self, path: str) -> None:
        """Take the values of a policy file; where it can't be read, the modes that it seems to name."""
        # A misplaced bracket must not turn block mode off: the modes are looked for in the text, wherever
        # they stand (tests/settings/test_load.py, test_a_file_that_is_no_toml_blocks_if_it_names_block).
        try:
            self.values = _read_file(path)
        except SettingError as error:
            problem = error.problem
            if problem.file != path:  # not shown
                problem = problem._replace(file="", key=self.origins[POLICY.key].name)
            self.problems.append(problem)
            self.values = modes_in(path)
        self.origins |= dict.fromkeys(self.values, Origin(file=path))

    def read_variable(self, setting: Setting) -> None:
        """Take the value of a variable, if it is set."""
        text = self.environ.get(setting.variable, "").strip()
        if not text:
            return
        origin = Origin(name=setting.variable)
        try:
            self.values[setting.key] = variable_value(setting, text)
        except SettingError as error:
            self.problems.append(error.problem)
            origin = origin._replace(note="unreadable")
            if setting.key in IN_DOUBT:
                self.values[setting.key] = IN_DOUBT[setting.key]
            # The file's value holds where the variable can't be read.
            elif setting.key in self.values:
                return
        self.origins[setting.key] = origin

    def place_ledger(self, given: dict[str, object]) -> None:
        """Take the path of the ledger from an argument or a variable; other keys of `ledger` stay."""
        path, origin = self.environ.get(LEDGER.variable, "").strip(), Origin(name=LEDGER.variable)
        if isinstance(given.get("ledger"), str | os.PathLike):
            path, origin = text_argument(given, "ledger"), Origin(name="argument ledger")
        table = self.values.get("ledger", {})
        if path and isinstance(table, Mapping):
            self.values["ledger"] = {**table, "path": path}
            self.origins[LEDGER.key] = origin
        if self.environ.get(LEDGER_KEY.variable, "").strip():
            self.origins[LEDGER_KEY.key] = Origin(name=LEDGER_KEY.variable)

    def read_argument(self, key: str, value: object) -> None:
        """Take the value of an argument.

        Raises:
            SettingError: it is wrong.
        """
        self.values[key] = argument_value(key, value)
        self.origins[key] = Origin(name=f"argument {key}")

    def policy(self) -> Policy:
        """The policy of the values; a wrong one is noted, and does not switch the others off."""
        readable: dict[str, Any] = {}
        in_doubt: dict[str, Any] = {}
        for key, value in self.values.items():
            try:
                part = decode(Policy, {key: value})
            except DecodeError as error:
                self.problems.append(wrong_value(error).at(self.origins, key))
                doubtful = {key: value} if key in IN_DOUBT else modes_of_rules(key, value)
                in_doubt |= {mode: IN_DOUBT[mode] for mode in doubtful}
            else:
                readable[key] = getattr(part, key, None)
        readable |= in_doubt
        return Policy(**{key: value for key, value in readable.items() if key in Policy._fields})


def _canonical(hosts: Mapping[str, T]) -> Mapping[str, T]:
    return {_canonical_host(host): value for host, value in hosts.items()}


def _canonical_host(text: str) -> str:
    """A host, or host:port, as the core compares it."""
    from otel_residency.core.hosts import canonical_host  # noqa: PLC0415 - as above

    host, colon, port = text.rpartition(":")
    if not (colon and port.isdecimal() and (":" not in host or host.endswith("]"))):
        return canonical_host(text)
    name = canonical_host(host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _read_file(path: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - as above

    try:
        return tomllib.loads(read_text(path, trusted=True))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable_file(path, error, "TOML") from None


def _projects(directory: Path, file: str) -> Mapping[str, Project]:
    if not file:
        return {}
    from otel_residency.settings.projects import read_projects  # noqa: PLC0415 - as above

    return read_projects(directory / file).resolved()

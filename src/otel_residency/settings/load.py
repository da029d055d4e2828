"""The settings: environment, policy file, arguments. The only reader of the environment.

Arguments win over the environment, the environment wins over the file.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from otel_residency.core.decode import DecodeError, decode, decode_value, field_types
from otel_residency.core.policy import LedgerPolicy, Policy, Project
from otel_residency.errors import PolicyError

# Settings are read in every process, also in those that never call the vendor: what only some of them need
# is imported where it is needed.
if TYPE_CHECKING:
    from otel_residency.core.catalogue import Catalogue


T = TypeVar("T")


class Setting(NamedTuple):
    """One setting: its variable, the key of the policy file, and what it means."""

    variable: str
    key: str
    default: str
    meaning: str


ENABLED = Setting("OTEL_RESIDENCY_ENABLED", "enabled", "true", "Switch everything off with false.")
POLICY = Setting("OTEL_RESIDENCY_POLICY", "policy", "", "Path of the TOML policy.")
CATALOGUE = Setting(
    "OTEL_RESIDENCY_CATALOGUE", "catalogue", "newest", "Revision id to pin, or path of a catalogue file."
)
LEDGER = Setting("OTEL_RESIDENCY_LEDGER", "ledger", "", "File or directory of the audit ledger.")
LEDGER_KEY = Setting(
    "OTEL_RESIDENCY_LEDGER_KEY", "ledger.key", "", "Private key that the ledger is signed with: path, or PEM."
)
POLICY_SETTINGS = (
    Setting("OTEL_RESIDENCY_REQUIRE", "require", "", "Regions every call must stay in, separated by commas."),
    Setting("OTEL_RESIDENCY_SCOPE", "scope", "processing", "What must be in the region."),
    Setting("OTEL_RESIDENCY_ON_CALL", "on_call", "flag", "What the call guard does with a violation."),
    Setting(
        "OTEL_RESIDENCY_ON_EXPORT",
        "on_export",
        "flag",
        "What the export gate does with telemetry of a violation.",
    ),
    Setting("OTEL_RESIDENCY_STRICT", "strict", "false", "Treat everything but eligible as a violation."),
)
SETTINGS = (ENABLED, *POLICY_SETTINGS, POLICY, CATALOGUE, LEDGER, LEDGER_KEY)

_IN_DOUBT: Mapping[str, Any] = {"on_call": "block", "on_export": "withhold"}
"""What holds for a key whose value can't be read: who names a mode did not mean to go without it."""
_MODE_LINE = r"""(?m)^\s*(on_call|on_export)\s*=\s*["'](block|redact|withhold)["']"""
_HOST = r"[^\s/@?#*]+"
"""A host, with or without a port; a URL or a pattern would match no call."""
_BAGGAGE_KEY = r"[A-Za-z0-9._*-]+"
"""The keys that every propagator of OpenTelemetry passes on."""


class Settings(NamedTuple):
    """What holds for this process."""

    enabled: bool = True
    policy: Policy = Policy()
    catalogue: str = "newest"
    notes: tuple[str, ...] = ()
    """What the user should be told: settings that can't be read, or that have no effect here."""

    @property
    def policy_hash(self) -> str:
        """Twelve hex digits that change with the effective policy; a key that it leaves out has no part."""
        import hashlib  # noqa: PLC0415

        # Where records are kept may differ between services of one policy.
        ledger = LedgerPolicy(required=self.policy.ledger.required)
        said = {
            key: value
            for key, value in self.policy._replace(ledger=ledger)._asdict().items()
            if key != "unreadable" and value != Policy._field_defaults[key]
        }
        content = json.dumps(said, sort_keys=True, default=_plain)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def with_problem(self, problem: str) -> "Settings":
        """The same settings, marked as not fully readable."""
        known = self.policy.unreadable
        policy = self.policy._replace(unreadable=f"{known}; {problem}" if known else problem)
        return self._replace(policy=policy, notes=(*self.notes, problem))


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def read_settings(
    environ: Mapping[str, str] | None = None, arguments: Mapping[str, object] | None = None
) -> Settings:
    """Read all settings.

    Args:
        environ: environment variables; by default those of the process.
        arguments: keys of the policy file, and `enabled`, `policy`, `catalogue`.

    Returns:
        The settings. What the environment or the file says wrongly is told in `policy.unreadable` and in
        `notes`; the rest holds.

    Raises:
        PolicyError: an argument is wrong.
    """
    environ = os.environ if environ is None else environ
    given = dict(arguments or {})
    problems: list[str] = []

    def attempt(read: Callable[[], Any], *, otherwise: Any = None) -> Any:
        try:
            return read()
        except PolicyError as error:
            problems.append(str(error))
            return otherwise

    enabled = given.pop("enabled", None)
    if enabled is None:
        said = environ.get(ENABLED.variable) or ENABLED.default
        enabled = attempt(partial(_boolean, ENABLED.variable, said), otherwise=True)
    elif not isinstance(enabled, bool):
        raise PolicyError(f"argument enabled: {enabled!r} is not true or false")
    path = _text_argument(given, "policy") or environ.get(POLICY.variable, "")
    catalogue = _text_argument(given, "catalogue") or environ.get(CATALOGUE.variable) or "newest"
    values = attempt(partial(_read_file, path), otherwise={}) if path else {}
    if path and not values:
        values = _modes_said(path)
    for setting in POLICY_SETTINGS:
        if text := environ.get(setting.variable, "").strip():
            value = attempt(partial(_from_environment, setting, text), otherwise=_IN_DOUBT.get(setting.key))
            if value is not None:
                values[setting.key] = value
    _place_ledger(values, given, environ.get(LEDGER.variable, "").strip())
    values |= {key: _argument(key, value) for key, value in given.items() if value is not None}
    policy = attempt(partial(_policy, values, path)) or _readable_rest(values)
    policy = policy.for_service(*_service(environ))._replace(
        hosts=_canonical(policy.hosts),
        telemetry=policy.telemetry._replace(hosts=_canonical(policy.telemetry.hosts)),
        seen_projects=attempt(partial(_seen_projects, Path(path).parent, policy.projects.file), otherwise={}),
    )
    settings = Settings(enabled=enabled, policy=policy, catalogue=catalogue)
    for problem in problems:
        settings = settings.with_problem(problem)
    return settings


def _place_ledger(values: dict[str, Any], given: dict[str, object], path: str) -> None:
    """Put the ledger where an argument or else `path` says; what is said of it wrongly stays, to be told."""
    said = values.get("ledger", {})
    if isinstance(given.get("ledger"), str | os.PathLike):
        path = _text_argument(given, "ledger")
    if path and isinstance(said, Mapping):
        values["ledger"] = {**said, "path": path}


def read_ledger_key(policy: Policy, environ: Mapping[str, str] | None = None) -> bytes | None:
    """The private key that the ledger is signed with, as PEM; `None` if none is named.

    Raises:
        PolicyError: it can't be read.
    """
    path = ledger_key_path(policy, environ)
    if path is None:
        return _ledger_key_said(environ).encode()
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise PolicyError(f"ledger.key {path}: can't be read: {error.strerror}") from None


def ledger_key_path(policy: Policy, environ: Mapping[str, str] | None = None) -> str | None:
    """The file with that key; empty if none is named, `None` where the variable holds the key itself."""
    said = _ledger_key_said(environ)
    return None if said.startswith("-----BEGIN") else said or policy.ledger.key


def _ledger_key_said(environ: Mapping[str, str] | None) -> str:
    return (os.environ if environ is None else environ).get(LEDGER_KEY.variable, "").strip()


def _canonical(hosts: Mapping[str, T]) -> Mapping[str, T]:
    return {_canonical_place(place): said for place, said in hosts.items()}


def _canonical_place(place: str) -> str:
    """A host, or host:port, as the core compares it."""
    from otel_residency.core.classify import canonical_host  # noqa: PLC0415

    host, colon, port = place.rpartition(":")
    if not (colon and port.isdecimal() and (":" not in host or host.endswith("]"))):
        return canonical_host(place)
    name = canonical_host(host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def policy_problems(policy: Policy, catalogue: "Catalogue") -> list[str]:
    """What a policy says that `catalogue` knows nothing of; an empty list if it is sound."""
    regions = ", ".join(sorted(catalogue.region_codes))
    problems = [
        f"{key}: {region!r} is not a region code; known are: {regions}{_hint(region)}"
        for key, codes in (
            ("require", policy.require),
            *(((f'hosts."{host}".region'), (own.region,)) for host, own in policy.hosts.items()),
            *((f'rule for project "{rule.when.project}"', rule.require) for rule in policy.rule),
            ("telemetry.content_regions", policy.telemetry.content_regions),
            *((f'telemetry.hosts."{host}"', (region,)) for host, region in policy.telemetry.hosts.items()),
        )
        for region in codes
        if region not in catalogue.region_codes
    ]
    attestations = [entry.name for entry in catalogue.entries.attestations]
    problems += [
        f"attest.{name}: not known; known are: {', '.join(attestations)}"
        for name in policy.attest
        if name not in attestations
    ]
    problems += [
        f"baggage: {key!r} is no key of the baggage: write letters, digits, and of punctuation . _ - *"
        for key in (*policy.baggage.read, *filter(None, (policy.baggage.write,)))
        if not re.fullmatch(_BAGGAGE_KEY, key)
    ]
    if policy.ledger.required and not policy.ledger.path:
        problems.append(f"ledger.required: there is no ledger; set ledger.path, or {LEDGER.variable}")
    if (policy.catalogue_max_age or 0) < 0:
        problems.append(f"catalogue_max_age: {policy.catalogue_max_age} is not a number of days, 0 or more")
    for host, own in policy.hosts.items():
        if not re.fullmatch(_HOST, host):
            shown = host.rpartition("@")[2]
            problems.append(
                f'hosts."{shown}": {shown!r} is not a host, such as llm.example or llm.example:8443'
            )
        listed = catalogue.hosts.get(host)
        if (listed and listed.kind != "loopback") or host in catalogue.bogus_hosts:
            problems.append(f'hosts."{host}": the catalogue knows this host; a policy can\'t move it')
        for name, sku in own.deployments.items():
            if (own.provider, sku) not in catalogue.deployments:
                skus = ", ".join(each for provider, each in catalogue.deployments if provider == own.provider)
                problems.append(
                    f'hosts."{host}".deployments.{name}: {sku!r} is not a deployment type; known are: {skus}'
                )
    return problems


def _hint(region: str) -> str:
    meant = {"uk": "gb", "uae": "ae", "europe": "eu", "usa": "us"}.get(region.lower())
    return f"; did you mean {meant!r}?" if meant else ""


def _read_file(path: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"policy {path}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"policy {path}: is not TOML: {error}") from error


def _seen_projects(directory: Path, file: str) -> Mapping[str, Project]:
    if not file:
        return {}
    from otel_residency.settings.projects import read_projects  # noqa: PLC0415

    return read_projects(directory / file).resolved()


def _modes_said(path: str) -> dict[str, Any]:
    """The modes that a file asks for, as far as one can see, which can't be read as a policy."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {key: _IN_DOUBT[key] for key, _ in re.findall(_MODE_LINE, text)}


def _policy(values: Mapping[str, Any], path: str) -> Policy:
    try:
        return decode(Policy, values)
    except DecodeError as error:
        raise PolicyError(f"policy {path}: {error}" if path else str(error)) from None


def _readable_rest(values: Mapping[str, Any]) -> Policy:
    """The keys that can be read one by one, so that one wrong key does not switch the others off."""
    readable: dict[str, Any] = {}
    for key, kind in field_types(Policy).items():
        if key in values:
            try:
                readable[key] = decode_value(kind, values[key], key)
            except DecodeError:
                if key in _IN_DOUBT:
                    readable[key] = _IN_DOUBT[key]
    return Policy(**readable)


def _from_environment(setting: Setting, text: str) -> Any:
    if setting.key == "strict":
        return _boolean(setting.variable, text)
    kind = field_types(Policy)[setting.key]
    value = _regions(setting.variable, text) if setting.key == "require" else text.lower()
    try:
        return decode_value(kind, value, setting.variable)
    except DecodeError as error:
        raise PolicyError(str(error)) from None


def _regions(origin: str, text: str) -> list[str]:
    regions = [region.strip().lower() for region in text.split(",") if region.strip()]
    if text and not regions:
        raise PolicyError(f"{origin}: {text!r} names no region; write codes separated by commas")
    return regions


def _boolean(origin: str, text: str) -> bool:
    value = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    if value is None:
        raise PolicyError(f"{origin}: {text!r} is not true or false")
    return value


def _text_argument(given: dict[str, object], key: str) -> str:
    value = given.pop(key, None)
    if value is None:
        return ""
    if not isinstance(value, str | os.PathLike):
        raise PolicyError(f"argument {key}: {value!r} is not a path or name")
    return os.fspath(value)


def _argument(key: str, value: object) -> object:
    known = field_types(Policy)
    if key not in known:
        raise PolicyError(f"argument {key}: not known; known are: {', '.join(sorted(known))}")
    if key == "require" and isinstance(value, str):
        value = _regions("argument require", value)
    try:
        decode_value(known[key], value, f"argument {key}")
    except DecodeError as error:
        raise PolicyError(str(error)) from None
    return value


def _service(environ: Mapping[str, str]) -> tuple[str, str]:
    text = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    pairs = (pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    attributes = {key.strip(): value.strip() for key, value in pairs}
    if "%" in text:
        from urllib.parse import unquote  # noqa: PLC0415

        attributes = {key: unquote(value) for key, value in attributes.items()}
    environment = attributes.get("deployment.environment.name") or attributes.get(
        "deployment.environment", ""
    )
    return environ.get("OTEL_SERVICE_NAME") or attributes.get("service.name", ""), environment

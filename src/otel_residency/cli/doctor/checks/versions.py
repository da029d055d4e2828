"""Versions: each in the range that the package requires, and OpenTelemetry's API and SDK of one release."""

from collections.abc import Iterator
from importlib.metadata import metadata, requires
from platform import python_version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.installed import installed
from otel_residency.instrumentor import ResidencyInstrumentor

_SELF = "otel-residency"
_API, _SDK = "opentelemetry-api", "opentelemetry-sdk"


def checks(_: Environment) -> Iterator[Check]:
    """Python, the client, OpenTelemetry, wrapt."""
    ranges = {
        need.name: need.specifier for need in map(Requirement, requires(_SELF) or ()) if not need.marker
    }
    python = SpecifierSet(metadata(_SELF)["Requires-Python"] or "")
    if python.contains(python_version(), prereleases=True):
        yield ok("version.python", f"Python {python_version()}")
    else:
        yield failure("version.python", f"Python {python_version()}", f"Use Python {python}.")
    yield from _client()
    yield from _opentelemetry(ranges)
    for name in ("opentelemetry-instrumentation", "wrapt"):
        yield _in_range(f"version.{name.removeprefix('opentelemetry-')}", name, ranges[name])


def _client() -> Iterator[Check]:
    (need,) = map(Requirement, ResidencyInstrumentor().instrumentation_dependencies())
    if installed(need.name) is None:
        yield warning(
            "version.openai",
            "openai is not installed here: there are no calls to guard",
            "Run the doctor with the interpreter, and in the container, of the service.",
        )
    else:
        yield _in_range("version.openai", need.name, need.specifier)


def _opentelemetry(ranges: dict[str, SpecifierSet]) -> Iterator[Check]:
    outside = [_in_range("version.opentelemetry", name, ranges[name]) for name in (_API, _SDK)]
    yield from (check for check in outside if check.fix)
    if any(check.fix for check in outside):
        return
    api, sdk = installed(_API), installed(_SDK)
    if api == sdk:
        yield ok("version.opentelemetry", f"API and SDK {api}")
    else:
        fix = f"Install the SDK of the same release: pip install {_SDK}=={api}, and pin both."
        yield failure("version.opentelemetry", f"API {api}, SDK {sdk}", fix)


def _in_range(check: str, name: str, allowed: SpecifierSet) -> Check:
    found = installed(name)
    if found is not None and allowed.contains(found, prereleases=True):
        return ok(check, f"{name} {found}")
    return failure(check, f"{name} {found or 'is not installed'}", f"pip install '{name}{allowed}'")

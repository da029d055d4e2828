"""A client that is configured for a region, by the catalogue's host for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from otel_residency.calls.state import runtime
from otel_residency.catalogue import load_catalogue
from otel_residency.core.facts import BASE_PATH
from otel_residency.core.hosts import match_host
from otel_residency.errors import ResidencyError

if TYPE_CHECKING:
    from openai import OpenAI

T = TypeVar("T")


@overload
def client_for(region: str, **arguments: Any) -> "OpenAI": ...
@overload
def client_for(region: str, client: Callable[..., T], **arguments: Any) -> T: ...
def client_for(region: str, client: Callable[..., Any] | None = None, **arguments: Any) -> Any:
    """A client of the vendor's API whose base URL is the vendor's host for `region`.

    Args:
        region: a code of the catalogue, such as `eu`.
        client: class of the client, such as `openai.AsyncOpenAI`; by default `openai.OpenAI`.
        arguments: more arguments of that class.

    Raises:
        ResidencyError: the catalogue knows no such region, or no host of the vendor for it.
    """
    state = runtime.state
    catalogue = load_catalogue() if state is None else state.guard.catalogue
    if region not in catalogue.region_codes:
        codes = ", ".join(sorted(catalogue.region_codes))
        raise ResidencyError(f"client_for: {region!r} is not a region code; known are: {codes}")
    today = datetime.now(UTC).date()
    host = catalogue.host_of(region, today)
    # A catalogue of the user's may name a host for a region that its own list places elsewhere.
    if match_host(catalogue, {}, host, None, today).region != region:
        raise ResidencyError(f"client_for: the catalogue in force names no host for {region!r}")
    if client is None:
        from openai import OpenAI  # noqa: PLC0415 - the application's

        client = OpenAI
    return client(base_url=f"https://{host}{BASE_PATH}", **arguments)

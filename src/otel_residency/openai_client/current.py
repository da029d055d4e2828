"""Which call is under way: what a request or a context carries of it."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_residency.openai_client.call import Call

EXTENSION = "otel_residency.call"
"""Key of the call in a request's extensions; the HTTP libraries copy it to redirected requests."""
current_call: ContextVar["Call | None"] = ContextVar("otel_residency.call", default=None)

"""What all records of a process say, from wherever it is known."""

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_residency.ledger.process import resource_of


def test_the_resource_is_that_of_the_provider() -> None:
    """A provider that was given tells it; one without a resource, such as the API's own, does not."""
    claims = TracerProvider(resource=Resource({"service.name": "claims"}))
    without = trace.NoOpTracerProvider()
    assert resource_of([without, claims])() == {"service.name": "claims"}
    assert resource_of([without])()["telemetry.sdk.language"] == "python"

"""arize-phoenix-otel: the spans of OpenInference, and no metrics or logs."""

from phoenix.otel import register


def set_up(url: str) -> None:
    """Spans."""
    register(
        endpoint=f"{url}/v1/traces", protocol="http/protobuf", batch=True, auto_instrument=True, verbose=False
    )

"""The names of this service and its environment, by which rules choose."""

from collections.abc import Mapping


def service_names(environ: Mapping[str, str]) -> tuple[str, str]:
    """The names of service and environment, as telemetry carries them."""
    text = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    pairs = (pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    attributes = {key.strip(): value.strip() for key, value in pairs}
    # The specification escapes values of OTEL_RESOURCE_ATTRIBUTES as URLs do.
    if "%" in text:
        from urllib.parse import unquote  # noqa: PLC0415 - few need it

        attributes = {key: unquote(value) for key, value in attributes.items()}
    environment = attributes.get("deployment.environment.name") or attributes.get(
        "deployment.environment", ""
    )
    return environ.get("OTEL_SERVICE_NAME") or attributes.get("service.name", ""), environment

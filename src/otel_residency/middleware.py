"""Public import path of the ASGI and WSGI middleware; see `otel_residency.requirements.middleware`."""

from otel_residency.requirements.middleware import ResidencyASGIMiddleware, ResidencyWSGIMiddleware

__all__ = ["ResidencyASGIMiddleware", "ResidencyWSGIMiddleware"]

"""Patches that are put in place when what they patch is imported, and never break that import."""

from collections.abc import Callable
from logging import getLogger
from types import ModuleType

import wrapt

_log = getLogger("otel_residency")


def when_imported(name: str, patch: Callable[[ModuleType], None], missing: Callable[[str], object]) -> None:
    """Have `patch` called with the module `name`, now or when it is imported.

    Args:
        name: of the module.
        patch: puts patches in place.
        missing: told the module's name if that fails.
    """

    def hook(module: ModuleType) -> None:
        try:
            patch(module)
        except Exception:
            missing(module.__name__)
            _log.exception("otel-residency can't patch %s", module.__name__)

    wrapt.register_post_import_hook(hook, name)

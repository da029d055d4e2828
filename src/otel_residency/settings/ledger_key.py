"""The private key that the ledger is signed with: the text of a variable, or a file."""

import os
from collections.abc import Mapping

from otel_residency.core.policy import Policy
from otel_residency.errors import PolicyError
from otel_residency.runtime.regular_file import read_bytes
from otel_residency.runtime.shown_path import shown_path
from otel_residency.settings.table import LEDGER_KEY


def read_ledger_key(policy: Policy, environ: Mapping[str, str] | None = None) -> bytes | None:
    """The private key that the ledger is signed with, as PEM; `None` if none is configured.

    Raises:
        PolicyError: it can't be read.
    """
    path = ledger_key_path(policy, environ)
    if path is None:
        return _ledger_key_variable(environ).encode()
    try:
        return read_bytes(path, trusted=True) if path else None
    except (OSError, ValueError) as error:
        name = LEDGER_KEY.variable if _ledger_key_variable(environ) else "ledger.key"
        # As `docker --env-file` leaves them, and as an editor does.
        marks = "; remove the quotes or marks around it" if path[0] in "\"'\ufeff" else ""
        raise PolicyError(
            f"{name}: neither a private key in PEM nor a file that can be read: {shown_path(path)}: "
            f"{getattr(error, 'strerror', None) or 'it is no path'}{marks}"
        ) from None


def ledger_key_path(policy: Policy, environ: Mapping[str, str] | None = None) -> str | None:
    """The file with that key; empty if none is configured, `None` where the variable holds the key itself."""
    value = _ledger_key_variable(environ)
    return None if value.startswith("-----BEGIN") else value or policy.ledger.key


def _ledger_key_variable(environ: Mapping[str, str] | None) -> str:
    return (os.environ if environ is None else environ).get(LEDGER_KEY.variable, "").strip()

"""The private key of the ledger, and what is shown of one that stands in a wrong place."""

from pathlib import Path

import pytest

from otel_residency.core.policy import LedgerPolicy, Policy
from otel_residency.errors import PolicyError
from otel_residency.settings.ledger_key import read_ledger_key
from otel_residency.settings.table import LEDGER_KEY


def test_the_key_of_the_ledger(tmp_path: Path) -> None:
    """It is the text of a variable, or stands in the file that the variable or else the policy names."""
    pem = "-----BEGIN PRIVATE KEY-----\nA"
    (tmp_path / "key.pem").write_text(pem, encoding="ascii")
    policy = Policy(ledger=LedgerPolicy(key=str(tmp_path / "key.pem")))
    variable = LEDGER_KEY.variable
    assert read_ledger_key(Policy(), {}) is None
    assert read_ledger_key(policy, {}) == pem.encode()
    assert read_ledger_key(Policy(), {variable: str(tmp_path / "key.pem")}) == pem.encode()
    assert read_ledger_key(policy, {variable: "-----BEGIN B"}) == b"-----BEGIN B"
    with pytest.raises(
        PolicyError,
        match=r"^OTEL_RESIDENCY_LEDGER_KEY: neither a private key in PEM nor .* nowhere\.pem: No such",
    ):
        read_ledger_key(policy, {variable: "nowhere.pem"})

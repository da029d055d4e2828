"""Keys: what signs, what checks, and what is said of a key that does neither."""

import sys

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from otel_residency.errors import PolicyError
from otel_residency.records.signing import checker, signer
from otel_residency.telemetry import names

KEY = Ed25519PrivateKey.generate()
PLAIN = form.NoEncryption()
PRIVATE = KEY.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, PLAIN)
PUBLIC = KEY.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
OTHER = generate_private_key(SECP256R1()).private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, PLAIN)
LOCKED = KEY.private_bytes(
    form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"secret")
)


def test_a_signature_holds_for_its_text_alone() -> None:
    """The public key knows what the private one signed, and nothing else."""
    signed = signer(PRIVATE)("a:1:b:open")
    keys, check = checker(PUBLIC)
    assert signed[names.LEDGER_KEY] == keys
    signature = signed[names.LEDGER_SIGNATURE]
    assert check("a:1:b:open", signature)
    assert not check("a:1:b:closed", signature)
    assert not check("a:1:b:open", "")
    assert not check("a:1:b:open", signature[:-8] + "AAAAAA==")


@pytest.mark.parametrize("pem", [b"", b"no key", PUBLIC, OTHER, LOCKED])
def test_what_is_no_private_key(pem: bytes) -> None:
    """The message says how to make one, and shows nothing of what stands there."""
    with pytest.raises(PolicyError, match=r"^ledger\.key: not an unencrypted Ed25519 private key"):
        signer(pem)


@pytest.mark.parametrize("pem", [b"", b"no key", PRIVATE])
def test_what_is_no_public_key(pem: bytes) -> None:
    """The message says how to write it."""
    with pytest.raises(PolicyError, match=r"^not an Ed25519 public key in PEM; make it"):
        checker(pem)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for signatures without it is told what to install; who does not, needs nothing."""
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    for use in (signer, checker):
        with pytest.raises(PolicyError, match=r"install otel-residency\[audit\]"):
            use(PRIVATE)

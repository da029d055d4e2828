"""Signs and checks checkpoints with Ed25519. Only this needs the library `cryptography`."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from otel_residency.errors import PolicyError
from otel_residency.telemetry import names

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_FIX = "make one with: openssl genpkey -algorithm ed25519 -out key.pem"
Check = Callable[[str, str], bool]
"""Whether a signature fits a text."""


def signer(pem: bytes) -> Callable[[str], Mapping[str, str]]:
    """A function that signs texts with the private key in `pem`.

    Raises:
        PolicyError: it is not such a key, or `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    except ImportError:
        raise _missing() from None
    try:
        key = load_pem_private_key(pem, None)
    except Exception:  # noqa: BLE001 - of any kind, and its message may show the key
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise PolicyError(f"ledger.key: not an unencrypted Ed25519 private key in PEM; {_FIX}")
    key_id = _id(key.public_key())

    def sign(text: str) -> Mapping[str, str]:
        return {
            names.LEDGER_SIGNATURE: b64encode(key.sign(text.encode())).decode(),
            names.LEDGER_KEY: key_id,
        }

    return sign


def checker(pem: bytes) -> tuple[str, Check]:
    """The id of the public key in `pem`, and a function that checks signatures with it.

    Raises:
        PolicyError: it is not such a key, or `cryptography` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    except ImportError:
        raise _missing() from None
    try:
        key = load_pem_public_key(pem)
    except Exception:  # noqa: BLE001 - of any kind
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise PolicyError(
            "not an Ed25519 public key in PEM; make it with: openssl pkey -in key.pem -pubout -out public.pem"
        )

    def check(text: str, signature: str) -> bool:
        try:
            decoded = b64decode(signature, validate=True)
            key.verify(decoded, text.encode())
        except (InvalidSignature, ValueError):
            return False
        # Base64 ignores some bits of the last letter: another letter there would pass as the same signature.
        return b64encode(decoded).decode() == signature

    return _id(key), check


def _id(key: "Ed25519PublicKey") -> str:
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def _missing() -> PolicyError:
    return PolicyError("signatures need cryptography; install otel-residency[audit]")

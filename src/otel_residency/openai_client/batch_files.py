"""What the files hold that this process uploaded for batches, until a batch names them.

Kept in the process alone, by a keyed hash of host and id: an id says nothing at another host. A file that is
not known, since another process uploaded it or too many came after it, was not seen.
"""

import os
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_residency.openai_client.batches import Contents

REMEMBERED = 4096
"""Files. What is kept of one is small: a few kinds of lines, and how many there are of each."""

_KEY = os.urandom(16)
_known: "dict[bytes, Contents]" = {}


def remember(host: str, file_id: str, contents: "Contents") -> None:
    """Keep what a file holds, and let the oldest go. Needs no lock: each step is one of the dict's own."""
    key = _hash(host, file_id)
    _known.pop(key, None)
    _known[key] = contents
    with suppress(RuntimeError, StopIteration):  # another thread was at it, and the next one goes on
        while len(_known) > REMEMBERED:
            _known.pop(next(iter(_known)), None)


def recall(host: str, file_id: str) -> "Contents | None":
    """What a file holds, if it is known."""
    return _known.get(_hash(host, file_id))


def _hash(host: str, file_id: str) -> bytes:
    return blake2b(f"{host} {file_id}".encode("utf-8", "surrogatepass"), digest_size=16, key=_KEY).digest()

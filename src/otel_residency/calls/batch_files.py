"""What the files hold that this process uploaded for batches, until a batch names them.

Kept in the process alone, by a keyed hash of host and id: an id says nothing at another host. A file that is
not known, since another process uploaded it or too many came after it, was not seen.
"""

import os
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from otel_residency.calls.batches import Contents, Parts

_KEY = os.urandom(16)
_Value = TypeVar("_Value")


class HashedCache(Generic[_Value]):
    """What is known of each id at each host. Needs no lock: each step is one of the dict's own."""

    def __init__(self, most: int) -> None:
        """Keep the latest `most`."""
        self._most = most
        self._known: dict[bytes, _Value] = {}

    def put(self, host: str, name: str, value: _Value) -> None:
        """Keep `value`, and let the oldest go."""
        key = _hash(host.encode() + b" ", name)
        self._known.pop(key, None)
        self._known[key] = value
        with suppress(RuntimeError, StopIteration):  # another thread was at it, and the next one goes on
            while len(self._known) > self._most:
                self._known.pop(next(iter(self._known)), None)

    def get(self, host: str, name: str) -> _Value | None:
        """What is kept, if it is known."""
        return self._known.get(_hash(host.encode() + b" ", name))

    def drop(self, host: str, name: str) -> None:
        """Forget it."""
        self._known.pop(_hash(host.encode() + b" ", name), None)


files: "HashedCache[Contents]" = HashedCache(4096)
"""What is kept of one is small: a few kinds of lines, and how many there are of each."""
uploads: "HashedCache[Parts]" = HashedCache(16)
"""Uploads in parts that are under way. Of each a line may be held that is cut between two parts."""


def follow(order: bytes, part_id: str) -> bytes:
    """What stands for the ids of parts in their order: those of `order`, and then `part_id`."""
    return _hash(order, part_id)


def _hash(before: bytes, name: str) -> bytes:
    return blake2b(before + name.encode("utf-8", "surrogatepass"), digest_size=16, key=_KEY).digest()

"""The latest values by host and id."""

import os
from hashlib import blake2b
from typing import Generic, TypeVar

from otel_residency.core.interruption import reraise_interruption

_Value = TypeVar("_Value")
# With a key: without one, whoever sees the memory could try ids. A forked child goes on with the same key.
_KEY = os.urandom(16)


class HashedCache(Generic[_Value]):
    """The latest values by host and id, under a keyed hash: an id has no meaning at another host.

    Needs no lock: each step is one operation of a dictionary.
    """

    def __init__(self, limit: int) -> None:
        """Keep the latest `limit` values."""
        self._limit = limit
        self._values: dict[bytes, _Value] = {}

    def put(self, host: str, name: str, value: _Value) -> None:
        """Keep `value`, and drop the oldest one if there are too many."""
        key = keyed_hash(host.encode() + b" ", name)
        self._values.pop(key, None)
        self._values[key] = value  # removed first, since a key that is set again keeps its place
        try:
            while len(self._values) > self._limit:
                self._values.pop(next(iter(self._values)), None)
        # Another thread may change the dictionary meanwhile; then the next call drops what is too much.
        except (RuntimeError, StopIteration):
            reraise_interruption()

    def get(self, host: str, name: str) -> _Value | None:
        """The value, if it is kept."""
        return self._values.get(keyed_hash(host.encode() + b" ", name))

    def drop(self, host: str, name: str) -> None:
        """Forget the value."""
        self._values.pop(keyed_hash(host.encode() + b" ", name), None)

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()


def keyed_hash(before: bytes, name: str) -> bytes:
    """The hash of a name after what came before it."""
    return blake2b(before + name.encode("utf-8", "surrogatepass"), digest_size=16, key=_KEY).digest()

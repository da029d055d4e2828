"""The regions in which files, responses and other stored things were created, by the hash of their id."""

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

from otel_residency.core.interruption import reraise_interruption
from otel_residency.core.regions import UNKNOWN

if TYPE_CHECKING:
    from otel_residency.calls.created_store import CreatedStore

LIMIT = 65_536
"""Things that a process remembers; the one that was not looked up for the longest time is dropped first."""
# Without a key, unlike `batches`: processes that share a file of state must come to the same hash.
_HASH = blake2b(digest_size=16, person=b"otel-residency")


class CreatedObjects:
    """Remembers where things were created: in this process, and in a file if there is one.

    Needs no lock: each step is one operation of an ordered dictionary, which is atomic.
    """

    def __init__(self, store: "CreatedStore | None" = None) -> None:
        """Use `store`, the file that outlives the process."""
        self._store = store
        self._regions: OrderedDict[bytes, str] = OrderedDict()

    def remember(self, name: str, region: str) -> None:
        """Note that the thing with the id `name` is in `region`."""
        key = _hashed(name)
        if self._regions.get(key, region) != region:  # two gateways may give two things the same id
            # Kept as unknown: a third answer for the same id must not look certain
            # (tests/calls/test_created_objects.py, test_two_things_of_one_id_are_not_distinguished).
            region = UNKNOWN
        if self._keep(key, region) and self._store is not None:
            self._store.put(key, region)

    def region_of(self, name: str) -> str | None:
        """The region of the thing with the id `name`; `None` if it is not known."""
        key = _hashed(name)
        region = self._regions.get(key)
        if region is None and self._store is not None:
            region = self._store.region_of(key)
        if region is not None:
            self._keep(key, region)
        return region

    def _keep(self, key: bytes, region: str) -> bool:
        """Keep it as the latest, and return whether it changed."""
        regions = self._regions
        before = regions.get(key)
        regions[key] = region
        try:
            regions.move_to_end(key)
            if len(regions) > LIMIT:
                regions.popitem(last=False)
        except KeyError:  # another thread has dropped it meanwhile
            reraise_interruption()
        return before != region


def _hashed(name: str) -> bytes:
    # Ids come from JSON, which may hold lone surrogates.
    digest = _HASH.copy()
    digest.update(name.encode("utf-8", "surrogatepass"))
    return digest.digest()

"""Where the things were created that the vendor keeps: their ids, hashed, and the region of each."""

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

from otel_residency.core.classify import UNKNOWN

if TYPE_CHECKING:
    from otel_residency.calls.created_store import CreatedStore

KEPT = 65_536
"""Things that a process remembers. The one that was not asked for the longest is forgotten first."""
_HASH = blake2b(digest_size=16, person=b"otel-residency")


class CreatedObjects:
    """Remembers where things were created: in this process, and in a store if there is one.

    Nothing here waits for a lock: each step is one of an ordered dictionary, which no other thread divides.
    """

    def __init__(self, store: "CreatedStore | None" = None) -> None:
        """Begin with what `store` holds."""
        self._store = store
        self._regions: OrderedDict[bytes, str] = OrderedDict()

    def remember(self, name: str, region: str) -> None:
        """Note that the thing with the id `name` is in `region`."""
        key = _hashed(name)
        if self._regions.get(key, region) != region:  # two gateways may give two things the same id
            region = UNKNOWN
        if self._keep(key, region) and self._store is not None:
            self._store.put(key, region)

    def region_of(self, name: str) -> str | None:
        """The region of the thing with the id `name`; `None` if it was not seen."""
        key = _hashed(name)
        region = self._regions.get(key)
        if region is None and self._store is not None:
            region = self._store.region_of(key)
        if region is not None:
            self._keep(key, region)
        return region

    def _keep(self, key: bytes, region: str) -> bool:
        """Keep it as the latest; whether that is news."""
        regions = self._regions
        known = regions.get(key)
        regions[key] = region
        try:
            regions.move_to_end(key)
            if len(regions) > KEPT:
                regions.popitem(last=False)
        except KeyError:  # another thread has dropped it
            pass
        return known != region


def _hashed(name: str) -> bytes:
    own = _HASH.copy()
    own.update(name.encode("utf-8", "surrogatepass"))
    return own.digest()

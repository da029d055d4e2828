"""A request that is about to be sent, and whether it still is what it was when it was judged."""

from typing import Any

from otel_residency.calls.body import body_of
from otel_residency.calls.request import NAME_IN_TLS, TARGET, TrackedHeaders, read_hop, read_routing_headers


class RequestSnapshot:
    """A request as it was when it was read.

    Attributes:
        request: itself.
        hop: where it goes.
        said: what it says of that besides its URL.
        body: what it sends.
    """

    __slots__ = ("_headers", "_url", "body", "hop", "request", "said")

    def __init__(self, request: Any, tracked_headers: TrackedHeaders, *, redirected: bool = False) -> None:
        """Read `request` and those of its headers that are `tracked_headers`."""
        self.request = request
        self._url = request.url
        self._headers = request.headers.raw
        self.said = read_routing_headers(request, self._headers, tracked_headers)
        self.hop = read_hop(request, self.said, redirected=redirected)
        self.body = body_of(request)

    def is_still(self, request: Any, tracked_headers: TrackedHeaders) -> bool:
        """Whether `request` is this one, and would be read the same."""
        if request is not self.request or request.url is not self._url:
            return False
        if TARGET in request.extensions or body_of(request) is not self.body:
            return False
        headers = request.headers.raw
        if headers == self._headers and not request.extensions.get(NAME_IN_TLS):
            return True
        return read_routing_headers(request, headers, tracked_headers) == self.said

"""The far ends of the demo: what its hosts answer, and what they write down of each request."""

import json
import re
from collections.abc import Mapping
from itertools import count

from examples.demo.answers import answer, server_sent
from examples.demo.journal import Journal
from examples.demo.loopback import Asked, Reply

MARKER = re.compile(rb"SECRET-[0-9a-f]{8}")
EDGES = {"eu.api.openai.com": "FRA", "api.openai.com": "IAD", "us.api.openai.com": "IAD"}


class FarEnds:
    """What every host of the demo does with a request."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._numbers = count(1)

    def respond(self, asked: Asked) -> Reply:
        """Write down what was in the request, and answer it."""
        markers = sorted({found.decode() for found in MARKER.findall(asked.path.encode() + asked.body)})
        self._journal.write(
            "request",
            host=asked.host,
            method=asked.method,
            path=asked.path,
            body_bytes=len(asked.body),
            markers=markers,
        )
        is_json = asked.headers.get_content_type() == "application/json"
        given = answer(
            asked.host,
            asked.method,
            asked.path,
            json.loads(asked.body) if is_json and asked.body else {},
            authorized="authorization" in asked.headers,
        )
        headers = {**self._usual_headers(asked.host), **given.headers}
        if given.events:
            headers["content-type"] = "text/event-stream; charset=utf-8"
            return Reply(given.status, headers, server_sent(given.events))
        headers["content-type"] = "application/json"
        return Reply(given.status, headers, json.dumps(given.body).encode() if given.body else b"")

    def _usual_headers(self, host: str) -> Mapping[str, str]:
        number = next(self._numbers)
        headers = {
            "x-request-id": f"req_{number:032x}",
            "openai-organization": "example-gmbh",
            "openai-project": "proj_demo",
            "openai-processing-ms": "42",
            "openai-version": "2020-10-01",
        }
        if edge := EDGES.get(host):
            headers["cf-ray"] = f"{number:016x}-{edge}"
        return headers

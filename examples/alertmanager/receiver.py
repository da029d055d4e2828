"""Prints each alert that Alertmanager sends: `python receiver.py [PORT]`. Standard library only."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Takes the webhooks of all receivers; the path names which one it is."""

    def do_GET(self) -> None:
        """Tell that it is there."""
        self._done()

    def do_POST(self) -> None:
        """Print one line for each alert."""
        for alert in json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]:
            summary = alert["annotations"].get("summary", "")
            print(f"{self.path[1:]}: {alert['status']} {alert['labels']['alertname']}: {summary}", flush=True)
        self._done()

    def _done(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the alerts are enough."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    ThreadingHTTPServer(("", port), Receiver).serve_forever()

"""One ordinary application, run twice: its calls are first flagged, then blocked."""

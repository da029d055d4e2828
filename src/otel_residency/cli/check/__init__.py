"""One imagined call, judged."""

"""Spans, metrics and events, by the names of the registry."""

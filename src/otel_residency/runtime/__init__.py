"""The state that a process has while otel-residency is active."""

"""`otel-residency doctor`: what is guarded in this environment, what is not, and what to do about it."""

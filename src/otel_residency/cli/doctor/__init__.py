"""`otel-residency doctor`: whether calls in this environment are guarded, and how to fix it."""

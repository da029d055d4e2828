"""`otel-residency run`: start a program guarded, or not at all."""

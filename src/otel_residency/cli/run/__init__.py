"""`otel-residency run`: start a program with the guard, or refuse to start it."""

"""The export gate: no telemetry carries a violating prompt out, and none disappears silently."""

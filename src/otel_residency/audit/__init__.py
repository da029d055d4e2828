"""Reading what was recorded: runs where neither OpenTelemetry nor openai is installed."""

"""The variables of the settings, each as a constant: `opentelemetry-instrument` offers each as a flag."""

from otel_residency.settings.table import SETTINGS

globals().update({setting.variable: setting.variable for setting in SETTINGS})

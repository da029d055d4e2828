"""The settings: each with its environment variable, its key in the policy file and its default."""

from typing import NamedTuple

PREFIX = "OTEL_RESIDENCY_"


class Setting(NamedTuple):
    """One setting."""

    variable: str
    key: str
    """Key of the policy file; of `enabled`, `policy` and `catalogue`, the name of the argument."""
    default: str
    meaning: str


ENABLED = Setting(
    variable="OTEL_RESIDENCY_ENABLED",
    key="enabled",
    default="true",
    meaning="Switch everything off with false.",
)
POLICY = Setting(
    variable="OTEL_RESIDENCY_POLICY",
    key="policy",
    default="",
    meaning="Path of the TOML policy.",
)
CATALOGUE = Setting(
    variable="OTEL_RESIDENCY_CATALOGUE",
    key="catalogue",
    default="newest",
    meaning="Revision id to pin, or path of a catalogue file.",
)
LEDGER = Setting(
    variable="OTEL_RESIDENCY_LEDGER",
    key="ledger.path",
    default="",
    meaning="File or directory of the audit ledger.",
)
LEDGER_KEY = Setting(
    variable="OTEL_RESIDENCY_LEDGER_KEY",
    key="ledger.key",
    default="",
    meaning="Private key that the ledger is signed with: path, or PEM.",
)
POLICY_SETTINGS = (
    Setting(
        variable="OTEL_RESIDENCY_REQUIRE",
        key="require",
        default="",
        meaning="Regions every call must stay in, separated by commas.",
    ),
    Setting(
        variable="OTEL_RESIDENCY_SCOPE",
        key="scope",
        default="processing",
        meaning="What must be in the region.",
    ),
    Setting(
        variable="OTEL_RESIDENCY_ON_CALL",
        key="on_call",
        default="flag",
        meaning="What the call guard does with a violation.",
    ),
    Setting(
        variable="OTEL_RESIDENCY_ON_EXPORT",
        key="on_export",
        default="flag",
        meaning="What the export gate does with telemetry of a violation.",
    ),
    Setting(
        variable="OTEL_RESIDENCY_STRICT",
        key="strict",
        default="false",
        meaning="Treat everything but eligible as a violation.",
    ),
)
"""Those that give the value of a top-level key of the policy file."""
SETTINGS = (ENABLED, *POLICY_SETTINGS, POLICY, CATALOGUE, LEDGER, LEDGER_KEY)

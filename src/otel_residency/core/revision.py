"""The classes of a revision: the vendor's table as of one date. The fields are the keys of the data files.

Named tuples, for the reason that `core.entries` gives.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Strings = tuple[str, ...]
Needs = tuple[tuple[str, ...], ...]
"""Attestations that must hold: of each group at least one."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


class RegionTerms(NamedTuple):
    """The terms of one region in one revision."""

    name: str
    host: str
    storage: Literal["yes", "no"]
    processing: Literal["yes", "no", "models-unknown"]
    prefix_required: bool
    modes: Strings
    needs: Needs
    image_needs: Needs


class Row(NamedTuple):
    """One row of the vendor's table. `models=None`: the row applies to the service with any model."""

    id: str
    services: Strings
    storage: Strings
    processing: Strings
    kind: Literal["endpoint", "feature", "modalities"] = "endpoint"
    models: Strings | None = None
    model_regions: Mapping[str, Strings] = NOTHING
    """Models that the row lists only for these regions."""
    processing_models: Mapping[str, Strings] = NOTHING
    """Regions in which only these models are processed."""
    values: Strings = ()
    footnote_values: Mapping[str, Strings] = NOTHING
    note: str | None = None
    processing_note: str | None = None


# Footnotes are data like rows: the vendor changes them with its table, and a call of last year is judged by
# those of last year.
class FeatureRule(NamedTuple):
    """A footnote: the verdict for a feature of a service in some regions."""

    service: str
    feature: str
    reason: str
    verdict: Literal["conditional", "indeterminate", "ineligible"]
    text: str
    regions: Strings = ()
    outside_regions: Strings = ()
    without_processing: bool = False
    unless: Strings = ()


class TierRule(NamedTuple):
    """A footnote on service tiers. No `models`: all of them; no `regions`: every region."""

    text: str
    models: Strings = ()
    services: Strings = ()
    regions: Strings = ()
    tier: str | None = None
    denied_tiers: Strings = ()
    allowed_tiers: Strings = ()
    allowed_regions: Strings = ()


class Retention(NamedTuple):
    """A row of the vendor's retention table: what it stores of a service's data, and which terms cover it.

    `None` for a column that was not transcribed.
    """

    service: str
    abuse: str | None = None
    state: str | None = None
    zdr: str | None = None
    """Whether Zero Data Retention covers it: begins with `yes` or `no`."""
    private: str | None = None
    """The same of Private Retention and Safety Retention, also `to be confirmed`."""
    last_seen: str | None = None


class Revision(NamedTuple):
    """The vendor's table, as of one date."""

    id: str
    effective_from: date
    source: str
    completeness: str
    translated: str
    observed_until: date | None = None
    """The last day on which the table was seen."""
    effective_from_note: str | None = None
    superseded_by: str | None = None
    inherits: str | None = None
    """The revision whose regions, rows and rules apply where this one has none."""
    regions: Mapping[str, RegionTerms] = NOTHING
    rows: tuple[Row, ...] = ()
    feature_rules: tuple[FeatureRule, ...] = ()
    tier_rules: tuple[TierRule, ...] = ()
    retention: tuple[Retention, ...] = ()
    footnotes: Mapping[str, str] = NOTHING
    conditions: Strings = ()
    pricing: str | None = None
    models_unknown: Strings = ()
    """Models of which this partial copy does not show whether they are listed."""
    known_changes: Strings = ()
    not_listed_examples: Strings = ()
    notes: Strings = ()

    @property
    def is_complete(self) -> bool:
        """Whether the whole table was read, and leaves no model open."""
        return self.completeness.startswith("complete") and not self.models_unknown

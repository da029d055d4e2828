"""What the dashboards ask, over the series that examples/prometheus/residency-alerts.yaml records."""

from typing import Final

CALLS: Final = "job:residency_calls:delta1m"
AT_COLLECTOR: Final = "job:residency_collector_calls:delta1m"
ITEMS: Final = "job:residency_export_items:delta1m"
LATENCY: Final = "region:residency_collector_duration_seconds_bucket:delta1m"

OF_SERVICE: Final = 'job=~"$service"'
WITH_CONTENT: Final = f'{OF_SERVICE}, residency_verdict!="not_applicable"'
"""Lists of models and the like carry nothing that could leave."""
LEFT: Final = f'{OF_SERVICE}, residency_violation="true", residency_action!="blocked"'
BLOCKED: Final = f'{OF_SERVICE}, residency_action="blocked"'
SHADOW: Final = f'{OF_SERVICE}, residency_shadow="true"'
JUDGED: Final = f'{OF_SERVICE}, residency_shadow!="true", residency_collector_redacted!="true"'
REDACTED: Final = f'{OF_SERVICE}, residency_collector_redacted="true"'

FATES: Final = {
    name: f'{OF_SERVICE}, residency_verdict="{verdict}", residency_action!="blocked"'
    for name, verdict in (
        ("kept", "eligible"),
        ("kept, if what is attested holds", "conditional"),
        ("not known", "indeterminate"),
        ("broken", "ineligible"),
    )
} | {"stopped before it left": BLOCKED}
"""What became of the promise: every call with content is in one of them."""


def total(series: str, selection: str, *by: str, over: str = "$__range") -> str:
    """How many of `series` there were, by labels; whole numbers, even of a process that made one call."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (sum_over_time({series}{{{selection}}}[{over}]))"


def or_none(expression: str) -> str:
    """Zero where nothing was counted."""
    return f"{expression} or vector(0)"


def share(selection: str) -> str:
    """The share that a selection has in the calls with content."""
    return f"({or_none(total(CALLS, selection))}) / {total(CALLS, WITH_CONTENT)}"


def quantile(share_of_calls: float) -> str:
    """The seconds within which that share of the calls to a region was over."""
    buckets = f"sum by (le, residency_region) (sum_over_time({LATENCY}[$__interval]))"
    return f"histogram_quantile({share_of_calls}, {buckets})"


GUARDED: Final = f"group by (job) (residency_policy_info{{{OF_SERVICE}}})"
REPORTING: Final = f"group by (job) (target_info{{{OF_SERVICE}}})"
UNGUARDED: Final = f"{REPORTING} unless on (job) {GUARDED}"
COVERAGE: Final = f"({or_none(f'count({REPORTING} and on (job) {GUARDED})')}) / count({REPORTING})"
POLICIES: Final = (
    "max by (job, residency_policy, residency_catalogue, residency_mode_on_call, residency_mode_on_export, "
    f"residency_mode_strict) (residency_policy_info{{{OF_SERVICE}}})"
)
AGE: Final = (
    f"time() - min by (job, residency_catalogue) (residency_catalogue_timestamp_seconds{{{OF_SERVICE}}})"
)

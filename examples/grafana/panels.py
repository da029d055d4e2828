"""The kinds of panel that the dashboards are made of."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, piechart, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.piechart import PieChartLegendValues, PieChartType
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = models.DataSourceRef(type_val="prometheus", uid="prometheus")
JAEGER: Final = models.DataSourceRef(type_val="jaeger", uid="jaeger")

COLUMNS: Final = {
    "job": "service",
    "residency_verdict": "verdict",
    "residency_region": "region",
    "residency_endpoint": "endpoint",
    "residency_action": "action",
    "residency_reasons": "reasons",
    "residency_policy": "policy",
    "residency_catalogue": "table",
    "residency_mode_on_call": "on call",
    "residency_mode_on_export": "on export",
    "residency_mode_strict": "strict",
}
"""How labels are called in tables."""


def number(
    title: str, says: str, query: str, *, unit: str = "short", bad_from: float | None = None
) -> stat.Panel:
    """One number; red from `bad_from` on."""
    steps = [models.Threshold(value=None, color="blue" if bad_from is None else "green")]
    if bad_from is not None:
        steps.append(models.Threshold(value=bad_from, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(says)
        .datasource(PROMETHEUS)
        .unit(unit)
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_now(query))
        .span(4)
        .height(4)
    )


def over_time(
    title: str, says: str, queries: Mapping[str, str], *, unit: str = "short", stacked: bool = True
) -> timeseries.Panel:
    """Lines over time; `queries` by the legend of their lines."""
    mode = options.StackingMode.NORMAL if stacked else options.StackingMode.NONE
    panel = (
        timeseries.Panel()
        .title(title)
        .description(says)
        .datasource(PROMETHEUS)
        .interval("1m")  # that of the recorded series
        .unit(unit)
        .min(0)
        .stacking(common.StackingConfig().mode(mode))
        .fill_opacity(20 if stacked else 0)
        .span(8)
        .height(8)
    )
    for ref, (legend, query) in zip("ABCDEF", queries.items(), strict=False):
        panel.with_target(prometheus.Dataquery().expr(query).range().legend_format(legend).ref_id(ref))
    return panel


def parts(title: str, says: str, queries: Mapping[str, tuple[str, str]]) -> piechart.Panel:
    """Parts of a whole: query and colour by name."""
    legend = (
        piechart.PieChartLegendOptions()
        .display_mode(options.LegendDisplayMode.TABLE)
        .placement(options.LegendPlacement.RIGHT)
        .show_legend(show_legend=True)
        .values([PieChartLegendValues.VALUE, PieChartLegendValues.PERCENT])
    )
    panel = (
        piechart.Panel()
        .title(title)
        .description(says)
        .datasource(PROMETHEUS)
        .pie_type(PieChartType.DONUT)
        .legend(legend)
        .span(12)
        .height(9)
    )
    for ref, (name, (query, colour)) in zip("ABCDEF", queries.items(), strict=False):
        panel.with_target(_now(query).legend_format(name).ref_id(ref))
        fixed = models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        panel.override_by_name(name, [fixed])
    return panel


def rows(title: str, says: str, query: str, value: str | None, *, unit: str = "short") -> table.Panel:
    """A table of labels and, if `value` names it, of their value."""
    columns = {
        "excludeByName": {"Time": True, **({} if value else {"Value": True})},
        "renameByName": COLUMNS | ({"Value": value} if value else {}),
    }
    panel = (
        table.Panel()
        .title(title)
        .description(says)
        .datasource(PROMETHEUS)
        .no_value("none")
        .with_target(_now(query).format(PromQueryFormat.TABLE))
        .with_transformation(models.DataTransformerConfig(id_val="organize", options=columns))
        .span(12)
        .height(9)
    )
    if value:
        panel.override_by_name(value, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return panel


class JaegerQuery(Dataquery, Builder[Dataquery]):
    """A search in Jaeger; the SDK has no type for it."""

    def __init__(self, service: str, tags: str, limit: int) -> None:
        """`tags` as a user types them: `residency.violation=true`."""
        self._asked = {"queryType": "search", "service": service, "tags": tags, "limit": limit}

    def build(self) -> "JaegerQuery":
        """It is what it builds."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the data source of Jaeger reads it."""
        return {"refId": "A", "datasource": JAEGER.to_json(), **self._asked}


def traces(title: str, says: str, service: str, tags: str) -> table.Panel:
    """Traces that a search finds."""
    panel = table.Panel().title(title).description(says).datasource(JAEGER)
    return panel.with_target(JaegerQuery(service, tags, limit=20)).span(24).height(8)


def _now(query: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query).instant().ref_id("A")

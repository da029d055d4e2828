"""Real calls through real programs: alerts arrive, and every panel has something to show."""

import json
import math
from collections.abc import Iterator
from time import time
from typing import Any
from urllib.parse import urlencode

import pytest

from examples.demo.cases import CASES
from examples.grafana import queries
from examples.grafana.dashboards import DASHBOARDS, FOLDER
from examples.stack.__main__ import send
from examples.stack.monitoring import alertmanager_running, prometheus_running
from examples.stack.programs import read, until
from examples.stack.services import collector_running, jaeger_running
from tests.internet import Internet
from tests.monitoring.conftest import Program
from tests.monitoring.running import (
    Backends,
    call_guarded,
    call_unguarded,
    quicker,
    receiving,
)
from tools import debian

EXPECTED = {
    ("ResidencyViolation", "claims-flag", "data-protection"),
    ("ResidencyViolation", "claims-flag", "platform"),
    ("ResidencyCallBlocked", "claims-block", "platform"),
    ("ResidencyShadowCaller", "unguarded", "platform"),
    ("ResidencyContentRedactedAtCollector", "unguarded", "platform"),
    ("ResidencyPolicyAbsent", "unguarded", "data-protection"),
    ("ResidencyPolicyDiffers", "desk", "platform"),
}
VARIABLES = {"$service": ".*", "$__range": "15m", "$__interval": "1m", "$trace_service": "claims-flag"}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name in DASHBOARDS
    for panel in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["panels"]
    if panel["type"] != "text"
]


@pytest.fixture(scope="module")
def backends(
    tmp_path_factory: pytest.TempPathFactory, program: Program, _connection: Internet
) -> Iterator[Backends]:
    """All of them, with the calls of four services in them."""
    program(debian.prometheus)
    directory = tmp_path_factory.mktemp("monitoring")
    rules = quicker(directory)
    with (
        receiving() as (receiver, alerts),
        alertmanager_running(directory, receiver, group_wait="0s", group_interval="1s") as alertmanager,
        jaeger_running(directory) as jaeger,
        collector_running(directory, jaeger.otlp, SAMPLING_PERCENTAGE="100") as collector,
        prometheus_running(directory, collector.metrics, alertmanager, rules=rules, every="1s") as prometheus,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_PROXY", "127.0.0.1")  # the proxy of the tests' internet knows no Collector
            call_unguarded(collector.otlp)
            call_guarded(collector.otlp)
        send(collector, directory, {})
        yield Backends(prometheus, jaeger.query, alerts)


def test_alerts_of_real_calls_arrive_at_their_receivers(backends: Backends) -> None:
    """What services did is told to whom the routes name; all of it within the patience of a test."""

    def arrived() -> set[tuple[str, str, str]]:
        return {
            (alert["labels"]["alertname"], alert["labels"].get("job", ""), alert["receiver"])
            for alert in backends.alerts
        }

    until(lambda: arrived() >= EXPECTED, f"alerts {EXPECTED}")
    alerts = json.dumps(backends.alerts)
    assert "SECRET" not in alerts
    assert ("ResidencyViolation", "claims-block") not in {each[:2] for each in arrived()}


def test_no_call_is_lost_and_none_counted_twice(backends: Backends) -> None:
    """Sums of the recorded series are the calls that were made, though each process lived but a second."""

    def counted(selection: str) -> float:
        found = backends.query(f"sum(sum_over_time({queries.CALLS}{{{selection}}}[15m])) or vector(0)")
        return float(found[0]["value"][1])

    violations = sum(case.violates for case in CASES)
    assert counted('job="claims-flag"') == counted('job="claims-block"') == len(CASES)
    assert counted('job="claims-flag", residency_action="flagged"') == violations
    assert counted('job="claims-block", residency_action="blocked"') == violations


def test_what_became_of_the_promise_are_parts_of_a_whole(backends: Backends) -> None:
    """Each call with content is in exactly one part."""

    def counted(selection: str) -> float:
        query = with_variables(queries.or_none(queries.total(queries.CALLS, selection)))
        return float(backends.query(query)[0]["value"][1])

    parts = [counted(selection) for selection in queries.FATES.values()]
    assert all(parts)
    assert sum(parts) == counted(queries.WITH_CONTENT)


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_has_something_to_show(panel: dict[str, Any], backends: Backends) -> None:
    """Each query of the committed dashboards, as Grafana would send it, is answered with data."""
    for target in panel["targets"]:
        until(lambda: shown(target, backends), with_variables(json.dumps(target)))  # noqa: B023


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_variable_has_values(name: str, backends: Backends) -> None:
    """What can be chosen at the top of a dashboard are the services."""
    dashboard = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for variable in dashboard["templating"]["list"]:
        series, label = variable["query"].removeprefix("label_values(").removesuffix(")").split(", ")
        url = f"{backends.prometheus}/api/v1/label/{label}/values?{urlencode({'match[]': series})}"
        assert {"claims-flag", "claims-block", "desk"} <= set(json.loads(read(url))["data"])


def shown(target: dict[str, Any], backends: Backends) -> bool:
    """Whether the query of a panel is answered with more than zeros."""
    if target.get("queryType") == "search":
        key, value = target["tags"].split("=")
        request = {
            "service": with_variables(target["service"]),
            "tags": json.dumps({key: value}),
            "limit": str(target["limit"]),
        }
        return bool(json.loads(read(f"{backends.jaeger}/api/traces?{urlencode(request)}"))["data"])
    query = with_variables(target["expr"])
    now = time()
    if target.get("range"):
        found = [value for each in backends.query_range(query, now - 900, now) for value in each["values"]]
    else:
        found = [each["value"] for each in backends.query(query)]
    return any(float(value) > 0 and not math.isnan(float(value)) for _, value in found)


def with_variables(query: str) -> str:
    """A query as Grafana fills it in."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return query

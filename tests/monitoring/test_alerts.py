"""The alert rules, by Prometheus' own tool, and what is written about them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.stack.monitoring import PROMETHEUS, RULES
from otel_residency.core.rules.age import STALE_AFTER
from tests.monitoring.conftest import Program
from tools import debian

ROOT = Path(__file__).parent.parent.parent
UNIT_TESTS = RULES.with_name("residency-alerts.test.yaml")
UNITS = {"s": "_seconds"}
KINDS = {"counter": "_total", "histogram": "_bucket", "gauge": ""}


def read(file: Path) -> Any:
    """The content of a YAML file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


RULE = [rule for group in read(RULES)["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULE if "alert" in rule]


def in_prometheus(metric: dict[str, Any]) -> str:
    """The name that a metric of the registry has in Prometheus."""
    return (
        metric["metric_name"].replace(".", "_") + UNITS.get(metric["unit"], "") + KINDS[metric["instrument"]]
    )


def test_promtool_accepts_the_configuration_and_the_unit_tests_of_the_rules_pass(program: Program) -> None:
    """`promtool check config` and `promtool test rules` succeed on the committed files."""
    promtool = program(debian.promtool)
    for command in (("check", "config", PROMETHEUS.name), ("test", "rules", UNIT_TESTS.name)):
        done = subprocess.run(
            [promtool, *command], cwd=RULES.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", [alert["alert"] for alert in ALERTS])
def test_each_alert_is_tested_firing_and_not_firing(alert: str) -> None:
    """The unit tests expect each alert at some time, and at another time do not."""
    expected = [
        bool(case["exp_alerts"])
        for test in read(UNIT_TESTS)["tests"]
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == alert
    ]
    assert set(expected) == {True, False}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_has_a_meaning_and_a_runbook(alert: dict[str, Any]) -> None:
    """Summary, description and severity are there, and the runbook is a section of docs/alerts.md."""
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["labels"]["severity"] in ("critical", "warning")
    page, anchor = alert["annotations"]["runbook_url"].split("#")
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = [heading.lower() for heading in re.findall(r"^### (\w+)$", text, flags=re.MULTILINE)]
    assert anchor in headings
    assert anchor == alert["alert"].lower()


def test_each_alert_of_the_page_is_a_rule() -> None:
    """docs/alerts.md describes no alert that there is not."""
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (Residency\w+)$", text, flags=re.MULTILINE)) == {a["alert"] for a in ALERTS}


def test_rules_query_names_that_are_emitted() -> None:
    """Every metric and label in the rules is of the registry, as Prometheus spells it."""
    groups = [
        group
        for file in ("residency.yaml", "collector.yaml")
        for group in read(ROOT / "registry" / file)["groups"]
    ]
    metrics = {in_prometheus(group) for group in groups if "metric_name" in group}
    labels = {
        attribute["id"].replace(".", "_")
        for group in groups
        for attribute in group.get("attributes", ())
        if "id" in attribute
    }
    recorded = {rule["record"] for rule in RULE if "record" in rule}
    expressions = " ".join(rule["expr"] for rule in RULE)
    used = set(re.findall(r"(?<![:\w])residency_\w+(?!:)", expressions))
    assert used <= metrics | labels
    assert set(re.findall(r"[\w]+:[\w]+:[\w]+", expressions)) <= recorded


def test_a_table_is_stale_for_the_alert_when_it_is_for_the_verdict() -> None:
    """The alert and `catalogue.stale` count the same number of days."""
    (stale,) = (alert for alert in ALERTS if alert["alert"] == "ResidencyCatalogueStale")
    assert f"> {STALE_AFTER} * 86400" in stale["expr"]

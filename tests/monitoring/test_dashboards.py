"""The dashboards that are committed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.grafana.dashboards import DASHBOARDS, FOLDER, written

ROOT = Path(__file__).parent.parent.parent
GRAFANA = ROOT / "examples" / "grafana"


def panels(name: str) -> list[dict[str, Any]]:
    """The panels of a committed dashboard."""
    return list(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["panels"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_committed_dashboard_is_what_the_code_writes(name: str) -> None:
    """`python -m examples.grafana.dashboards` would change nothing."""
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == written(name)


def test_no_other_dashboard_is_committed() -> None:
    """Each file is one of the code's."""
    assert {file.stem for file in FOLDER.iterdir()} == set(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_descriptions_and_do_not_overlap(name: str) -> None:
    """Each has a title, a description unless it is text itself, and a place of its own in 24 columns."""
    taken = set()
    for panel in panels(name):
        assert panel["title"]
        assert panel["type"] == "text" or panel["description"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & taken
        taken |= cells


def test_panels_use_the_data_sources_that_are_provisioned() -> None:
    """By the unique ids of the provisioning file."""
    file = GRAFANA / "provisioning" / "datasources" / "residency.yaml"
    provisioned = {
        (source["type"], source["uid"])
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    }
    used = {
        (panel["datasource"]["type"], panel["datasource"]["uid"])
        for name in DASHBOARDS
        for panel in panels(name)
        if panel["type"] != "text"
    }
    assert used == provisioned


def test_the_page_names_every_panel() -> None:
    """docs/dashboards.md lists the panels of both dashboards."""
    page = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| ([^|]+?) \|", page, flags=re.MULTILINE))
    assert {panel["title"] for name in DASHBOARDS for panel in panels(name)} <= listed

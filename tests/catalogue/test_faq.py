"""The table of February 2025 against the vendor's page, cell by cell.

`openai-2025-02.toml` has the facts of the page. They were transcribed from the page, not from the catalogue.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.revision import Row

FACTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("openai-2025-02.toml").read_text(encoding="utf-8")
)
REGIONS: dict[str, dict[str, str]] = FACTS["regions"]
REVISION = next(each for each in load_catalogue().revisions if each.id == "openai-2025-02")
ROWS = tuple(row for row in REVISION.rows if row.kind != "modalities")
MARKS = {"yes": True, "no": False}

Cells = dict[tuple[str, str | None, str, str], bool]
"""For service, snapshot, region and use whether the table says yes. `None`: the service has no snapshots."""


def _expected() -> Cells:
    """The cells of the page. It says of both uses at once: eligible to store and process data in a region."""
    return {
        (service, model, region, use): MARKS[row[region]]
        for row in FACTS["rows"]
        for service in row["services"]
        for model in row.get("models", [None])
        for region in REGIONS
        for use in ("storage", "processing")
    }


def _catalogued(rows: Iterable[Row]) -> Cells:
    """The same cells of rows of the catalogue."""
    return {
        (service, model, region, use): region in regions
        for row in rows
        for service in row.services
        for model in row.models or (None,)
        for region in REVISION.regions
        for use, regions in (("storage", row.storage), ("processing", row.processing))
    }


def _differences(rows: Iterable[Row]) -> set[tuple[str, str | None, str, str]]:
    """Cells that the page and `rows` have differently, or that one of them lacks."""
    expected, actual = _expected(), _catalogued(rows)
    return {cell for cell in expected.keys() | actual.keys() if expected.get(cell) != actual.get(cell)}


def test_the_table_equals_the_page() -> None:
    """All 152 cells: 36 pairs of service and snapshot and 2 features, 2 regions, storage and processing."""
    assert len(_expected()) == len(_catalogued(ROWS)) == 152
    assert _differences(ROWS) == set()


def test_the_rows_equal_the_page() -> None:
    """The page has nine rows with 30 snapshots; services and snapshots stand in its order."""
    expected = [(tuple(row["services"]), tuple(row.get("models", ()))) for row in FACTS["rows"]]
    assert (len(expected), sum(len(models) for _, models in expected)) == (9, 30)
    assert expected == [(row.services, row.models or ()) for row in ROWS]


def test_input_modalities_equal_the_page() -> None:
    """Text, images and audio in both regions, with the footnote on images in Europe: six cells."""
    (row,) = (row for row in REVISION.rows if row.kind == "modalities")
    expected = {region: tuple(values) for region, values in FACTS["modalities"].items()}
    assert sum(map(len, expected.values())) == 6
    assert expected == row.footnote_values
    assert {tuple(value.rstrip("*") for value in values) for values in expected.values()} == {row.values}


def test_footnotes_equal_the_page() -> None:
    """The column of Europe needs one attestation and images there another; the United States need none."""
    assert FACTS["footnotes"].keys() == REVISION.footnotes.keys()
    for code, region in REGIONS.items():
        images = next(value for value in FACTS["modalities"][code] if value.startswith("Image"))
        for mark, needs in (
            (region.get("footnote"), REVISION.regions[code].needs),
            (images.removeprefix("Image"), REVISION.regions[code].image_needs),
        ):
            assert needs == (((FACTS["footnotes"][mark],),) if mark else ())


def test_regions_equal_the_page() -> None:
    """Both regions have the name of their column and the host that the page says to use."""
    expected = {code: (region["name"], region["host"]) for code, region in REGIONS.items()}
    assert expected == {code: (terms.name, terms.host) for code, terms in REVISION.regions.items()}


@pytest.mark.parametrize(
    ("row", "model"),
    [pytest.param(row, model, id=f"{row.id} {model}") for row in ROWS for model in row.models or ()],
)
def test_a_missing_snapshot_is_noticed(row: Row, model: str) -> None:
    """The comparison reports exactly the cells of a snapshot that a copy of the table lacks."""
    models = tuple(name for name in row.models or () if name != model)
    changed = [row._replace(models=models) if each is row else each for each in ROWS]
    lacking = {(service, model) for service in row.services}
    # A row whose only snapshot is gone is one about the service.
    lacking |= {(service, None) for service in row.services if not models}
    assert {cell[:2] for cell in _differences(changed)} == lacking


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_missing_region_or_row_is_noticed(row: Row) -> None:
    """The comparison reports the cells of a region that a row of a copy lacks, and those of a row."""
    cells = _catalogued([row]).keys()
    for use in ("storage", "processing"):
        changed = [row._replace(**{use: ("us",)}) if each is row else each for each in ROWS]
        assert _differences(changed) == {cell for cell in cells if cell[2:] == ("eu", use)}
    assert _differences(each for each in ROWS if each is not row) == cells

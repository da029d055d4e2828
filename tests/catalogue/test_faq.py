"""The table of February 2025 against the vendor's own document, snapshot by snapshot."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.revision import Revision, Row

FILE = Path(__file__).parents[3] / "shared" / "sources" / "001_52817a538325c6d2.txt"
REVISION = next(each for each in load_catalogue().revisions if each.id == "openai-2025-02")
MARK = {"Yes": True, "No": False}


class Told(NamedTuple):
    """One row as the document shows it: services, models, and a mark for each region."""

    services: tuple[str, ...]
    models: tuple[str, ...]
    marks: tuple[bool, ...]


class Document(NamedTuple):
    """What the document's table says."""

    regions: tuple[str, ...]
    rows: tuple[Told, ...]
    modalities: tuple[tuple[str, ...], ...]
    footnotes: dict[str, str]


def _read(text: str) -> Document:
    """Read the table: one cell a line, a row ends with as many marks as there are regions."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    table = lines[lines.index("Supported Services") :]
    regions = tuple(_columns(table))
    body = table[table.index(regions[-1]) + 1 : table.index("Supported Input Modalities")]
    rest = table[table.index("Supported Input Modalities") + 1 :]
    width = next(number for number, line in enumerate(rest) if line.startswith("*")) // len(regions)
    modalities = tuple(tuple(rest[at * width : (at + 1) * width]) for at in range(len(regions)))
    footnotes = {
        mark: words for mark, _, words in (line.partition(" ") for line in rest) if mark.strip("*") == ""
    }
    return Document(regions, tuple(_rows(body, len(regions))), modalities, footnotes)


def _columns(table: list[str]) -> Iterator[str]:
    """Names of the columns between the last `Region` above them and the first service."""
    last = max(number for number, line in enumerate(table[:10]) if line == "Region")
    for line in table[last + 1 :]:
        if line.startswith("/v1/"):
            return
        yield line


def _rows(body: list[str], regions: int) -> Iterator[Told]:
    cells: list[str] = []
    marks: list[bool] = []
    for line in body:
        if line not in MARK:
            cells.append(line)
            continue
        marks.append(MARK[line])
        if len(marks) == regions:
            services = [cell for cell in cells if cell.startswith("/v1/")] or cells[:1]
            yield Told(tuple(services), tuple(cells[len(services) :]), tuple(marks))
            cells, marks = [], []
    assert not cells


def _told(row: Row, regions: list[str]) -> Told:
    """A row of the catalogue as the document would show it."""
    return Told(row.services, row.models or (), tuple(region in row.processing for region in regions))


def _differences(document: Document, revision: Revision) -> list[object]:
    """What the document and `revision` say differently about endpoints, features and regions."""
    regions = list(revision.regions)
    rows = [row for row in revision.rows if row.kind != "modalities"]
    ours = [_told(row, regions) for row in rows]
    different: list[object] = [pair for pair in zip(document.rows, ours, strict=False) if pair[0] != pair[1]]
    different += [row for row in rows if set(row.storage) != set(row.processing)]
    names = [name.rstrip("*") for name in document.regions]
    different += [names] if names != [terms.name for terms in revision.regions.values()] else []
    different += [len(ours)] if len(ours) != len(document.rows) else []
    return different


@pytest.fixture(scope="module")
def text() -> str:
    """The document, where the repository stands beside it."""
    if not FILE.exists():
        pytest.skip("the vendor's document is not beside this repository")
    return FILE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def document(text: str) -> Document:
    """Its table."""
    return _read(text)


def test_the_document_was_read(document: Document) -> None:
    """The reader found nine rows, among them the ten snapshots of chat completions."""
    assert len(document.rows) == 9
    assert document.rows[0].services == ("/v1/chat/completions",)
    assert len(document.rows[0].models) == 10
    assert sum(len(row.models) for row in document.rows) == 30


def test_the_table_equals_the_document(document: Document) -> None:
    """Services, snapshots and regions are the document's, row by row and in its order."""
    assert _differences(document, REVISION) == []


def test_input_modalities_equal_the_document(document: Document) -> None:
    """Text, images and audio, with the footnote on images in Europe."""
    row = next(row for row in REVISION.rows if row.kind == "modalities")
    assert document.modalities == tuple(row.footnote_values.values())
    assert document.modalities[0] == row.values


def test_footnotes_equal_the_document(document: Document) -> None:
    """Both footnotes, word for word."""
    assert document.footnotes == REVISION.footnotes


def test_hosts_equal_the_document(text: str) -> None:
    """The hosts of both regions are those that the document tells to use."""
    told = re.search(r"correct endpoint \((\S+) for US or (\S+) for Europe\)", text)
    assert told is not None
    assert told.groups() == tuple(terms.host for terms in REVISION.regions.values())


@pytest.mark.parametrize(
    ("row", "model"),
    [(row.id, model) for row in REVISION.rows for model in row.models or ()],
    ids=str,
)
def test_a_missing_snapshot_is_noticed(document: Document, row: str, model: str) -> None:
    """The comparison fails for a copy of the table without this one snapshot."""
    rows = tuple(
        each._replace(models=tuple(name for name in each.models or () if name != model))
        if each.id == row
        else each
        for each in REVISION.rows
    )
    assert len(_differences(document, REVISION._replace(rows=rows))) == 1


@pytest.mark.parametrize("row", [row.id for row in REVISION.rows if row.kind != "modalities"])
@pytest.mark.parametrize("field", ["storage", "processing"])
def test_a_missing_region_or_row_is_noticed(document: Document, row: str, field: str) -> None:
    """The comparison fails for a copy of the table without one region in a row, or without the row."""
    less = [each._replace(processing=("us",)) if each.id == row else each for each in REVISION.rows]
    if field == "storage":
        less = [each._replace(storage=("us",)) if each.id == row else each for each in REVISION.rows]
    assert _differences(document, REVISION._replace(rows=tuple(less)))
    gone = tuple(each for each in REVISION.rows if each.id != row)
    assert _differences(document, REVISION._replace(rows=gone))

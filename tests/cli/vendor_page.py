"""Renders a revision as the vendor's page, as Markdown, HTML or translated: two tables and footnotes."""

from collections.abc import Iterable, Sequence
from html import escape

from otel_residency.catalogue.page_revision import REGIONS, ROWS
from otel_residency.core.revision import RegionTerms, Revision, Row

Table = Sequence[Sequence[str]]
NONE, ANY_MODEL, ALL = "None", "Service-level support", "All listed regions"


def as_markdown(revision: Revision, *, translated: bool = False) -> str:
    """The page as Markdown, as the vendor publishes it beside the page."""
    first, second = _tables(revision, translated=translated)
    notes = "".join(
        f"\n{escaped_mark(mark)} {text}\n" for mark, text in revision.footnotes.items() if not translated
    )
    return (
        "# Your data\n\nStorage is per *region*.\n\n```text\n| no | table |\n```\n\n"
        f"| Feature | Retention |\n| --- | :---: |\n| `/v1/files` | 30 days |\n\n"
        f"#### Support by region\n\n{_markdown_table(first)}{notes}\n"
        f"#### API Endpoint, tool and model support\n\n{_markdown_table(second)}\n* a list\n"
    )


def as_html(revision: Revision) -> str:
    """The page as a browser saves it."""
    first, second = _tables(revision, translated=False)
    notes = "".join(f"<p><sup>{mark}</sup> {escape(text)}</p>\n" for mark, text in revision.footnotes.items())
    return (
        "<!doctype html>\n<html><head><title>Your data</title>\n<script>if (1 < 2) {}</script></head><body>\n"
        f"<h1>Your data</h1>\n{_html_table(first)}{notes}{_html_table(second)}</body></html>\n"
    )


def escaped_mark(mark: str) -> str:
    """A footnote's mark as it stands in Markdown."""
    return mark.replace("*", "\\*")


def _tables(revision: Revision, *, translated: bool) -> tuple[Table, Table]:
    marks = "" if translated else (list(revision.footnotes) or [""])[0]
    first = [[f"列{n}" for n in range(len(REGIONS))] if translated else list(map(str.title, REGIONS))]
    first += [
        _region_cells(revision, code, terms, marks, translated=translated)
        for code, terms in revision.regions.items()
    ]
    second = [[f"列{n}" for n in range(len(ROWS))] if translated else list(map(str.capitalize, ROWS))]
    second += [_row_cells(revision, row, translated=translated) for row in revision.rows]
    return first, second


def _region_cells(
    revision: Revision, code: str, terms: RegionTerms, mark: str, *, translated: bool
) -> list[str]:
    yes = {True: "✅", False: "❌"} if translated else {True: "Yes", False: "No"}
    storage = [_services(row) for row in revision.rows if code in row.storage]
    processing = [
        f"{_services(row)} ({_codes(row.processing_models[code])})"
        if code in row.processing_models
        else _services(row)
        for row in revision.rows
        if code in row.processing
    ]
    return [
        f"地区{code}" if translated else f"{terms.name}{mark}",
        f"`{terms.host}`",
        yes[terms.storage == "yes"],
        yes[terms.processing != "no"],
        yes[bool(terms.needs)] + ("**" if code == "eu" and "**" in revision.footnotes and mark else ""),
        "、".join("文图" for _ in terms.modes) if translated else ", ".join(terms.modes),
        "<br />".join(storage),
        "<br />".join(processing) or NONE,
    ]


def _row_cells(revision: Revision, row: Row, *, translated: bool) -> list[str]:
    names = {code: f"地区{code}" if translated else terms.name for code, terms in revision.regions.items()}

    def regions(codes: Sequence[str]) -> str:
        everywhere = "所有列出的地区" if translated else ALL
        listed = ", ".join(names[code] for code in codes)
        return everywhere if list(codes) == list(names) else listed or NONE

    any_model = "服务级支持" if translated else ANY_MODEL
    limits = [f"{names[code]}: {_codes(models)}" for code, models in row.processing_models.items()]
    return [
        _services(row),
        "Other",
        regions(row.storage),
        regions(row.processing),
        any_model if row.models is None and not row.values else _codes(row.models or row.values),
        "<br />".join(limits) or NONE,
        "—" if translated else row.note or "—",
    ]


def _services(row: Row) -> str:
    return f"`{', '.join(row.services)}`"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _markdown_table(table: Table) -> str:
    rows = [f"| {' | '.join(cell.replace('*', escaped_mark('*')) for cell in row)} |\n" for row in table]
    return "".join((rows[0], f"|{'---|' * len(table[0])}\n", *rows[1:]))


def _html_table(table: Table) -> str:
    """A table with code and line breaks as elements, and as HTML allows without some end tags."""
    rows = []
    for number, row in enumerate(table):
        tag = "td" if number else "th"
        cells = (escape(cell.replace("<br />", "\n")).replace("\n", "<br>") for cell in row)
        rows.append("<tr>" + "".join(f"<{tag}>{_with_code(cell)}" for cell in cells) + "\n")
    return f"<table><tbody>\n{''.join(rows)}</tbody></table>\n"


def _with_code(cell: str) -> str:
    parts = cell.split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))

"""Reads the tables and footnotes of a page that was saved as Markdown or HTML."""

import html
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import NamedTuple

MARK = re.compile(r"\s*(\*+)$")
"""The mark of a footnote, at the end of a cell."""
SAVE_AGAIN = "Save the page as it is now, in English; if its layout changed, transcribe it by hand."
_BLOCKS = frozenset({"p", "div", "li", "ul", "ol", "section", "h1", "h2", "h3", "h4", "h5", "h6"})
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_FOOTNOTE = re.compile(r"(\*+)\s*([^*\s].*)", re.DOTALL)


class PageRow(NamedTuple):
    """A row of a table. A line break within a cell is a newline; code and links are their text."""

    line: int
    cells: tuple[str, ...]


class PageTable(NamedTuple):
    """A table with its header."""

    header: PageRow
    rows: tuple[PageRow, ...]


class Footnote(NamedTuple):
    """A paragraph that begins with asterisks."""

    line: int
    mark: str
    text: str


class Page(NamedTuple):
    """What a page has that a revision is made from."""

    tables: tuple[PageTable, ...]
    footnotes: tuple[Footnote, ...]


class PageProblem(NamedTuple):
    """What can't be read."""

    line: int
    key: str
    """Column of a table, or `page`."""
    value: str
    problem: str
    fix: str


class PageError(ValueError):
    """A page can't be read."""

    def __init__(self, problem: PageProblem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


def read_page(text: str) -> Page:
    """Read a page; one with a `table` element is HTML.

    Raises:
        PageError: a table has no end, or contains another one.
    """
    if not re.search(r"<table[\s>]", text, re.IGNORECASE):
        return _read_markdown(text)
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    reader.end_paragraph()
    if reader.table_line:
        raise _unreadable(reader.table_line, "the table has no end")
    return Page(_tables(reader.tables), _footnotes(reader.paragraphs))


def find_table(
    page: Page, columns: Mapping[str, str], is_translated: Callable[[tuple[str, ...]], bool]
) -> tuple[PageTable, list[str], bool]:
    """The one table with these columns: the table, the keys of its columns, whether it is a translation.

    Args:
        page: where to look.
        columns: keys by the names of the columns, in lower case.
        is_translated: whether a table with as many columns of other names is a translation, by its first row.

    Raises:
        PageError: there is no such table, or more than one.
    """
    found: list[tuple[PageTable, list[str], bool]] = []
    similar = None
    for table in page.tables:
        names = [MARK.sub("", cell).casefold() for cell in table.header.cells]
        first = table.rows[0].cells
        if sorted(names) == sorted(columns):
            found.append((table, [columns[name] for name in names], False))
        elif len({*names} & {*columns}) > 1:
            similar = table
        elif len(names) == len(first) == len(columns) and is_translated(first):
            found.append((table, list(columns.values()), True))
    if len(found) != 1:
        header = similar.header if similar else PageRow(1, ())
        problem = f"{len(found)} tables have the columns {', '.join(columns)}; one must"
        value = " | ".join(header.cells)
        raise PageError(
            PageProblem(line=header.line, key="page", value=value, problem=problem, fix=SAVE_AGAIN)
        )
    return found[0]


def _unreadable(line: int, problem: str, value: str = "") -> PageError:
    return PageError(PageProblem(line=line, key="page", value=value, problem=problem, fix=SAVE_AGAIN))


def _read_markdown(text: str) -> Page:
    tables: list[list[PageRow]] = []
    paragraphs: list[PageRow] = []
    in_table = in_code = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        in_code ^= line.startswith("```")
        is_row = line.startswith("|") and not in_code
        if is_row:
            cells = _PIPE.split(line.removeprefix("|").removesuffix("|"))
            tables += [] if in_table else [[]]
            tables[-1].append(PageRow(number, tuple(map(_plain, cells))))
        # An asterisk that is not escaped begins a list.
        elif line.startswith("\\*") and not in_code:
            paragraphs.append(PageRow(number, (_plain(line),)))
        in_table = is_row
    with_rule = [rows for rows in tables if len(rows) > 1 and all(map(_RULE.fullmatch, rows[1].cells))]
    return Page(_tables([[rows[0], *rows[2:]] for rows in with_rule]), _footnotes(paragraphs))


def _plain(markdown: str) -> str:
    # Converters to Markdown write the line breaks within a cell as elements, or as `&lt;br /&gt;`.
    text = _LINK.sub(r"\1", markdown).replace("`", "")
    return _lines(_BREAK.sub("\n", html.unescape(_ESCAPED.sub(r"\1", text))))


def _lines(text: str) -> str:
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))


def _tables(tables: list[list[PageRow]]) -> tuple[PageTable, ...]:
    return tuple(PageTable(rows[0], tuple(rows[1:])) for rows in tables if len(rows) > 1)


def _footnotes(paragraphs: list[PageRow]) -> tuple[Footnote, ...]:
    found = ((each.line, _FOOTNOTE.fullmatch(each.cells[0])) for each in paragraphs)
    return tuple(Footnote(line, match[1], match[2]) for line, match in found if match)


class _HtmlReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[PageRow]] = []
        self.paragraphs: list[PageRow] = []
        self.table_line = 0
        """Where the table begins that is being read; 0 outside of tables."""
        self._text: list[str] = []
        self._text_line = 0
        self._in_cell = False
        self._ignored = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        line = self.getpos()[0]
        if tag == "table":
            if self.table_line:
                raise _unreadable(line, "a table within a table")
            self.end_paragraph()
            self.tables.append([])
            self.table_line = line
        elif tag == "tr" and self.table_line:
            self._end_cell()
            self.tables[-1].append(PageRow(line, ()))
        elif tag in ("td", "th") and self.table_line and self.tables[-1]:
            self._end_cell()
            self._in_cell, self._text = True, []
        elif tag == "br" or tag in _BLOCKS:
            self._break()
        self._ignored = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()
        if tag == "table":
            self.table_line, self._text = 0, []
        elif tag in _BLOCKS:
            self._break()
        self._ignored = False

    def handle_data(self, data: str) -> None:
        if self._ignored:
            return
        if not "".join(self._text).strip():
            blank = len(data) - len(data.lstrip())
            self._text_line = self.getpos()[0] + data.count("\n", 0, blank)
        self._text.append(" ".join(re.split(r"\s", data)))

    def end_paragraph(self) -> None:
        self.paragraphs.append(PageRow(self._text_line, (_lines("".join(self._text)),)))
        self._text = []

    def _break(self) -> None:
        if self.table_line:
            self._text.append("\n")
        else:
            self.end_paragraph()

    def _end_cell(self) -> None:
        if self._in_cell:
            row = self.tables[-1][-1]
            self.tables[-1][-1] = PageRow(row.line, (*row.cells, _lines("".join(self._text))))
        self._in_cell, self._text = False, []

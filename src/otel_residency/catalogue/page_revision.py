"""Makes a revision from the vendor's page: what the page shows is read, the rest is that of the newest one.

Nothing is guessed. Ids, hosts and marks are the same in translations; so a translated table is read by the
position of its columns, and regions by their hosts.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Literal, NamedTuple

from otel_residency.catalogue.page import MARK, SAVE_AGAIN, Page, PageError, PageProblem, find_table
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.revision import NOTHING, RegionTerms, Revision, Row, Strings

REGIONS = {
    "region": "region",
    "domain prefix": "host",
    "regional storage": "storage",
    "regional processing": "processing",
    "mam or zdr required": "needs",
    "supported modes": "modes",
    "storage services": "storage services",
    "processing services": "processing services",
}
"""The columns of the first table, in their order."""
ROWS = {
    "endpoint or feature": "services",
    "service": "group",
    "storage regions": "storage",
    "processing regions": "processing",
    "supported models and snapshots": "models",
    "regional processing snapshot exceptions": "exceptions",
    "notes": "note",
}
"""The columns of the second table, in their order."""
TAKEN_OVER = (
    "needs",
    "image_needs",
    "prefix_required",
    "model_regions",
    "feature_rules",
    "tier_rules",
    "retention",
    "conditions",
    "pricing",
)
"""What the tables do not show."""
_YES = frozenset({"yes", "✅", "✓", "✔", "是", "はい", "ja", "oui", "sí"})
_NO = frozenset({"no", "❌", "✗", "✘", "否", "いいえ", "nein", "non"})
_NONE = frozenset({"", "—", "-", "none", "无", "なし"})
_ALL = frozenset({"all", "all listed regions"})
_ANY_MODEL = "service-level support"
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_PATH = re.compile(r"/v1/[\w/{}-]+")
_MODEL = re.compile(r"(?=.*[-\d])[A-Za-z][\w.:-]*", re.ASCII)
_RUN_TOGETHER = re.compile(r"\d{4}-\d\d-\d\d(?=[A-Za-z])")
_COMMA = re.compile(r"\s*[,、\uff0c\n]\s*")
_REGIONS_OF_NOTE = re.compile(r"^\([^()]*\) | \([^()]*\)$")
"""Which regions carry the mark: the catalogue adds it to a footnote, the page does not."""
_EXCEPTION = re.compile(r"(.+?)\s*[:\uff1a]\s*(.+)")

Cells = tuple[int, Mapping[str, str]]
Column = Literal["storage", "processing"]


class ImportedRevision(NamedTuple):
    """What came of a page."""

    revision: Revision
    problems: tuple[PageProblem, ...]
    """What can't be read: with any of these the revision must not be used."""
    prose: tuple[PageProblem, ...]
    """Sentences that the newest revision has not: each may restrict what is eligible."""


def revision_from_page(
    page: Page, catalogue: Catalogue, name: str, source: str, day: date
) -> ImportedRevision:
    """Make the revision `name`, in force from `day`, from the tables of a page."""
    reader = _PageReader(page, catalogue, day)
    regions, rows = reader.regions_and_rows()
    base = reader.base
    partial = "PARTIAL: notes and footnotes are not turned into rules"
    revision = Revision(
        id=name,
        effective_from=day,
        source=source,
        completeness=partial if reader.prose else "complete",
        translated="yes; names of regions are those of " + base.id if reader.translated else "no",
        regions=regions,
        rows=rows,
        feature_rules=base.feature_rules,
        tier_rules=base.tier_rules,
        retention=base.retention,
        footnotes={each.mark: each.text for each in page.footnotes},
        conditions=base.conditions,
        pricing=base.pricing,
    )
    return ImportedRevision(revision, tuple(reader.problems), tuple(reader.prose))


def _items(text: str) -> Strings:
    return tuple(filter(None, _COMMA.split(text)))


class _PageReader:
    """Reads the two tables. A problem is noted, and the reading goes on, so that all are reported."""

    def __init__(self, page: Page, catalogue: Catalogue, day: date) -> None:
        self.base = catalogue.revisions[-1]
        self.problems: list[PageProblem] = []
        self.prose: list[PageProblem] = []
        self.translated = False
        self._page = page
        self._catalogue = catalogue
        self._day = day
        self._codes: dict[str, str] = {
            terms.name.casefold(): code for code, terms in self.base.regions.items()
        }
        self._services: dict[Column, dict[str, set[str]]] = {
            "storage": defaultdict(set),
            "processing": defaultdict(set),
        }
        """Codes of the regions by the services that the first table lists for them."""
        self._known: dict[Strings, dict[str, Row]] = defaultdict(dict)
        for revision in reversed(catalogue.revisions):
            for row in revision.rows:
                services = tuple(map(str.casefold, row.services))
                self._known[services].setdefault(row.id, row)

    def regions_and_rows(self) -> tuple[Mapping[str, RegionTerms], tuple[Row, ...]]:
        regions: dict[str, RegionTerms] = {}
        for line, cells in self._table(REGIONS, lambda first: bool(_HOST.fullmatch(first[1]))):
            code = self._code(line, cells)
            if code in regions:
                self._refuse(line, "region", cells["region"], f"{code} occurs twice")
            elif code:
                regions[code] = self._terms(line, cells, code)
        rows: dict[str, Row] = {}
        places: dict[str, Cells] = {}
        for line, cells in self._table(ROWS, lambda first: first[0].startswith("/v1/")):
            row = self._row(line, cells, regions, rows)
            if row.id in rows:
                self._refuse(line, "services", cells["services"], f"row {row.id} occurs twice")
            rows[row.id] = row
            places[cells["services"].casefold()] = (line, cells)
        self._compare(places, rows)
        for code, terms in regions.items():
            if terms.processing == "yes" and not any(code in row.processing for row in rows.values()):
                regions[code] = terms._replace(processing="models-unknown")
        texts = {_REGIONS_OF_NOTE.sub("", text) for text in self.base.footnotes.values()}
        for note in self._page.footnotes:
            if _REGIONS_OF_NOTE.sub("", note.text) not in texts:
                self._note_prose(note.line, "footnote", note.text)
        return regions, tuple(rows.values())

    def _refuse(self, line: int, key: str, value: str, problem: str, fix: str = SAVE_AGAIN) -> None:
        self.problems.append(PageProblem(line=line, key=key, value=value, problem=problem, fix=fix))

    def _note_prose(self, line: int, key: str, value: str) -> None:
        problem = f"{self.base.id} has no such sentence, and it may restrict what is eligible"
        fix = "Write the file with --draft, and a rule for the sentence into it."
        self.prose.append(PageProblem(line=line, key=key, value=value, problem=problem, fix=fix))

    def _table(self, columns: Mapping[str, str], is_ours: Callable[[Strings], bool]) -> Iterator[Cells]:
        """The rows of the one table with these columns, or with as many if all have other names."""
        try:
            table, keys, translated = find_table(self._page, columns, is_ours)
        except PageError as error:
            self.problems.append(error.problem)
            return
        self.translated |= translated
        for row in table.rows:
            if len(row.cells) == len(keys):
                yield row.line, dict(zip(keys, row.cells, strict=True))
            else:
                problem = f"the row has {len(row.cells)} cells, the header {len(keys)}"
                self._refuse(row.line, "page", " | ".join(row.cells), problem)

    def _code(self, line: int, cells: Mapping[str, str]) -> str:
        """The code of a region, by what its host stands for on the first day of the table."""
        host = self._without_mark(line, "host", cells["host"])
        entry = self._catalogue.hosts.get(host)
        periods = (
            []
            if entry is None
            else [each for each in entry.periods if each.until and self._day <= each.until]
        )
        regions = () if entry is None else (periods[0] if periods else entry).regions
        if entry is None or entry.provider != "openai" or len(regions) != 1 or regions[0] == "global":
            fix = "Add host and region to the catalogue first: docs/contributing/add-a-region.md."
            self._refuse(line, "host", host, "the catalogue has no region with this host", fix)
            return ""
        name = self._without_mark(line, "region", cells["region"])
        self._codes[name.casefold()] = regions[0]
        for column, services in self._services.items():
            for service in cells[f"{column} services"].casefold().split("\n"):
                services[service].add(regions[0])
        return regions[0]

    def _terms(self, line: int, cells: Mapping[str, str], code: str) -> RegionTerms:
        before = self.base.regions.get(code)
        # The table shows whether terms are needed, not which: a region that needed none gets the strictest.
        strictest = max(self.base.regions.values(), key=lambda terms: len(terms.needs))
        required = self._yes(line, "needs", cells["needs"])
        with_needs = before if before is not None and before.needs else strictest
        name = self._without_mark(line, "region", cells["region"])
        host = self._without_mark(line, "host", cells["host"])
        return RegionTerms(
            name=before.name if before is not None and self.translated else name,
            host=host,
            storage="yes" if self._yes(line, "storage", cells["storage"]) else "no",
            processing="yes" if self._yes(line, "processing", cells["processing"]) else "no",
            prefix_required=before.prefix_required if before is not None and before.host == host else True,
            modes=self._modes(line, cells["modes"], before),
            needs=with_needs.needs if required else (),
            image_needs=(before or strictest).image_needs,
        )

    def _modes(self, line: int, text: str, before: RegionTerms | None) -> Strings:
        modes = tuple(self._without_mark(line, "modes", each) for each in _items(text))
        spelled = {
            mode
            for each in self._catalogue.revisions
            for terms in each.regions.values()
            for mode in terms.modes
        }
        if set(modes) <= spelled and modes:
            return modes
        if self.translated and before is not None and len(before.modes) == len(modes):
            return before.modes
        self._refuse(line, "modes", text, f"not a list of: {', '.join(sorted(spelled))}")
        return ()

    def _yes(self, line: int, key: str, text: str) -> bool:
        mark = self._without_mark(line, key, text).casefold()
        if mark not in _YES | _NO:
            self._refuse(line, key, text, "neither yes nor no")
        return mark in _YES

    def _without_mark(self, line: int, key: str, text: str) -> str:
        mark = MARK.search(text)
        if mark and mark[1] not in {each.mark for each in self._page.footnotes}:
            self._refuse(line, key, text, f"the page has no footnote {mark[1]}")
        return MARK.sub("", text)

    def _row(
        self, line: int, cells: Mapping[str, str], regions: Mapping[str, RegionTerms], rows: Mapping[str, Row]
    ) -> Row:
        services = _items(cells["services"])
        rows_before = self._known.get(tuple(map(str.casefold, services)), {}).values()
        before = next((each for each in rows_before if each.id not in rows), None)
        is_endpoint = all(map(_PATH.fullmatch, services))
        if before is None and not (services and cells["services"].isascii()):
            self._refuse(line, "services", cells["services"], "neither a path nor a listed feature")
        row = Row(
            id=before.id
            if before
            else re.sub(r"\W+", "_", cells["services"].removeprefix("/v1/")).strip("_").lower(),
            services=services,
            storage=self._regions(line, "storage", cells, regions),
            processing=self._regions(line, "processing", cells, regions),
            kind=before.kind if before else "endpoint" if is_endpoint else "feature",
            note=None if cells["note"].casefold() in _NONE else cells["note"].replace("\n", " "),
        )
        if row.kind == "modalities":
            row = row._replace(values=_items(cells["models"]))
        else:
            row = row._replace(models=self._models(line, cells["models"], before))
        newest = self._catalogue.feature_row(self.base, row.id)
        if row.note and (newest is None or newest.note != row.note):
            self._note_prose(line, "note", row.note)
        return self._with_exceptions(line, cells["exceptions"], row, newest)

    def _regions(
        self, line: int, column: Column, cells: Mapping[str, str], regions: Mapping[str, RegionTerms]
    ) -> Strings:
        text = cells[column]
        marked = [code for code, terms in regions.items() if getattr(terms, column) == "yes"]
        codes = [self._codes.get(each.casefold(), "") for each in _items(text)]
        if text.casefold() in _NONE:
            codes = []
        elif text.casefold() in _ALL:
            codes = list(regions)
        elif not all(codes) and self.translated:
            # "All listed regions" in another language: the first table names the services by their ids.
            listing = self._listing(column, cells["services"].casefold())
            codes = [code for code in regions if code in listing]
        if not all(codes) or len(set(codes)) != len(codes):
            self._refuse(line, column, text, "not a list of the regions of the first table")
        elif wrong := [code for code in codes if code not in marked]:
            problem = f"the first table has no {column} in {', '.join(wrong)}"
            self._refuse(line, column, text, problem)
        return tuple(codes)

    def _listing(self, column: Column, service: str) -> set[str]:
        """Codes of the regions for which the first table lists a service, there perhaps with its models."""
        listed = self._services[column].items()
        return {
            c for text, codes in listed if text == service or text.startswith(f"{service} (") for c in codes
        }

    def _compare(self, places: Mapping[str, Cells], rows: Mapping[str, Row]) -> None:
        """Both tables must list the same regions for a service; several rows may share one."""
        for service, (line, cells) in places.items():
            services = _items(service)
            same = [row for row in rows.values() if tuple(map(str.casefold, row.services)) == services]
            for column in self._services:
                second = {code for row in same for code in getattr(row, column)}
                if differing := self._listing(column, service) ^ second:
                    problem = f"the first table lists it otherwise for {', '.join(sorted(differing))}"
                    self._refuse(line, column, cells[column], problem)

    def _models(self, line: int, text: str, before: Row | None) -> Strings | None:
        models = _items(text)
        is_any = before is not None and before.models is None and not any(map(_MODEL.fullmatch, models))
        if text.casefold() == _ANY_MODEL or (self.translated and is_any):
            return None
        wrong = [each for each in models if not _MODEL.fullmatch(each) or _RUN_TOGETHER.search(each)]
        if wrong or len({each.lower() for each in models}) != len(models) or not models:
            self._refuse(line, "models", ", ".join(wrong) or text, "not a list of model ids, each once")
        return models

    def _with_exceptions(self, line: int, text: str, row: Row, newest: Row | None) -> Row:
        """The row with the models that a region is limited to; anything else is prose."""
        limits, prose = {}, []
        for exception in [] if text.casefold() in _NONE else text.split("\n"):
            match = _EXCEPTION.fullmatch(exception)
            code = self._codes.get(match[1].casefold()) if match else None
            models = _items(match[2]) if match else ()
            if code in row.processing and models and set(models) <= set(row.models or ()):
                limits[str(code)] = models
            else:
                prose.append(exception)
        note = " ".join(prose)
        if note and (newest is None or newest.processing_note != note):
            self._note_prose(line, "exceptions", note)
        return row._replace(processing_models=limits or NOTHING, processing_note=note or None)

"""`catalogue import`: pages made from every revision are read, compared and written; others are refused."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from typer.testing import CliRunner

from otel_residency.catalogue import load_catalogue
from otel_residency.cli.app import app
from otel_residency.core.decode import decode, to_plain
from otel_residency.core.revision import RegionTerms, Revision, Row
from tests.cli.command import read_document, start
from tests.cli.vendor_page import as_html, as_markdown

CATALOGUE = load_catalogue()
NEWEST = CATALOGUE.revisions[-1]
RENDERED: Mapping[str, Callable[[Revision], str]] = MappingProxyType(
    {
        "md": as_markdown,
        "html": as_html,
        "translated.md": lambda revision: as_markdown(revision, translated=True),
    }
)
ORIGIN = ("--title", "Your data", "--url", "https://example.com/your-data")


def run_import(page: Path, *options: str, code: int = 0) -> Any:
    """The document of `catalogue import`, which must end with this code."""
    done = CliRunner().invoke(app, ["catalogue", "import", str(page), "--json", *options])
    assert done.exit_code == code, done.output
    return read_document(done.stdout)


def written_revision(file: Path) -> Revision:
    """The one revision of a catalogue file."""
    (content,) = json.loads(file.read_text(encoding="utf-8"))["revisions"]
    return decode(Revision, content)


def on_page(revision: Revision, *, translated: bool = False) -> Any:
    """What a page shows of a revision.

    Not on a page: which terms a region asks for (only whether it does) and whether its host's prefix may be
    left out, both as in the newest revision; regions of single models, reasons for a reading and details of
    modalities, which stand in sentences; feature and tier rules, retention, conditions and price, which are
    those of the newest revision. A translation has no names and sentences of ours, and no modes.
    """

    def terms_on_page(terms: RegionTerms) -> Any:
        shown = terms._replace(needs=(("any",),) if terms.needs else (), image_needs=(), prefix_required=True)
        return shown._replace(name="", modes=()) if translated else shown

    def row_on_page(row: Row) -> Any:
        hidden = row._replace(model_regions={}, footnote_values={}, processing_note=None)
        return hidden._replace(note=None) if translated else hidden

    return to_plain(
        {
            "regions": {code: terms_on_page(terms) for code, terms in revision.regions.items()},
            "rows": [row_on_page(row) for row in revision.rows],
            "footnotes": {} if translated else revision.footnotes,
        }
    )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page of the newest revision."""
    file = tmp_path / "page.md"
    file.write_text(as_markdown(NEWEST), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("revision", "form"),
    [
        pytest.param(revision, form, id=f"{revision.id}-{form}")
        for revision in CATALOGUE.revisions
        for form in RENDERED
        # Its regions have other modes than those of the newest one, which a translation gets.
        if (revision.id, form) != ("openai-2025-02", "translated.md")
    ],
)
def test_a_page_made_from_a_revision_gives_that_revision(
    revision: Revision, form: str, tmp_path: Path
) -> None:
    """Regions, rows, models, marks and footnotes come back; the rest is as in the newest revision."""
    page, output = tmp_path / f"page.{form}", tmp_path / "made.json"
    page.write_text(RENDERED[form](revision), encoding="utf-8")
    day = str(revision.effective_from)
    options = ("--id", "made", "--effective-from", day, "--observed", "2026-12-24", "--draft", *ORIGIN)
    document = run_import(page, *options, "--output", str(output))
    assert (document["older"], document["newer"], document["written"]) == (NEWEST.id, "made", str(output))
    made = written_revision(output)
    translated = form == "translated.md"
    assert on_page(made, translated=translated) == on_page(revision, translated=translated)
    taken_over = ("feature_rules", "tier_rules", "retention", "conditions", "pricing")
    assert [getattr(made, key) for key in taken_over] == [getattr(NEWEST, key) for key in taken_over]
    assert (str(made.effective_from), str(made.observed_until)) == (day, "2026-12-24")
    (source,) = json.loads(output.read_text(encoding="utf-8"))["sources"].values()
    assert (source["title"], source["url"], source["observed"]) == (ORIGIN[1], ORIGIN[3], "2026-12-24")
    load_catalogue(str(output))


def test_a_changed_page_shows_what_changed(page: Path) -> None:
    """Models and rows that came and went, marks that changed, and footnotes; nothing is written."""
    text = page.read_text(encoding="utf-8")
    for old, new in (
        ("`tts-1`, ", "`gpt-tts-9`, "),
        ("| `ca.api.openai.com` | Yes | No | Yes |", "| `ca.api.openai.com` | Yes | Yes | Yes |"),
        ("Private Retention with PSP, or Safety Retention.", "or Safety Retention."),
        ("`/v1/evals`", "`/v1/trials`"),
    ):
        assert old in text
        text = text.replace(old, new)
    page.write_text(text, encoding="utf-8")
    document = run_import(page, "--draft")
    changes = [(each["section"], each["where"], each["what"]) for each in document["changes"]]
    assert ("models", "audio", "models, added: gpt-tts-9") in changes
    assert ("models", "audio", "models, removed: tts-1") in changes
    assert ("regions", "ca", "processing: no, now models-unknown") in changes
    assert ("rows", "trials", "new: /v1/trials, processed in us, eu") in changes
    assert ("rows", "evals", "no longer listed") in changes
    assert [each[:2] for each in changes if each[0] == "footnotes"] == [("footnotes", "**")]
    assert document["written"] == ""
    done = start("catalogue", "import", str(page))
    assert done.returncode == 1
    line = text[: text.index("(eu) Requires")].count("\n") + 1
    assert f"otel-residency: {page}:{line}: footnote: '(eu) Requires" in done.stderr
    shown = start("catalogue", "import", str(page), "--draft").stdout
    assert "models, added: gpt-tts-9" in shown
    assert "feature_rules" in shown
    assert shown.endswith("nothing was written\n")


REFUSED = {
    "mark": ("| Yes | No | Yes |", "| Yes | Perhaps | Yes |", "processing", "neither yes nor no"),
    "host": ("`ca.api.openai.com`", "`cx.api.openai.com`", "host", "no region with this host"),
    "global host": ("`ca.api.openai.com`", "`api.openai.com`", "host", "no region with this host"),
    "modes": ("Text, Audio, Voice, Image", "Text, Smell", "modes", "not a list of"),
    "regions": ("| All listed regions |", "| Most regions |", "storage", "not a list of the regions"),
    "models": ("| `tts-1`, ", "| See below, ", "models", "not a list of model ids"),
    "any model": ("| Service-level support |", "| See below |", "models", "not a list of model ids"),
    "run together": (
        "`gpt-4o-2024-11-20`, `gpt-4o-2024-08-06`",
        "`gpt-4o-2024-11-20gpt-4o-2024-08-06`",
        "models",
        "not a list of model ids",
    ),
    "twice": ("| `tts-1`, ", "| `tts-1`, `TTS-1`, ", "models", "each once"),
    "no processing": (
        "| United States, Europe (EEA + Switzerland) | `tts-1`",
        "| United States, Japan | `tts-1`",
        "processing",
        "lists it otherwise for eu, jp",
    ),
    "first table": ("`/v1/files`<br />", "", "storage", "lists it otherwise for"),
    "footnote": ("\n\\*\\* (eu)", "\n(eu)", "needs", "the page has no footnote **"),
    "cells": (" | `us.api.openai.com`", "", "page", "the row has 7 cells, the header 8"),
    "column": ("| Domain Prefix |", "| Domain |", "page", "0 tables have the columns region,"),
    "feature": ("`Scale Tier`", "`规模层`", "services", "neither a path nor a listed feature"),
    "exception": (": `text-embedding-3-large`", ": Standard only", "exceptions", "no such sentence"),
    "note": ("| Supported when used with base64", "| Not with base64", "note", "no such sentence"),
    "new footnote": ("Image support in these", "No images in these", "footnote", "no such sentence"),
}
"""What is replaced in the page, by what, the column that is named, and a part of the problem."""


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_t_be_read_is_refused_with_its_line(case: str, page: Path, tmp_path: Path) -> None:
    """File, line, column, value, problem and fix are named, and nothing is written."""
    old, new, key, problem = REFUSED[case]
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new), encoding="utf-8")
    output = tmp_path / "made.json"
    document = run_import(page, "--output", str(output), code=1)
    found = [each for each in document["problems"] if each["key"] == key and problem in each["problem"]]
    assert found, document["problems"]
    line = page.read_text(encoding="utf-8").split("\n")[found[0]["line"] - 1]
    assert found[0]["value"].split("\n")[0] in line.replace("`", "").replace("\\", "")
    assert found[0]["file"] == str(page)
    assert all(each["fix"] for each in found)
    assert not output.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# Nothing\n", "0 tables have the columns"),
        (as_markdown(NEWEST) * 2, "2 tables have the columns"),
        (as_html(NEWEST).partition("/v1/evals")[0], "the table has no end"),
        (as_html(NEWEST).replace("<td>", "<td><table>", 1), "a table within a table"),
    ],
    ids=["no table", "two pages", "cut off", "nested"],
)
def test_a_page_of_another_form_is_refused(text: str, problem: str, page: Path) -> None:
    """A page without the tables, with two of a kind or cut off is no page."""
    page.write_text(text, encoding="utf-8")
    assert problem in run_import(page, code=1)["problems"][0]["problem"]


def test_a_page_as_converters_write_it_is_read(page: Path) -> None:
    """Escaped line breaks, and footnotes without the regions that the catalogue adds, change nothing."""
    before = run_import(page)["changes"]
    text = page.read_text(encoding="utf-8")
    assert "<br />" in text
    assert " (all regions but us)" in text
    text = text.replace("<br />", "&lt;br /&gt;").replace(" (all regions but us)", "").replace("(eu) ", "")
    page.write_text(text, encoding="utf-8")
    changes = run_import(page)["changes"]
    assert [change for change in changes if change["section"] != "footnotes"] == before
    assert changes != before


def test_a_refused_page_is_not_called_unchanged(page: Path) -> None:
    """Where a line can't be read, no difference is shown."""
    page.write_text(page.read_text(encoding="utf-8").replace("| Yes |", "| Perhaps |"), encoding="utf-8")
    done = CliRunner().invoke(app, ["catalogue", "import", str(page)])
    assert done.exit_code == 1
    assert "neither yes nor no" in done.output
    assert "nothing changed" not in done.output


def test_a_draft_is_marked_as_partial(page: Path, tmp_path: Path) -> None:
    """New sentences are written as notes only with --draft, and the revision is not called complete."""
    text = page.read_text(encoding="utf-8").replace("| Supported when", "| Never supported when")
    page.write_text(text, encoding="utf-8")
    output = tmp_path / "made.json"
    run_import(page, "--output", str(output), code=1)
    run_import(page, "--output", str(output), "--draft")
    made = written_revision(output)
    assert not made.is_complete
    assert "Never supported when used with base64 file uploads." in {row.note for row in made.rows}


def test_a_region_that_needs_terms_now_gets_the_strictest(page: Path, tmp_path: Path) -> None:
    """The table shows that terms are needed, not which."""
    text = page.read_text(encoding="utf-8")
    page.write_text(
        text.replace("`us.api.openai.com` | Yes | Yes | No", "`us.api.openai.com` | Yes | Yes | Yes")
    )
    output = tmp_path / "made.json"
    run_import(page, "--output", str(output))
    assert written_revision(output).regions["us"].needs == NEWEST.regions["ae"].needs


def test_nothing_is_overwritten_and_no_revision_is_changed(page: Path, tmp_path: Path) -> None:
    """An existing file needs --overwrite; the id of a revision or a bad day is a usage error."""
    output = tmp_path / "made.json"
    output.write_text("mine", encoding="utf-8")
    for options, problem in (
        (("--output", str(output)), "exists; choose another file, or add --overwrite"),
        (("--id", NEWEST.id), "exists, and a revision is never changed"),
        (("--observed", "tomorrow"), "--observed: tomorrow is not a day"),
        (("--observed", "2026-12-01", "--effective-from", "2026-12-02"), "is after the day of the page"),
        (("--output", str(tmp_path / "none" / "made.json")), "can't be written"),
    ):
        done = start("catalogue", "import", str(page), *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert problem in done.stderr
    assert output.read_text(encoding="utf-8") == "mine"
    run_import(page, "--output", str(output), "--overwrite")
    assert written_revision(output).rows == NEWEST.rows
    page.write_bytes(b"\xff\xfe")
    assert "not a text in UTF-8" in start("catalogue", "import", str(page)).stderr


def test_a_checkout_gets_the_revision_and_its_source(page: Path, tmp_path: Path) -> None:
    """`--data` writes the revision as the shipped ones are, and its source beside the others."""
    (tmp_path / "revisions").mkdir()
    sources = tmp_path / "sources.json"
    sources.write_text('{"generated": "2026-11-20", "sources": {"other": {}}}', encoding="utf-8")
    options = ("--id", "openai-made", "--observed", "2026-12-24", "--data", str(tmp_path))
    document = run_import(page, *options)
    file = tmp_path / "revisions" / "openai-made.json"
    assert document["written"] == str(file)
    made = json.loads(file.read_text(encoding="utf-8"))
    assert made["$schema"] == "../../schema.json"
    shared = json.loads(sources.read_text(encoding="utf-8"))
    assert list(shared["sources"]) == ["other", made["source"]]
    assert shared["generated"] == "2026-12-24"

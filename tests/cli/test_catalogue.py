"""The subcommands of `catalogue`."""

from pathlib import Path

import pytest

from otel_residency.catalogue import load_catalogue
from tests.cli.command import read_document, start

REVISIONS = [each.id for each in load_catalogue().revisions]
USER_CATALOGUE = """
mode = "extend"
[sources.ours]
kind = "private"
title = "A letter of the vendor"
observed = "2026-11-19"
[[revisions]]
id = "ours-2026-11"
effective_from = 2099-01-01
source = "ours"
completeness = "complete"
translated = "no"
inherits = "openai-2026-10"
"""


@pytest.fixture
def user_catalogue(tmp_path: Path) -> Path:
    """A catalogue of somebody's own."""
    file = tmp_path / "own.toml"
    file.write_text(USER_CATALOGUE, encoding="utf-8")
    return file


def test_the_list_has_every_revision_and_marks_one() -> None:
    """Oldest first, and exactly one is in force."""
    listed = read_document(start("catalogue", "list", "--json").stdout)
    assert [each["id"] for each in listed["revisions"]] == REVISIONS
    assert sum(each["in_force"] for each in listed["revisions"]) == 1
    text = start("catalogue", "list").stdout
    assert all(each in text for each in REVISIONS)
    assert text.count("(today)") == 1


def test_a_revision_is_shown_with_what_it_inherits_and_where_it_was_read() -> None:
    """Regions with their terms, endpoints with regions and models, footnotes, and both sources."""
    shown = read_document(start("catalogue", "show", "openai-2026-11", "--json").stdout)
    assert shown["regions"]["jp"]["processing"] == "models-unknown"
    assert "/v1/chat/completions" in shown["rows"][2]["services"]
    assert len(shown["sources"]) == 2
    text = start("catalogue", "show", "openai-2025-02").stdout
    assert "openai-2025-02, in force from 2025-02-05" in text
    assert "eu.api.openai.com" in text
    assert "o3-mini-2025-01-31" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_comparison_reports_what_changed_in_words() -> None:
    """Regions that began to process, rows and models that came, rules that went."""
    result = read_document(start("catalogue", "diff", "openai-2026-09-17", "openai-2026-11", "--json").stdout)
    changes = [(each["section"], each["where"], each["what"]) for each in result["changes"]]
    assert ("regions", "jp", "processing: no, now models-unknown") in changes
    assert ("rows", "decisions", "new: /v1/decisions, processed in us, eu") in changes
    assert ("models", "responses", "models, added: gpt-6.1-sol") in changes
    back = start("catalogue", "diff", "openai-2026-11", "openai-2026-09-17").stdout
    assert "no longer listed" in back
    assert "models, removed: gpt-6.1-sol" in back


def test_nothing_changed_from_a_revision_to_itself() -> None:
    """A comparison with itself says so, and ends with 0."""
    done = start("catalogue", "diff", REVISIONS[0], REVISIONS[0])
    assert done.returncode == 0
    assert done.stdout.endswith("nothing changed that a verdict depends on\n")


def test_a_revision_that_does_not_exist_is_a_usage_error() -> None:
    """The line names those that exist."""
    for arguments in (("show", "openai-1999"), ("diff", REVISIONS[0], "openai-1999")):
        done = start("catalogue", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"openai-1999: no such revision; there are: {', '.join(REVISIONS)}" in done.stderr


def test_a_user_s_file_is_validated_by_the_loader(user_catalogue: Path) -> None:
    """A sound file ends with 0; another one with 1, with file, key and value."""
    done = start("catalogue", "validate", user_catalogue.name, cwd=user_catalogue.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"there are {len(REVISIONS) + 1} revisions" in done.stdout
    user_catalogue.write_text(
        USER_CATALOGUE.replace('source = "ours"', 'source = "theirs"'), encoding="utf-8"
    )
    wrong = start("catalogue", "validate", str(user_catalogue))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"{user_catalogue}: revisions[0].source: 'theirs' is not in [sources]" in wrong.stderr
    result = start("catalogue", "validate", str(user_catalogue), "--json")
    assert (result.returncode, read_document(result.stdout)["valid"]) == (1, False)


def test_the_catalogue_of_the_settings_is_the_one_that_is_shown(user_catalogue: Path) -> None:
    """What OTEL_RESIDENCY_CATALOGUE names is listed; where it can't be read, that is a usage error."""
    listed = read_document(
        start("catalogue", "list", "--json", OTEL_RESIDENCY_CATALOGUE=str(user_catalogue)).stdout
    )
    newest = listed["revisions"][-1]
    assert newest["id"] == "ours-2026-11"
    assert [each["title"] for each in newest["sources"]] == ["A letter of the vendor", "same page"]
    assert start("catalogue", "list", OTEL_RESIDENCY_CATALOGUE="nowhere").returncode == 2
    result = start(
        "catalogue", "diff", REVISIONS[-1], "ours-2026-11", OTEL_RESIDENCY_CATALOGUE=str(user_catalogue)
    ).stdout
    assert result.startswith(f"from {REVISIONS[-1]}")
    assert "set OTEL_RESIDENCY_CATALOGUE to it" in start("catalogue", "diff", str(user_catalogue)).stderr

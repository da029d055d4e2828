"""The subcommand `explain`."""

import subprocess
import sys

import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.catalogue.citations import sources_of
from otel_residency.core.reasons import REASONS
from otel_residency.version import __version__
from tests.cli.command import environment, read_document, start


def test_it_reports_meaning_verdicts_fix_and_source() -> None:
    """It is what stands in the table of codes, with its source in the catalogue."""
    document = read_document(start("explain", "feature.store", "--json").stdout)
    (source,) = document.pop("sources")
    assert {"kind", "title", "observed"} <= set(source)
    reason = REASONS["feature.store"]
    assert document == {
        "otel_residency": __version__,
        "command": "explain",
        "code": "feature.store",
        "meaning": reason.meaning,
        "verdicts": ["conditional", "ineligible"],
        "fix": reason.fix,
        "rests_on": "revisions.feature_rules",
    }
    text = start("explain", "feature.store").stdout
    assert text.startswith("feature.store\n")
    assert f"fix       {reason.fix}" in text
    assert "\x1b" not in text


def test_every_code_can_be_explained() -> None:
    """Without a code there is a list of all, for people and for programs."""
    assert [each["code"] for each in read_document(start("explain", "--json").stdout)["reasons"]] == list(
        REASONS
    )
    listed = start("explain").stdout
    assert all(code in listed for code in REASONS)


@pytest.mark.parametrize("code", REASONS)
def test_each_code_has_the_sources_that_it_rests_on(code: str) -> None:
    """What rests on the catalogue has one at least; what rests on the call or the policy has none."""
    catalogue = load_catalogue()
    found = sources_of(code, catalogue, catalogue.revisions[-1])
    assert bool(found) == (REASONS[code].source not in ("call", "policy"))


def test_an_unknown_code_is_answered_with_its_neighbours() -> None:
    """A slip of the pen ends with 2, one line, and what was probably meant."""
    done = start("explain", "model.alais")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "otel-residency: model.alais: no such reason code; did you mean model.alias"
    )
    assert "did you mean host.global" in start("explain", " HOST.GLOBL").stderr
    assert "lists them" in start("explain", "zzz").stderr


def test_it_waits_for_no_other_command() -> None:
    """Neither OpenTelemetry nor the client nor a parser of another command is imported for it."""
    code = """if True:
        import atexit, sys
        sys.argv = ["otel-residency", "explain", "model.alias"]
        heavy = ("opentelemetry", "openai", "httpx", "wrapt", "yaml", "dotenv")
        atexit.register(lambda: print([name for name in heavy if name in sys.modules]))
        from otel_residency.cli import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "[]"

"""Write what follows from code and tables into docs and constraints/openai.txt: `python -m tools.docs`."""

import re
import sys
import tomllib
from pathlib import Path

from typer.testing import CliRunner

from otel_residency.catalogue import load_catalogue
from otel_residency.cli.app import app
from otel_residency.core.reasons import REASONS
from otel_residency.settings.table import SETTINGS
from tools import suites

ROOT = Path(__file__).parent.parent
REASONS_HEAD = """# Reason codes

Each finding of a verdict has a code that never changes its meaning. *Rests on* names the section of the
catalogue, the policy, or the call itself.

| code | verdict | what it means | what to do | rests on |
|---|---|---|---|---|
"""
VERSIONS = tomllib.loads((ROOT / "constraints" / "versions.toml").read_text(encoding="utf-8"))
OPENAI_HEAD = """# The newest release of the client that the suite was run with, and the httpx beside it.
"""
_HELP = re.compile(r"<!-- help ?([a-z -]*?) ?-->.*?<!-- help end -->", re.DOTALL)


def reasons_page() -> str:
    """The page of the reason codes."""
    rows = (
        f"| `{code}` | {', '.join(reason.verdicts)} | {reason.meaning} | {reason.fix} | {reason.source} |\n"
        for code, reason in sorted(REASONS.items())
    )
    return REASONS_HEAD + "".join(rows)


def settings_table() -> str:
    """The rows of the README's table of settings."""
    return "".join(
        f"| `{each.variable}` | {f'`{each.default}`' if each.default else 'none'} | {each.meaning} |\n"
        for each in SETTINGS
    )


def attestations_table() -> str:
    """The rows of the policy page's table of attestations."""
    entries = load_catalogue().entries.attestations
    return "".join(f"| `{each.name}` | {each.meaning} |\n" for each in entries)


def tested_openai() -> str:
    """The releases of the client that the tests run with."""
    versions = [release["version"].rpartition(".")[0] for release in VERSIONS["openai"]]
    return f"openai {versions[0]} to {versions[-1]} (tested: {', '.join(versions)})"


def tested_clients() -> str:
    """The releases of the HTTP clients, and of what makes greenlets, that the tests run with."""
    clients = ", ".join(f"{name} {' · '.join(releases)}" for name, releases in VERSIONS["clients"].items())
    green = ", ".join(f"{name} {release}" for name, release in VERSIONS["green"].items())
    return f"{clients}; in greenlets of {green}"


def newest_openai() -> str:
    """The constraints of the environments that have the newest client."""
    newest = VERSIONS["openai"][-1]
    return f"{OPENAI_HEAD}httpx=={newest['httpx']}\nopenai=={newest['version']}\n"


def tested_opentelemetry() -> str:
    """The oldest and newest OpenTelemetry that the tests run with."""
    oldest, newest = VERSIONS["opentelemetry"]["oldest"], VERSIONS["opentelemetry"]["newest"]
    return (
        f"OpenTelemetry SDK ≥ {oldest['api'].rpartition('.')[0]} "
        f"(known good together: {newest['api']} and {newest['contrib']})"
    )


def with_words(text: str, name: str, words: str) -> str:
    """`text` with what stands in the marked place `name` of a line replaced."""
    return re.sub(f"(<!-- {name}: -->).*?(<!-- {name} end -->)", rf"\g<1>{words}\g<2>", text)


def with_rows(text: str, name: str, rows: str) -> str:
    """`text` with the rows of the marked table `name` replaced."""
    start, rest = text.split(f"<!-- {name}: ", 1)
    marked, end = rest.split(f"<!-- {name} end -->", 1)
    head = "\n".join(marked.split("\n")[:3])
    return f"{start}<!-- {name}: {head}\n{rows}<!-- {name} end -->{end}"


def help_of(command: str) -> str:
    """What `otel-residency COMMAND --help` prints."""
    arguments = [*command.split(), "--help"]
    done = CliRunner().invoke(app, arguments, prog_name="otel-residency", terminal_width=100)
    return done.output.rstrip()


def with_help(text: str) -> str:
    """`text` with the help of each command that it marks the place of."""

    def block(marked: re.Match[str]) -> str:
        name = marked[1]
        space = " " if name else ""
        return f"<!-- help{space}{name} -->\n```text\n{help_of(name)}\n```\n<!-- help end -->"

    return _HELP.sub(block, text)


def pages() -> dict[Path, str]:
    """Every file with a written part, as it should be."""
    readme, policy, cli = ROOT / "README.md", ROOT / "docs" / "policy.md", ROOT / "docs" / "cli.md"
    contributing = ROOT / "CONTRIBUTING.md"
    front = with_rows(readme.read_text(encoding="utf-8"), "settings", settings_table())
    front = with_words(front, "openai", tested_openai())
    front = with_words(front, "clients", tested_clients())
    return {
        ROOT / "constraints" / "openai.txt": newest_openai(),
        ROOT / "docs" / "reasons.md": reasons_page(),
        cli: with_help(cli.read_text(encoding="utf-8")),
        contributing: with_rows(contributing.read_text(encoding="utf-8"), "suites", suites.table()),
        readme: with_words(front, "opentelemetry", tested_opentelemetry()),
        policy: with_rows(policy.read_text(encoding="utf-8"), "attestations", attestations_table()),
    }


def main() -> int:
    """Write the files."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

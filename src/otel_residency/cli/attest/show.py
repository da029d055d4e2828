"""The settings of projects as people read them."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from otel_residency.cli.console import as_lines, console
from otel_residency.core.catalogue import Catalogue
from otel_residency.settings.projects import ProjectsFile

UNKNOWN = "unknown"


def as_text(read: ProjectsFile, output: Path, catalogue: Catalogue) -> str:
    """A table of the projects, and the lines by which the policy uses the file."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("project", "name", "residency", "region", "processing", "retention"):
        table.add_column(title, overflow="fold")
    for name, project in sorted(read.resolved().items()):
        known = catalogue.project_residency.get(project.residency)
        table.add_row(
            name,
            read.projects[name].name,
            project.residency or UNKNOWN,
            known.region if known else UNKNOWN,
            ("yes" if known.processing else "no") if known else UNKNOWN,
            project.retention or UNKNOWN,
        )
    told = f"{len(read.projects)} projects of {read.source}, read on {read.observed}: {output}"
    lines = Text(f'{told}\nIn the policy:\n\n[projects]\nfile = "{output}"', no_wrap=True)
    return as_lines(console(), table, lines)

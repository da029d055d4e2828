"""The table of libraries in the documentation."""

import re
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "clients.md"
ROW = re.compile(r"^\| `(?P<name>[a-z-]+)` \|(?P<cells>.+)\|$", re.MULTILINE)


class Row(NamedTuple):
    """What the table says of one library."""

    version: str
    openai: str
    address: str
    variables: str
    error: str
    tries: int


def rows() -> dict[str, Row]:
    """The table, by the names of the libraries."""
    found = {}
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8")):
        version, openai, address, variables, error, tries = (
            cell.strip(" `") for cell in row["cells"].split("|")
        )
        found[row["name"]] = Row(version, openai, address, variables, error, int(tries))
    return found


def pins(name: str) -> dict[str, str]:
    """The versions that a library is run with."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))

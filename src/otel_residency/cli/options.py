"""Options that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
Require = Annotated[
    str, typer.Option("--require", metavar="REGIONS", help="Required regions, separated by commas.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Treat everything but eligible as a violation.")]

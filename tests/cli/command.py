"""Start the command as a person or a container does, in an environment that the test names."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

COMMAND = (sys.executable, "-m", "otel_residency.cli")
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "cli.schema.json").read_text(encoding="utf-8"))
QUIET = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
_LEFT_OUT = ("OTEL_", "OPENAI_", "LANGFUSE_", "TRACELOOP_", "PYTHON")


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process without what matters here, and with `variables`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_LEFT_OUT)}
    bin_directory = str(Path(sys.executable).parent)
    return {**kept, "PATH": f"{bin_directory}{os.pathsep}{kept['PATH']}", **QUIET, **variables}


def start(
    *arguments: str, given: str = "", cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `otel-residency` with these arguments and variables, and `given` on its standard input."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**variables),
        input=given,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def read_document(text: str) -> Any:
    """A JSON document that a command printed; it must be as the schema in the documentation says."""
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    return document


class DoctorRun(NamedTuple):
    """What the doctor said as JSON."""

    code: int
    document: dict[str, Any]
    text: str

    def __getitem__(self, name: Any) -> Any:
        """The first check with this id: status, what was found, fix."""
        check = next(each for each in self.document["checks"] if each["id"] == name)
        return check["status"], check["found"], check["fix"]


def examine(*options: str, **variables: str) -> DoctorRun:
    """Have the doctor look at an environment with these variables."""
    done = start("doctor", "--json", *options, **variables)
    assert done.stderr == ""
    return DoctorRun(done.returncode, read_document(done.stdout), done.stdout)

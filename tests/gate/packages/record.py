"""Write places.json anew: `record.py <folder>`, in which <package>/bin/python is the package's environment.

An environment holds what requirements/<package>.txt says.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from places import current, items_with_content, log_contexts, places, unrelated_spans

HERE = Path(__file__).parent
MODES = {
    "genai_openai": ("inline", "upload"),
    "langfuse": ("wrapper",),
    "logfire": ("pending", "bodies"),
    "logging": ("debug",),
    "openai_v2": ("events", "experimental"),
    "openinference": ("both",),
    "openlit": ("both",),
    "openllmetry": ("attributes", "events"),
    "openllmetry_old": ("attributes",),
}


def record(package: str, mode: str, python: Path) -> dict[str, Any]:
    """Run a package, and describe where content stood in what it exported."""
    command = [str(python), "-B", str(HERE / "run.py"), package, mode]
    document = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=300).stdout)
    return {
        "package": package,
        "mode": mode,
        "before_the_request": items_with_content(document, sent=False),
        "after_the_request": items_with_content(document, sent=True),
        "current_at_the_request": current(document),
        "beside_the_request": unrelated_spans(document),
        "context_of_logs": log_contexts(document),
        "places": [
            {**{key: value for key, value in place._asdict().items() if value}, "markers": markers}
            for place, markers in places(document).items()
        ],
    }


def main() -> None:
    """Run everything."""
    folder = Path(sys.argv[1])
    recorded = [
        record(package, mode, folder / package / "bin" / "python")
        for package, modes in MODES.items()
        for mode in modes
    ]
    (HERE / "places.json").write_text(written(recorded), encoding="utf-8")


def written(recorded: list[dict[str, Any]]) -> str:
    """JSON with a line for each list of calls and for each place."""
    blocks = []
    for each in recorded:
        fields = [f"      {json.dumps(name)}: {lines(value)}" for name, value in each.items()]
        blocks.append("    {\n" + ",\n".join(fields) + "\n    }")
    return '{\n  "recorded": [\n' + ",\n".join(blocks) + "\n  ]\n}\n"


def lines(value: dict[str, Any] | list[Any] | str) -> str:
    """JSON, with a line for each item of a dictionary or a list."""
    if isinstance(value, dict):
        items, ends = [f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()], "{}"
    elif isinstance(value, list):
        items, ends = [json.dumps(each) for each in value], "[]"
    if not value or isinstance(value, str):
        return json.dumps(value)
    return f"{ends[0]}\n        " + ",\n        ".join(items) + f"\n      {ends[1]}"


if __name__ == "__main__":
    main()

"""A program that creates and uses stored things, as its arguments say, and tells how each step ended."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai

from otel_residency import ResidencyInstrumentor, ResidencyViolationError
from tests.frozen import FROZEN
from tests.internet import EU, US
from tests.recorded import EU_POLICY, Recorded
from tests.vendor import SNAPSHOT

ROOT = Path(__file__).parents[2]
HOSTS = {"us": US, "eu": EU}


def run(file: Path, on_call: str, *steps: str) -> list[Any]:
    """Take the steps in a process of its own, with `file` as its store: how each of them ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.calls.stateful", str(file), on_call, *steps],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def take(step: str, recorded: Recorded) -> list[str]:
    """Take a step: what the package found, or that it refused."""
    what, host = step.split("-")
    client = openai.OpenAI(base_url=f"https://{HOSTS[host]}/v1", max_retries=0)
    more: Any = {"previous_response_id": "resp_1"} if what == "use" else {}
    recorded.clear()
    try:
        client.responses.create(model=SNAPSHOT, input="Hello", **more)
    except ResidencyViolationError as error:
        return ["refused", *(error.decision.reasons if error.decision else ())]
    return ["made", *recorded.span["residency.reasons"]]


def main(file: str, on_call: str, *steps: str) -> None:
    """Take the steps; after `fork` a child takes the others, and its parent waits for it."""
    recorded = Recorded()
    ResidencyInstrumentor().instrument(
        **EU_POLICY, catalogue=FROZEN, on_call=on_call, state=file, **recorded.providers
    )
    for step in steps:
        if step == "fork":
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                return
        else:
            print(json.dumps(take(step, recorded)), flush=True)  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What a report takes, in time and memory, beside the plain ways to count the same lines."""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from importlib.util import find_spec
from itertools import accumulate, islice
from pathlib import Path
from shutil import which
from typing import Any, Final, NamedTuple

from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.policy import Policy, Statement
from otel_residency.core.verdict import Decision
from otel_residency.records.record import Record, write_facts, write_policy, write_record
from otel_residency.settings.load import Settings
from otel_residency.telemetry import names

_DAYS: Final = [date(2026, 8, 22) + timedelta(number) for number in range(90)]
_PARTS: Final = 8
"""Files, as a ledger leaves them that is put aside when it is large."""
_HOSTS: Final = {"eu.api.openai.com": 8, "api.openai.com": 1, "us.api.openai.com": 1}
"""With how often they are called."""
_MODELS: Final = ("gpt-5.2-2025-12-11", "gpt-4.1-2025-04-14", "gpt-5-mini-2025-08-07", "gpt-4o")
_SERVICES: Final = 20
_POLICY: Final = Policy(
    require=("eu",),
    attest={
        name: Statement(value=True, reference="DPA annex 2")
        for name in ("zero_data_retention", "retention_amendment")
    },
)
_HASH: Final = Settings(policy=_POLICY).policy_hash
_JQ: Final = """
.resourceLogs[].scopeLogs[].logRecords[] | select(.eventName == "residency.call")
| [.attributes[] | {(.key): (.value | to_entries[0].value)}] | add
| [."residency.verdict", ."residency.region"] | @tsv
"""
_PANDAS: Final = """
import sys
import pandas
total = 0
for path in sys.argv[1:]:
    for chunk in pandas.read_json(path, lines=True, chunksize=20_000, dtype=False):
        scopes = chunk["resourceLogs"].explode().str["scopeLogs"].explode()
        logs = scopes.str["logRecords"].explode()
        rows = ({a["key"]: next(iter(a["value"].values())) for a in log["attributes"]} for log in logs)
        frame = pandas.DataFrame(rows)
        total = frame.groupby(["residency.verdict", "residency.region"]).size().add(total, fill_value=0)
print(total)
"""


OURS: Final = "otel-residency report"
WAYS: Final = (OURS, "jq", "pandas")


class Took(NamedTuple):
    """What one way of counting took."""

    way: str
    calls: int
    batch: int
    """Of them in a line."""
    gigabytes: float
    seconds: float
    processor: float
    """Seconds of processor time of all its processes."""
    megabytes: float
    """Resident memory of its processes together, at its highest."""
    load: float
    """Of the machine, over the last minute, when it was done."""


def measure(
    calls: int, folder: Path, ways: Sequence[str] | None, tell: Callable[[str], None], batch: int = 1
) -> tuple[Took, ...]:
    """Write ledgers once, and count them in each way, one after the other.

    Args:
        calls: how many.
        folder: for the ledgers; what is there already is used.
        ways: those of `WAYS` to measure; `None`: all that are installed.
        tell: told what is done.
        batch: records in a line: one, as in a ledger, or many, as a Collector writes them.
    """
    files = [str(file) for file in _files(calls, folder, tell, batch)]
    report = [sys.executable, "-m", "otel_residency.cli", "report", "--output", str(folder / "report.html")]
    commands = {
        OURS: [*report, *files],
        "jq": ["sh", "-c", 'jq -r "$0" "$@" | sort | uniq -c', _JQ, *files],
        "pandas": [sys.executable, "-c", _PANDAS, *files],
    }
    installed = {OURS: True, "jq": which("jq"), "pandas": find_spec("pandas")}
    size = sum(Path(file).stat().st_size for file in files) / 1e9
    took = []
    for way in ways or [way for way in WAYS if installed[way]]:
        tell(f"{way}: {calls} calls, {size:.1f} GB")
        took.append(Took(way, calls, batch, size, *_took(way, commands[way])))
    return tuple(took)


def _took(way: str, command: list[str]) -> tuple[float, float, float, float]:
    """Seconds, processor seconds, megabytes and load."""
    before, began, highest = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        highest = max(highest, _memory(process.pid))
        time.sleep(0.05)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{way} ended with {process.returncode}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor, highest / 1e6, os.getloadavg()[0]


def _memory(pid: int) -> int:
    """Bytes that a process and those below it hold."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return resident * resource.getpagesize() + sum(_memory(int(child)) for child in below)


def _files(calls: int, folder: Path, tell: Callable[[str], None], batch: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{calls}-by-{batch}-{number}.jsonl" for number in range(_PARTS)]
    for number, file in enumerate(files):
        if not file.exists():
            tell(f"writing {file}")
            whole = file.with_suffix(".part")
            with whole.open("w", encoding="utf-8") as lines:
                lines.writelines(_batched(_lines(calls // _PARTS, number), batch))
            whole.rename(file)
    return files


def _lines(calls: int, number: int) -> Iterator[str]:
    """Lines of some writers over the days, with a text for each kind of call that is filled in."""
    chance = random.Random(number)  # noqa: S311 - the same calls each time
    writer = f"{number:032x}"
    told = {names.LEDGER_WRITER: writer, names.LEDGER_SEQUENCE: 0, names.LEDGER_PREVIOUS: "0" * 64}
    told |= {names.POLICY: _HASH, names.POLICY_DOCUMENT: write_policy(_POLICY)}
    yield write_record(Record(names.EVENT_POLICY, 1, 1, told)).decode() + "\n"
    per_day = calls // len(_DAYS) + 1
    for day in _DAYS:
        kinds, weights = _kinds(day)
        start = (day - date(1970, 1, 1)).days * 86_400 * 10**9
        for each in range(per_day):
            text = os.urandom(32).hex()
            time_ns = start + each * (86_400 * 10**9 // per_day)
            values = {"time": time_ns, "sequence": each + 1, "writer": writer, "hex": text}
            (kind,) = chance.choices(kinds, cum_weights=weights)
            yield kind % {**values, "id": text[:32], "short": text[:16]}


def _batched(lines: Iterator[str], size: int) -> Iterator[str]:
    """The documents of so many lines as one."""
    if size == 1:
        yield from lines
        return
    beginning, end = '{"resourceLogs":[', "]}\n"
    while together := [*islice(lines, size)]:
        yield beginning + ",".join(line[len(beginning) : -len(end)] for line in together) + end


@cache
def _kinds(day: date) -> tuple[list[str], list[int]]:
    """Lines of a day to be filled in, and how often each comes, added up."""
    catalogue, kinds, weights = load_catalogue(), [], []
    for host, weight in _HOSTS.items():
        for model in _MODELS:
            hop = Hop("https", host, None, "/v1/chat/completions", payload=True)
            facts = CallFacts(day, "POST", (hop,), model=model, answer=Answer(200, model))
            attributes = _attributes(facts, decide(facts, catalogue, _POLICY))
            for service in range(_SERVICES):
                kinds.append(_text(attributes, f"service-{service}"))
                weights.append(weight)
    return kinds, [*accumulate(weights)]


def _attributes(facts: CallFacts, decision: Decision) -> dict[str, Any]:
    host = facts.hops[0].host
    return {
        names.LEDGER_WRITER: "%(writer)s",
        names.LEDGER_SEQUENCE: "%(sequence)d",
        names.LEDGER_PREVIOUS: "%(hex)s",
        names.BASE_URL: f"https://{host}/v1/",
        names.MODEL_REQUESTED: facts.model,
        names.SERVER_ADDRESS: host,
        names.SERVER_PORT: 443,
        names.HTTP_METHOD: "POST",
        names.VERDICT: decision.verdict.value,
        names.VIOLATION: decision.violation,
        names.REGION: decision.region,
        names.ENDPOINT: decision.endpoint,
        names.REASONS: decision.reasons,
        names.CATALOGUE: decision.catalogue,
        names.POLICY: _HASH,
        names.REQUIRED: decision.required,
        names.MODEL_SNAPSHOT: facts.model,
        names.EVIDENCE["request_id"]: "req_%(id)s",
        names.EVIDENCE["peer_address"]: "172.66.0.243",
        names.HOP_HOSTS: [host],
        names.HOP_REGIONS: decision.hop_regions,
        names.HTTP_STATUS: 200,
        names.DURATION: 412_345_678,
        names.FACTS: write_facts(facts),
    }


def _text(attributes: dict[str, Any], service: str) -> str:
    resource_of = {"service.name": service, "service.instance.id": "%(writer)s"}
    text = write_record(
        Record(names.EVENT_CALL, 1, 2, attributes, "%(id)s", "%(short)s", resource_of)
    ).decode()
    for told, filled in (
        ('"timeUnixNano":"1"', '"timeUnixNano":"%(time)d"'),
        ('"observedTimeUnixNano":"2"', '"observedTimeUnixNano":"%(time)d"'),
        ('{"stringValue":"%(sequence)d"}', '{"intValue":"%(sequence)d"}'),
    ):
        text = text.replace(told, filled)
    return text + "\n"

"""Bad luck: files that change, clocks, exporters, dropped streams, deep stacks. Nobody notices us."""

import asyncio
import gc
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import otel_residency
from otel_residency import ResidencyInstrumentor
from tests.calls.kinds import Kind, Sync
from tests.calls.test_odd_fields import outcome
from tests.calls.test_unchanged import CHAT, items, plain
from tests.frozen import FROZEN
from tests.internet import EU, PATIENCE, US
from tests.recorded import EU_POLICY, Instrument, settle

STREAMS = 3
YEARS = 20 * 365 * 86_400 * 10**9


# Files of the settings.


def removed(file: Path) -> None:
    """Remove it."""
    file.unlink()


def garbage(file: Path) -> None:
    """Write something else."""
    file.write_bytes(b"\x00\xff[")


def weaker(file: Path) -> None:
    """Write a policy, or a table, that requires nothing."""
    file.write_text("", encoding="utf-8")


def a_folder(file: Path) -> None:
    """Put a folder in its place."""
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("change", [removed, garbage, weaker, a_folder])
@pytest.mark.parametrize("name", ["policy", "catalogue"])
def test_a_file_of_the_settings_changes_while_the_process_runs(  # noqa: PLR0917 - fixtures
    kind: Kind,
    instrument: Instrument,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    change: Callable[[Path], None],
) -> None:
    """What was read when the package was switched on holds: a call to another region is refused as before."""
    files = {"policy": tmp_path / "residency.toml", "catalogue": tmp_path / "catalogue.json"}
    files["policy"].write_text('require = ["eu"]\n', encoding="utf-8")
    files["catalogue"].write_bytes(Path(FROZEN).read_bytes())
    chosen: dict[str, Any] = {key: str(file) for key, file in files.items()}
    recorded = instrument(on_call="block", **chosen)
    client = kind.open(base_url=f"https://{US}/v1")

    def call() -> Any:
        return plain(kind, client)

    before = outcome(call)
    change(files[name])
    assert outcome(call) == before
    assert recorded.values("residency.violation") == [True, True]
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


# Clocks.


@pytest.mark.parametrize("step", [YEARS, -YEARS, -(10**9)], ids=["forward", "back", "a second back"])
@pytest.mark.parametrize("make_call", [plain, items])
def test_the_clock_jumps(  # noqa: PLR0917 - fixtures
    kind: Kind,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make_call: Callable[[Kind, Any], Any],
    step: int,
) -> None:
    """At each time that is read the clock has jumped: the same answer, one span and one count."""
    client = kind.open()
    steps = count()

    def now() -> int:
        return 10**18 + 8 * 10**17 + next(steps) % 2 * step

    def call() -> Any:
        return make_call(kind, client)

    expected = outcome(call)
    recorded = instrument(ledger={"path": str(tmp_path / "ledger.jsonl")})
    assert outcome(call) == expected  # everything is imported then
    for name, module in list(sys.modules.items()):
        if name.startswith("otel_residency") and hasattr(module, "time_ns"):
            monkeypatch.setattr(module, "time_ns", now)
    assert outcome(call) == expected
    kind.rest()
    settle()
    assert (len(recorded.spans), recorded.counted) == (2, 2)


# Exporters.


class Stuck(SpanExporter):
    """A Collector that does not answer, until the test is over."""

    def __init__(self) -> None:
        self.asked, self.go_on = Event(), Event()

    def export(self, _: Any) -> SpanExportResult:
        """Wait."""
        self.asked.set()
        self.go_on.wait(PATIENCE)
        return SpanExportResult.FAILURE


class Failing(SpanExporter):
    """A Collector that is gone."""

    def export(self, _: Any) -> SpanExportResult:
        """Fail."""
        raise ConnectionRefusedError


@pytest.mark.parametrize("on_export", ["flag", "redact", "withhold"])
def test_calls_do_not_wait_for_an_exporter(kind: Kind, instrument: Instrument, on_export: str) -> None:
    """While a batch of spans is on its way, and another exporter fails, calls end as without us."""
    client, exporter = kind.open(), Stuck()
    expected = outcome(lambda: plain(kind, client))
    provider = TracerProvider(shutdown_on_exit=False)
    instrument()  # restored when the test is over
    ResidencyInstrumentor().uninstrument()
    for each in (exporter, Failing()):
        provider.add_span_processor(
            BatchSpanProcessor(each, schedule_delay_millis=1, max_export_batch_size=1)
        )
    ResidencyInstrumentor().instrument(
        catalogue=FROZEN, **EU_POLICY, on_export=on_export, tracer_provider=provider
    )
    try:
        assert outcome(lambda: plain(kind, client)) == expected
        assert exporter.asked.wait(PATIENCE)
        assert [outcome(lambda: plain(kind, client)) for _ in range(5)] == [expected] * 5
    finally:
        exporter.go_on.set()
        provider.shutdown()


# Streams that nobody closes.


def test_streams_that_the_collector_finds_are_closed_quietly(instrument: Instrument) -> None:
    """The loop reports nothing else about streams that are dropped than without us, whoever closes them."""
    # By asyncio, of the client's own generators: how often depends on the order in which it ends them.
    usual = {"an error occurred during closing of asynchronous generator"}

    def reported(*, collected: bool) -> set[str]:
        found: set[str] = set()

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: found.add(context["message"].partition(" <")[0]))
            async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1", max_retries=0) as client:
                for _ in range(STREAMS):
                    stream = await client.chat.completions.create(**CHAT, stream=True)
                    await anext(aiter(stream))
                    del stream
                if collected:
                    gc.collect()
                    for _ in range(20):
                        await asyncio.sleep(0)

        asyncio.run(main())
        gc.collect()  # tasks that failed report it when they are freed
        return found

    assert reported(collected=True) | reported(collected=False) <= usual
    recorded = instrument()
    assert reported(collected=True) | reported(collected=False) <= usual
    settle()
    assert recorded.counted == 2 * STREAMS


# Depth.


@pytest.mark.parametrize("on_call", ["flag", "block"])
def test_a_call_near_the_limit_of_recursion(instrument: Instrument, sync: Sync, on_call: str) -> None:
    """With few frames left a call is answered or ends with a `RecursionError`, and the next one is well."""
    client = sync.open()
    expected = outcome(lambda: plain(sync, client))
    recorded = instrument(on_call=on_call)

    def deeper(frames: int) -> Any:
        return deeper(frames - 1) if frames else plain(sync, client)

    endings = set()
    for left in range(20, 400, 20):
        try:
            deeper(sys.getrecursionlimit() - len(frames_here()) - left)
            endings.add("answered")
        except RecursionError:
            endings.add("too deep")
        except (openai.APIConnectionError, otel_residency.ResidencyViolationError) as error:
            endings.add("too deep" if deep(error) else type(error).__name__)
    assert endings <= {"answered", "too deep"}
    assert outcome(lambda: plain(sync, client)) == expected
    assert recorded.values("residency.verdict")[-1] == "eligible"


def frames_here() -> list[Any]:
    """The frames of this thread."""
    frame, found = sys._getframe(), []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return found


def deep(error: BaseException | None) -> bool:
    """Whether too few frames are behind an error; a guard that can't judge for lack of them refuses."""
    seen = isinstance(error, RecursionError | otel_residency.ResidencyViolationError)
    return seen or (error is not None and deep(error.__cause__ or error.__context__))

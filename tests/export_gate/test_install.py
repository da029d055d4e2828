"""The gate is in front of every exporter of every provider, under the launcher as in code."""

import json
import os
import subprocess
import sys
from pathlib import Path

from opentelemetry.sdk import _logs, trace
from opentelemetry.sdk._logs import export as logs_export
from opentelemetry.sdk.trace import export as spans_export

from otel_residency.patches import otel_sdk as install
from otel_residency.runtime.runtime import runtime

PROMPT = "my claim is number 4711"
CALL = """
import json, logging, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import openai
try:
    import httpx2 as http
except ImportError:
    import httpx as http

def respond(_):
    return http.Response(200, json={"id": "c", "object": "chat.completion", "created": 1, "choices": [],
                                    "model": "gpt-5.2-2025-12-11"})

exporters = [InMemorySpanExporter() for _ in range(3)]
configured = trace.get_tracer_provider()
configured.add_span_processor(SimpleSpanProcessor(exporters[0]))
own = TracerProvider()
own.add_span_processor(SimpleSpanProcessor(exporters[1]))
client = openai.OpenAI(
    api_key="k", base_url="https://us.api.openai.com/v1",
    http_client=http.Client(transport=http.MockTransport(respond)),
)
for provider in (configured, own):
    with provider.get_tracer("t").start_as_current_span("s", attributes={"gen_ai.prompt": sys.argv[1]}):
        client.chat.completions.create(model="gpt-5.2-2025-12-11", messages=[])
        if provider is own:
            own.add_span_processor(SimpleSpanProcessor(exporters[2]))
print(json.dumps([[dict(span.attributes) for span in each.get_finished_spans() if span.name == "s"]
                  for each in exporters]))
"""


def test_zero_code_gates_every_provider(tmp_path: Path) -> None:
    """That of the distribution and the application's own, with processors added before, after and during."""
    exported = tmp_path / "spans.json"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    settings = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_RESIDENCY_REQUIRE": "eu",
        "OTEL_RESIDENCY_ON_EXPORT": "redact",
    }
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    with exported.open("w") as output:
        subprocess.run(
            [str(launcher), sys.executable, "-c", CALL, PROMPT],
            env={**inherited, **settings},
            stdout=output,
            check=True,
            timeout=60,
        )
    text = exported.read_text("utf-8")
    assert text.count('"name": "s"') == 1, "the exporter of the distribution"
    assert PROMPT not in text
    result = json.loads(next(line for line in text.splitlines() if line.startswith("[[")))
    assert [len(spans) for spans in result] == [1, 1, 1]
    assert all(span["residency.export.action"] == "redacted" for spans in result for span in spans)


def test_installing_again_changes_nothing() -> None:
    """It is done once, whoever asks, and every place that it needs is there."""
    install.install()
    before = trace.SynchronousMultiSpanProcessor.on_end
    install.install()
    assert trace.SynchronousMultiSpanProcessor.on_end is before
    assert runtime.patched.missing_exporters == set()


def test_the_methods_have_the_signatures_of_the_sdk() -> None:
    """Name, documentation and the original are where programs look for them."""
    install.install()
    for method in (
        trace.ConcurrentMultiSpanProcessor.on_end,
        _logs.LoggerProvider().__class__.force_flush,
        spans_export.BatchSpanProcessor.on_end,
        logs_export.BatchLogRecordProcessor.on_emit,
    ):
        assert method.__name__ in ("on_end", "on_emit", "force_flush")


def test_nothing_of_the_sdk_is_imported_for_it() -> None:
    """A process that does not use the SDK does not load it, nor the description of content."""
    code = (
        "import sys; from otel_residency import ResidencyInstrumentor;"
        "ResidencyInstrumentor().instrument(require='eu', on_export='redact');"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace',"
        " 'otel_residency.export_gate.content'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

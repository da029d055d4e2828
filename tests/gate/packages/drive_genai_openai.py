"""opentelemetry-instrumentation-genai-openai: content on spans and in log events, or uploaded by its hook."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from exported import Providers
from loopback import Upload
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.trace import TracerProvider
from opentelemetry.util.genai._upload.completion_hook import UploadCompletionHook


@contextmanager
def inline(providers: Providers, _url: str) -> Iterator[TracerProvider]:
    """Content on spans and in log events."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_AND_EVENT"
    os.environ["OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"] = "true"
    OpenAIInstrumentor().instrument(**providers.named)
    yield providers.traces


@contextmanager
def upload(providers: Providers, _url: str) -> Iterator[TracerProvider]:
    """Content in files, and references to them on the spans."""
    with TemporaryDirectory() as folder:
        hook = UploadCompletionHook(base_path=folder)
        OpenAIInstrumentor().instrument(**providers.named, completion_hook=hook)
        yield providers.traces
        hook.shutdown()
        for file in sorted(Path(folder).iterdir()):
            providers.exported.uploads.append(Upload("write", "file", file.read_text("utf-8")))


MODES = {"inline": inline, "upload": upload}

"""langfuse: its wrapper of the client, and its exporter. Media it uploads on the side."""

import langfuse
import langfuse.openai


def set_up(url: str) -> None:
    """Spans; the import above has wrapped the client already."""
    langfuse.Langfuse(
        public_key="pk-made-up",
        secret_key="sk-made-up",
        base_url=url,
        should_export_span=lambda _: True,
    )

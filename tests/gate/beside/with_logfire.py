"""logfire, sending to its back end; that is also given a pending span as each span begins."""

import logging

import logfire


def set_up(url: str) -> None:
    """Spans, metrics, and the log of the application."""
    logfire.configure(
        token="made-up",
        service_name="service",
        console=False,
        inspect_arguments=False,
        advanced=logfire.AdvancedOptions(base_url=url),
    )
    logfire.instrument_openai()
    logging.getLogger().addHandler(logfire.LogfireLoggingHandler())

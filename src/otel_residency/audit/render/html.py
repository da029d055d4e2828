"""One HTML file that needs nothing else: no network, no script."""

from importlib.resources import files

from otel_residency.audit.render import charts, words
from otel_residency.audit.report import TOLD, Outcome, Report
from otel_residency.errors import AuditError

_TEMPLATE = "report.html.jinja"
_TROUBLE = (Outcome.BROKEN, Outcome.STOPPED, Outcome.UNKNOWN, Outcome.CONDITIONAL)


def as_html(report: Report) -> str:
    """The report as a page.

    Raises:
        AuditError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - an extra
    except ImportError:
        raise AuditError("the HTML report needs jinja2: pip install 'otel-residency[audit]'") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    environment.filters |= {"number": words.number, "day": words.day, "term": words.term}
    text = (files(__package__) / _TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(
        report=report,
        words=words,
        told=TOLD,
        outcomes=[*Outcome],
        sources=words.sources(report),
        width=charts.WIDTH,
        height=charts.HEIGHT,
        all_calls=charts.chart(report.periods, Outcome),
        trouble=charts.chart(report.periods, _TROUBLE),
    )

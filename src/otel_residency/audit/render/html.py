"""One HTML file that needs nothing else: no network, no script."""

from importlib.resources import files

from otel_residency.audit import phrases
from otel_residency.audit.outcomes import EXPLAINED, Outcome
from otel_residency.audit.render import charts, wording
from otel_residency.audit.report import AuditReport
from otel_residency.errors import AuditError

_TEMPLATE = "report.html.jinja"


def as_html(report: AuditReport) -> str:
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
    environment.filters |= {"number": phrases.number, "day": phrases.day, "term": wording.term}
    text = (files(__package__) / _TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(
        report=report,
        wording=wording,
        phrases=phrases,
        explained=EXPLAINED,
        outcomes=[*Outcome],
        sources=wording.sources(report),
        width=charts.WIDTH,
        height=charts.HEIGHT,
        all_calls=charts.chart(report.periods, Outcome),
        attention=charts.chart(report.periods, EXPLAINED),
    )

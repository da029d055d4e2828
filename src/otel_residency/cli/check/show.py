"""The verdict on an imagined call, as people read it."""

from collections.abc import Iterator
from itertools import chain

from rich.console import Group
from rich.text import Text

from otel_residency.cli.check.judge import Judged
from otel_residency.cli.console import STYLES, as_lines, columns, console, source_lines
from otel_residency.core.entries import Source

Numbers = dict[Source, int]


def as_text(judged: Judged) -> str:
    """The call, the findings with fixes, what the table says, numbered sources, and the verdict."""
    in_order = (*(each.sources for each in judged.findings), judged.sources if judged.rules else ())
    numbers = {source: n for n, source in enumerate(dict.fromkeys(chain(*in_order)), start=1)}
    call = columns()
    for name, value in (
        ("call", f"{judged.method} {judged.url}"),
        ("endpoint", judged.endpoint),
        ("model", judged.model or ""),
        ("tier", judged.service_tier or ""),
        ("features", ", ".join(judged.features)),
        ("tools", ", ".join(judged.tools)),
        ("region", judged.region),
        ("required", f"{', '.join(judged.required) or 'nothing'}, for {judged.scope}"),
        ("table", f"{judged.catalogue}, in force on {judged.on}"),
        ("policy", judged.policy),
    ):
        if value:
            call.add_row(name, Text(value))
    return as_lines(console(), call, *_findings(judged, numbers), _rules(judged, numbers), _verdict(judged))


def _findings(judged: Judged, numbers: Numbers) -> Iterator[Group]:
    for each in judged.findings:
        table = columns()
        table.add_row("found", Text(each.detail))
        table.add_row("means", each.meaning)
        table.add_row("fix", Text(each.fix, style="italic"))
        table.add_row("rests on", Text(f"{each.rests_on}{_cited(each.sources, numbers)}"))
        yield Group(Text(each.reason, style="bold").append(f"  {each.verdict}", STYLES[each.verdict]), table)


def _rules(judged: Judged, numbers: Numbers) -> Group:
    table = columns()
    cited = _cited(judged.sources, numbers)
    for rule in judged.rules:
        listed = {True: "; lists the model", False: "; does not list the model", None: ""}[rule.lists_model]
        where = f"stored in {_or_nowhere(rule.storage)}; processed in {_or_nowhere(rule.processing)}"
        table.add_row(f"row {rule.row}", Text(f"{where}{listed}{cited}"))
    if not judged.rules:
        table.add_row("row", "none: the table does not name the endpoint")
    for source, number in numbers.items():
        table.add_row(Text(f"[{number}]"), source_lines(source))
    return Group(Text(f"The table {judged.catalogue}", style="bold"), table)


def _cited(sources: tuple[Source, ...], numbers: Numbers) -> str:
    return "".join(f" [{numbers[source]}]" for source in sources)


def _or_nowhere(regions: tuple[str, ...]) -> str:
    return ", ".join(regions) or "no region"


def _verdict(judged: Judged) -> Text:
    violation = ", a violation" if judged.violation else ", no violation"
    strict = " (strict)" if judged.strict else ""
    return Text(f"{judged.verdict}{violation}{strict}", style=STYLES[judged.verdict])

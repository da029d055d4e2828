"""The subcommand `check`: the verdict on one call that is described by options."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import chain
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Group
from rich.text import Text

from otel_residency.catalogue.citations import sources_for, table_sources
from otel_residency.cli.active_settings import sound_settings
from otel_residency.cli.base_url import base_url_or_usual, shown_url
from otel_residency.cli.options import Json, Require, Strict
from otel_residency.cli.output import as_document, stop
from otel_residency.cli.terminal import STYLES, as_lines, columns, console, source_lines
from otel_residency.core.base_url import BaseUrl, read_base_url
from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.entries import Source
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.policy_rules import Scope
from otel_residency.core.reasons import REASONS
from otel_residency.core.rules.case import WITHOUT_BODY
from otel_residency.core.verdict import Verdict
from otel_residency.guard import Guard


def check(
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="PATH", help="Path of the endpoint, such as /v1/responses.")
    ],
    *,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Host to call over https.")] = "",
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Base URL of the client, instead of --host.")
    ] = "",
    method: Annotated[
        str,
        typer.Option(
            "--method", metavar="NAME", help="HTTP method (default: POST if the endpoint supports it)."
        ),
    ] = "",
    model: Annotated[str, typer.Option("--model", metavar="ID", help="Model id, as in the request.")] = "",
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", metavar="NAME", help="Feature, such as store or image_input (repeatable)."),
    ] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", metavar="TYPE", help="Type of a tool (repeatable).")
    ] = None,
    tier: Annotated[str, typer.Option("--tier", metavar="NAME", help="Service tier of the request.")] = "",
    require: Require = "",
    scope: Annotated[Scope | None, typer.Option("--scope", help="What must happen in the region.")] = None,
    date: Annotated[
        datetime | None,
        typer.Option(
            "--date", metavar="DATE", formats=["%Y-%m-%d"], help="Day of the call (default: today)."
        ),
    ] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Check whether a call would be allowed, and why.

    Uses the settings of the environment; options override them. The base URL is --host or --base-url, else
    OPENAI_BASE_URL, else the vendor's host of the first required region. Makes no call. Exit code: 0 if the
    call does not violate the policy, 1 if it does, 2 if an option or a setting can't be read.
    """
    settings = sound_settings(require=require, scope=scope, strict=strict)
    guard = Guard(settings)
    day = date.date() if date else datetime.now(UTC).date()
    features = feature_names(guard.catalogue)
    if unknown := [each for each in feature or () if each not in features]:
        stop(f"--feature: unknown feature {unknown[0]!r}. Known: {', '.join(sorted(features))}")
    method = method.upper() or _method(endpoint, guard.catalogue)
    base = base_url_or_usual(_given_url(host, base_url), settings.policy, guard.catalogue, day)
    hop = Hop(
        scheme=_scheme(base, endpoint, guard.catalogue),
        host=base.host,
        port=base.port,
        path=_path(base, endpoint),
        payload=method not in WITHOUT_BODY,
    )
    facts = CallFacts(
        on=day,
        method=method,
        hops=(hop,),
        base_path=base.path,
        model=model or None,
        service_tier=tier or None,
        features=frozenset(feature or ()),
        tools=frozenset(tool or ()),
    )
    result = check_call(facts, guard)
    typer.echo(as_document("check", result) if json else as_text(result))
    raise typer.Exit(int(result.violation))


def _given_url(host: str, base_url: str) -> str:
    if host and base_url:
        stop("pass either --host or --base-url, not both")
    if not host:
        return base_url
    url = f"https://{host}{BASE_PATH}"
    read = read_base_url(url)
    if read is None or read.path != BASE_PATH:
        stop("--host: not a host; write HOST or HOST:PORT, or pass --base-url")
    return url


def _path(base: BaseUrl, endpoint: str) -> str:
    """The path of the request: the vendor's path below the client's base path."""
    if not endpoint.startswith("/") or "?" in endpoint:
        stop("--endpoint: not a path; write it like /v1/responses")
    return base.path + endpoint.removeprefix(BASE_PATH if endpoint.startswith(f"{BASE_PATH}/") else "")


def _scheme(base: BaseUrl, endpoint: str, catalogue: Catalogue) -> str:
    """The scheme of the base URL; `wss` for an endpoint that sends prompts over a WebSocket."""
    found = catalogue.endpoint(path_segments(endpoint))
    is_socket = found is not None and found.model_at and "POST" not in found.methods
    return base.scheme.replace("http", "ws") if is_socket else base.scheme


def _method(endpoint: str, catalogue: Catalogue) -> str:
    found = catalogue.endpoint(path_segments(endpoint))
    methods = found.methods if found else ()
    return "POST" if "POST" in methods or not methods else methods[0]


_BY_STRUCTURE = frozenset({"file_reference", "image_input"})
"""Features that depend on the structure of a request, not on one key."""


class ExplainedFinding(NamedTuple):
    """A finding with the explanation of its code."""

    reason: str
    verdict: Verdict
    detail: str
    meaning: str
    fix: str
    rests_on: str
    sources: tuple[Source, ...]


class TableRule(NamedTuple):
    """A row of the vendor's table that lists the endpoint."""

    row: str
    services: tuple[str, ...]
    storage: tuple[str, ...]
    processing: tuple[str, ...]
    lists_model: bool | None
    """Whether it lists the model by exactly this id; `None` for a row that lists no models."""


class CheckResult(NamedTuple):
    """The verdict and everything that it depends on."""

    verdict: Verdict
    violation: bool
    on: date
    method: str
    url: str
    endpoint: str
    model: str | None
    service_tier: str | None
    features: tuple[str, ...]
    tools: tuple[str, ...]
    region: str
    required: tuple[str, ...]
    scope: str
    strict: bool
    findings: tuple[ExplainedFinding, ...]
    rules: tuple[TableRule, ...]
    catalogue: str
    sources: tuple[Source, ...]
    """Where the rows were read."""
    policy: str


def feature_names(catalogue: Catalogue) -> frozenset[str]:
    """Every feature that a rule of the catalogue may depend on."""
    entries = catalogue.entries
    shown: tuple[Any, ...] = (*entries.features, *entries.part_types)
    ruled = (rule.feature for revision in catalogue.revisions for rule in revision.feature_rules)
    return frozenset((*(each.feature for each in shown), *ruled, *_BY_STRUCTURE))


def check_call(facts: CallFacts, guard: Guard) -> CheckResult:
    """Check a call of one hop."""
    decision = guard.judge(facts).decision
    catalogue, endpoint = guard.catalogue, path_segments(decision.endpoint)
    policy = guard.settings.policy.for_call(facts.project, endpoint, facts.on).policy
    revision = catalogue.revision_on(facts.on)
    rows = catalogue.rows(revision, endpoint) if revision else ()
    (hop,) = facts.hops
    return CheckResult(
        verdict=decision.verdict,
        violation=decision.violation,
        on=facts.on,
        method=facts.method,
        url=shown_url(BaseUrl(scheme=hop.scheme, host=hop.host, port=hop.port, path=hop.path), catalogue),
        endpoint=decision.endpoint,
        model=facts.model,
        service_tier=facts.service_tier,
        features=tuple(sorted(facts.features)),
        tools=tuple(sorted(facts.tools)),
        region=decision.region,
        required=decision.required,
        scope=policy.scope,
        strict=policy.strict,
        findings=tuple(
            ExplainedFinding(
                reason=finding.reason,
                verdict=finding.verdict,
                detail=finding.detail,
                meaning=REASONS[finding.reason].meaning,
                fix=REASONS[finding.reason].fix,
                rests_on=REASONS[finding.reason].source,
                sources=sources_for(finding.reason, facts, catalogue, revision),
            )
            for finding in decision.findings
        ),
        rules=tuple(
            TableRule(
                row=row.id,
                services=row.services,
                storage=row.storage,
                processing=row.processing,
                lists_model=_lists(row.models, facts.model),
            )
            for row in rows
        ),
        catalogue=decision.catalogue,
        sources=table_sources(catalogue, revision, "rows"),
        policy=guard.settings.policy_hash,
    )


def _lists(models: tuple[str, ...] | None, model: str | None) -> bool | None:
    if models is None or model is None:
        return None
    return model.lower() in (each.lower() for each in models)


Numbers = dict[Source, int]


def as_text(result: CheckResult) -> str:
    """The call, the findings with fixes, the rows of the table, numbered sources, and the verdict."""
    in_order = (*(each.sources for each in result.findings), result.sources if result.rules else ())
    numbers = {source: n for n, source in enumerate(dict.fromkeys(chain(*in_order)), start=1)}
    call = columns()
    for name, value in (
        ("call", f"{result.method} {result.url}"),
        ("endpoint", result.endpoint),
        ("model", result.model or ""),
        ("tier", result.service_tier or ""),
        ("features", ", ".join(result.features)),
        ("tools", ", ".join(result.tools)),
        ("region", result.region),
        ("required", f"{', '.join(result.required) or 'nothing'}, for {result.scope}"),
        ("table", f"{result.catalogue}, in force on {result.on}"),
        ("policy", result.policy),
    ):
        if value:
            call.add_row(name, Text(value))
    return as_lines(console(), call, *_findings(result, numbers), _rules(result, numbers), _verdict(result))


def _findings(result: CheckResult, numbers: Numbers) -> Iterator[Group]:
    for each in result.findings:
        table = columns()
        table.add_row("found", Text(each.detail))
        table.add_row("means", each.meaning)
        table.add_row("fix", Text(each.fix, style="italic"))
        table.add_row("rests on", Text(f"{each.rests_on}{_cited(each.sources, numbers)}"))
        yield Group(Text(each.reason, style="bold").append(f"  {each.verdict}", STYLES[each.verdict]), table)


def _rules(result: CheckResult, numbers: Numbers) -> Group:
    table = columns()
    cited = _cited(result.sources, numbers)
    for rule in result.rules:
        listed = {True: "; lists the model", False: "; does not list the model", None: ""}[rule.lists_model]
        where = f"stored in {_or_nowhere(rule.storage)}; processed in {_or_nowhere(rule.processing)}"
        table.add_row(f"row {rule.row}", Text(f"{where}{listed}{cited}"))
    if not result.rules:
        table.add_row("row", "none: the table does not list the endpoint")
    for source, number in numbers.items():
        table.add_row(Text(f"[{number}]"), source_lines(source))
    return Group(Text(f"The table {result.catalogue}", style="bold"), table)


def _cited(sources: tuple[Source, ...], numbers: Numbers) -> str:
    return "".join(f" [{numbers[source]}]" for source in sources)


def _or_nowhere(regions: tuple[str, ...]) -> str:
    return ", ".join(regions) or "no region"


def _verdict(result: CheckResult) -> Text:
    violation = ", a violation" if result.violation else ", no violation"
    strict = " (strict)" if result.strict else ""
    return Text(f"{result.verdict}{violation}{strict}", style=STYLES[result.verdict])

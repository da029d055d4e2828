"""The subcommand `check`: the verdict on one call that nobody has made yet."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import chain
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Group
from rich.text import Text

from otel_residency.catalogue.citations import sources_for, table_sources
from otel_residency.cli.active_settings import sound_settings
from otel_residency.cli.base_url import base_url_or_usual
from otel_residency.cli.options import Json, Require, Strict
from otel_residency.cli.output import STYLES, as_document, as_lines, columns, console, source_lines, stop
from otel_residency.core.base_url import BaseUrl, read_base_url
from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.entries import Source
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.policy import Scope
from otel_residency.core.reasons import REASONS
from otel_residency.core.verdict import Verdict
from otel_residency.guard import Guard


def check(
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="PATH", help="As the vendor writes it: /v1/responses.")
    ],
    *,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Host that is called, by https.")] = "",
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Or the base URL of the client.")
    ] = "",
    method: Annotated[
        str, typer.Option("--method", metavar="NAME", help="By default POST, where there is one.")
    ] = "",
    model: Annotated[str, typer.Option("--model", metavar="ID", help="As the request would name it.")] = "",
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", metavar="NAME", help="Such as store or image_input; may be repeated."),
    ] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", metavar="TYPE", help="Type of a tool; may be repeated.")
    ] = None,
    tier: Annotated[
        str, typer.Option("--tier", metavar="NAME", help="The service tier that is asked for.")
    ] = "",
    require: Require = "",
    scope: Annotated[Scope | None, typer.Option("--scope", help="What must be in the region.")] = None,
    date: Annotated[
        datetime | None,
        typer.Option(
            "--date", metavar="DATE", formats=["%Y-%m-%d"], help="Day of the call; by default today."
        ),
    ] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Judge one imagined call, and tell what the verdict rests on.

    The settings of the environment hold, unless an option says otherwise. Without a host or URL it is
    OPENAI_BASE_URL, or else the vendor's host of the first required region. It makes no call. Exit code: 0
    if the call does not violate the policy, 1 if it does, 2 if an option or a setting can't be read.
    """
    settings = sound_settings(require=require, scope=scope, strict=strict)
    guard = Guard(settings)
    day = date.date() if date else datetime.now(UTC).date()
    known = known_features(guard.catalogue)
    if unknown := [each for each in feature or () if each not in known]:
        stop(f"--feature {unknown[0]}: not known; known are: {', '.join(sorted(known))}")
    base = base_url_or_usual(_said(host, base_url), settings.policy, guard.catalogue, day)
    facts = CallFacts(
        day,
        method.upper() or _method(endpoint, guard.catalogue),
        (
            Hop(
                _scheme(base, endpoint, guard.catalogue),
                base.host,
                base.port,
                _path(base, endpoint),
                payload=True,
            ),
        ),
        base.path,
        model or None,
        tier or None,
        frozenset(feature or ()),
        frozenset(tool or ()),
    )
    judged = judge(facts, guard)
    typer.echo(as_document("check", judged) if json else as_text(judged))
    raise typer.Exit(int(judged.violation))


def _said(host: str, base_url: str) -> str:
    if host and base_url:
        stop("say --host or --base-url, not both")
    if not host:
        return base_url
    url = f"https://{host}{BASE_PATH}"
    read = read_base_url(url)
    if read is None or read.path != BASE_PATH:
        stop("--host is no host; write it like HOST or HOST:PORT, or say --base-url")
    return url


def _path(base: BaseUrl, endpoint: str) -> str:
    """The path on the wire: the vendor's path below its own base, put below that of the client."""
    if not endpoint.startswith("/") or "?" in endpoint:
        stop("--endpoint is a path, such as /v1/responses")
    return base.path + endpoint.removeprefix(BASE_PATH if endpoint.startswith(f"{BASE_PATH}/") else "")


def _scheme(base: BaseUrl, endpoint: str, catalogue: Catalogue) -> str:
    """That of the base URL; for an endpoint that is a socket, over which prompts go, that of a socket."""
    found = catalogue.endpoint(path_segments(endpoint))
    is_socket = found is not None and found.model_at and "POST" not in found.methods
    return base.scheme.replace("http", "ws") if is_socket else base.scheme


def _method(endpoint: str, catalogue: Catalogue) -> str:
    found = catalogue.endpoint(path_segments(endpoint))
    methods = found.methods if found else ()
    return "POST" if "POST" in methods or not methods else methods[0]


_BY_STRUCTURE = frozenset({"file_reference", "image_input"})
"""Features that show in the structure of a request, and not at a key."""


class Told(NamedTuple):
    """A finding, and what people are told about its code."""

    reason: str
    verdict: Verdict
    detail: str
    meaning: str
    fix: str
    rests_on: str
    sources: tuple[Source, ...]


class Rule(NamedTuple):
    """A row of the vendor's table that the endpoint stands in."""

    row: str
    services: tuple[str, ...]
    storage: tuple[str, ...]
    processing: tuple[str, ...]
    lists_model: bool | None
    """Whether it lists the model by this very id; absent for a row that lists none."""


class Judged(NamedTuple):
    """The answer."""

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
    findings: tuple[Told, ...]
    rules: tuple[Rule, ...]
    catalogue: str
    sources: tuple[Source, ...]
    """Where the rows were read."""
    policy: str


def known_features(catalogue: Catalogue) -> frozenset[str]:
    """Every feature that the rules of the catalogue may speak of."""
    entries = catalogue.entries
    shown: tuple[Any, ...] = (*entries.features, *entries.part_types)
    ruled = (rule.feature for revision in catalogue.revisions for rule in revision.feature_rules)
    return frozenset((*(each.feature for each in shown), *ruled, *_BY_STRUCTURE))


def judge(facts: CallFacts, guard: Guard) -> Judged:
    """Judge a call of one hop."""
    decision = guard.judge(facts).decision
    catalogue, policy = guard.catalogue, guard.settings.policy
    revision = catalogue.revision_on(facts.on)
    rows = catalogue.rows(revision, path_segments(decision.endpoint)) if revision else ()
    (hop,) = facts.hops
    port = f":{hop.port}" if hop.port else ""
    return Judged(
        verdict=decision.verdict,
        violation=decision.violation,
        on=facts.on,
        method=facts.method,
        url=f"{hop.scheme}://{hop.host}{port}{hop.path}",
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
            Told(
                *finding,
                *REASONS[finding.reason][:3],
                sources_for(finding.reason, facts, catalogue, revision),
            )
            for finding in decision.findings
        ),
        rules=tuple(
            Rule(row.id, row.services, row.storage, row.processing, _lists(row.models, facts.model))
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

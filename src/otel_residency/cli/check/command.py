"""The subcommand `check`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from otel_residency.cli.base_url import BaseUrl, base_url_or_usual, read_base_url
from otel_residency.cli.check.judge import judge, known_features
from otel_residency.cli.in_force import in_force
from otel_residency.cli.options import Json, Require, Strict
from otel_residency.cli.plain import as_document
from otel_residency.cli.stop import stop
from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.policy import Scope
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
    from otel_residency.cli.check.show import as_text  # noqa: PLC0415

    settings, problems, _ = in_force(require=require, scope=scope, strict=strict)
    if problems:
        stop("; ".join(problems))
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
    typer.echo(as_document(judged) if json else as_text(judged))
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

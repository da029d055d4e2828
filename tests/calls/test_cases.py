"""Every case of the table that a client can make is made, over real connections, and judged as it says.

Left out are websockets, uploads of files whose lines were seen, policies that the package would not accept,
and URLs that the HTTP library does not take or corrects. The lines of a batch are known from its upload.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import Any

import openai
import pytest

from examples.demo.loopback import Asked, Reply
from otel_residency import ResidencyViolationError, require
from otel_residency.calls import assessment
from otel_residency.calls.batches import Contents, UploadedFiles
from otel_residency.calls.state import runtime
from otel_residency.catalogue import load_catalogue
from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer
from otel_residency.core.hosts import canonical_host
from otel_residency.core.policy import LedgerPolicy
from otel_residency.core.regions import UNKNOWN
from otel_residency.instrumentor import deactivate
from otel_residency.records.record import read_facts, read_policy
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import Settings
from otel_residency.telemetry import names
from tests.audit.lines import read_record
from tests.calls.http_library import http
from tests.calls.kinds import Kind
from tests.cases import CASES, Case, Expected, Request
from tests.internet import EU, Internet
from tests.recorded import Instrument, Recorded
from tests.vendor import DONE, answer, error, event, events, redirect

CATALOGUE = load_catalogue()
CONTENT = {"content": b"\x00not JSON", "options": {"headers": {"content-type": "application/x-own"}}}
TAKES_CONTENT = "content" in signature(openai.OpenAI.post).parameters
DELETES_WITH_BODY = "body" in signature(openai.OpenAI.delete).parameters
REFUSALS = {
    "incorrect_hostname": (401, "incorrect_hostname", "Attempted to access resource"),
    "geography_restrictions_required": (
        401,
        None,
        "This endpoint is only accessible by projects with geography restrictions enabled.",
    ),
    "workspace_region": (401, None, "Workspace is not authorized in this region"),
    "customer_storage_not_ready": (401, "customer_storage_not_ready", "no"),
}


def url_of(request: Request) -> str:
    """The URL of a request, as written."""
    host = f"[{request.host}]" if ":" in request.host else request.host
    port = f":{request.port}" if request.port else ""
    return f"{request.scheme}://{host}{port}{request.path}"


def is_sent_as_written(request: Request) -> bool:
    """Whether the HTTP library asks for exactly this host and path, and a socket takes the name."""
    try:
        url = http.URL(url_of(request))
        url.host.encode("idna")
    except (http.InvalidURL, UnicodeError):
        return False
    host, path = url.raw_host.decode(), url.raw_path.partition(b"?")[0].decode()
    return (canonical_host(host), path) == (canonical_host(request.host), request.path)


def names_file(case: Case) -> bool:
    """Whether the call creates a batch of a file."""
    return "input_file_id" in (case.body or {}) and case.requests[0].path.endswith("/batches")


def can_be_made(case: Case) -> bool:
    """Whether a client can make this call, and see all that the case knows of it."""
    return (
        (case.batch_lines is None or names_file(case))
        and case.requests[0].scheme in ("http", "https")
        and all(is_sent_as_written(request) for request in case.requests)
        and not policy_problems(case.policy, CATALOGUE)
        and (TAKES_CONTENT or not case.body_unseen)
        and not (case.answer and case.answer.unread)
        # Its methods for GET and DELETE take no bytes.
        and not (case.requests[0].with_body and (case.body_unseen or not DELETES_WITH_BODY))
    )


def streamed(answer: Answer | None) -> bool:
    """Whether an answer names models or tiers that no single object can hold."""
    return bool(answer and {"model", "service_tier"} & {field for field, _ in answer.also})


def answered(given: Answer | None) -> Reply:
    """What the far end answers in a case; nothing that would tell more where it is judged before the call."""
    if given is None:
        return answer({"id": "id_1", "object": "object"})
    if given.refusal == "data_residency_mismatch":
        return answer({"id": "id_1", "status": "failed", "error": {"code": given.refusal, "message": "no"}})
    if given.refusal is not None:
        return error(*REFUSALS[given.refusal])
    found = {"model": given.model, "service_tier": given.service_tier, "provider": given.provider}
    headers = {
        "x_ms_region": ", ".join(given.values("cloud_region")),
        "openai_project": ", ".join(given.values("project")),
        "x_litellm_model_api_base": ", ".join(f"https://{host}/v1" for host in given.values("upstream")),
    }
    headers |= {"x_litellm_attempted_fallbacks": "1"} if given.fallbacks else {}
    headers |= {"x_portkey_provider": ", ".join(given.values("provider"))} if given.also else {}
    body = {key: value for key, value in found.items() if value}
    named = {name: value for name, value in headers.items() if value}
    if streamed(given):
        return events([*(event({field: value}) for field, value in given.also), event(body), DONE])
    return answer(body, given.status or 200, **{"openai_project": "", **named})


def replies(case: Case) -> Iterator[Reply]:
    """The answers to the requests of a case, in order."""
    for following in case.requests[1:]:
        status = following.redirected_by
        yield error(500) if status is None else redirect(status, url_of(following))
    yield answered(case.answer)


def make(kind: Kind, case: Case) -> None:
    """Make the call of a case."""
    first = case.requests[0]
    base = url_of(replace(first, path=case.base_path))
    client = kind.open(base_url=base, max_retries=len(case.requests) - 1)
    headers = {**case.headers, **({"Host": case.host_header} if case.host_header else {})}
    headers |= {"OpenAI-Project": case.project} if case.project else {}
    given: dict[str, Any] = {"options": {"headers": headers}}
    if case.body_unseen:
        given = CONTENT
    elif case.body is not None:
        given["body"] = case.body
    if streamed(case.answer):
        given |= {"stream": True, "stream_cls": kind.pick(openai.Stream, openai.AsyncStream)[object]}
    result = kind.run(getattr(client, first.method.lower())(url_of(first), cast_to=object, **given))
    if streamed(case.answer):
        kind.items(result)


def remember(case: Case) -> None:
    """Have the package know what the case knows of stored things and of a batch's file."""
    stored = {name: each.region for name, each in case.references.items()}
    if case.batch_lines is not None and case.body is not None:
        file_id = case.body["input_file_id"]
        lines = Contents(tuple((line, 1) for line in case.batch_lines))
        runtime.part(UploadedFiles).files.put(case.requests[0].host, file_id, lines)
        stored.setdefault(file_id, case.expected.region)
    state = runtime.state
    for name, region in stored.items():
        if state is not None and region != UNKNOWN:
            state.created_objects.remember(name, region)


def recorded_outcome(residency: Recorded) -> Expected:
    """What the one span says."""
    span = residency.span
    return Expected(
        verdict=span["residency.verdict"],
        reasons=frozenset(span["residency.reasons"]),
        region=span["residency.region"],
        endpoint=span["residency.endpoint"],
        snapshot=span.get("residency.model.snapshot"),
        violation=span["residency.violation"],
        catalogue=span["residency.catalogue"],
    )


@pytest.mark.parametrize("case", [case for case in CASES if can_be_made(case)], ids=lambda case: case.id)
def test_calls_are_judged_as_in_the_table(
    kind: Kind,
    instrument: Instrument,
    internet: Internet,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    case: Case,
) -> None:
    """A real call that meets the conditions of a case gets its verdict, and by its record again."""
    today = datetime.now(UTC).toordinal()
    runtime.part(UploadedFiles).files.clear()
    monkeypatch.setattr(assessment, "_EPOCH", assessment._EPOCH + case.day.toordinal() - today)
    monkeypatch.setattr(openai._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0)
    waiting = replies(case)

    def respond(_: Asked) -> Reply:
        return next(waiting)

    internet.respond = respond
    path = tmp_path / "ledger.jsonl"
    policy = case.policy._replace(ledger=LedgerPolicy(str(path)))
    residency = instrument(Settings(policy=policy, catalogue=case.catalogue_setting))
    remember(case)
    with suppress(openai.APIStatusError, openai.APIConnectionError, ResidencyViolationError):
        with ExitStack() as required:
            for group in case.required:
                required.enter_context(require(*group))
            make(kind, case)
    assert recorded_outcome(residency) == case.expected
    deactivate()
    first, record, *_ = map(read_record, path.read_bytes().splitlines())
    facts = read_facts(record.attributes[names.FACTS], case.day)
    again = decide(facts, case.catalogue, read_policy(first.attributes[names.POLICY_DOCUMENT]))
    assert Expected.of(again) == case.expected


@pytest.mark.parametrize(
    ("host", "dialled"),
    [
        ("eu\uff0eapi\uff0eopenai\uff0ecom", EU),
        ("eu\u3002api\u3002openai\u3002com", EU),
        ("EU.API.OPENAI.COM", EU),
        ("\u212ar.api.openai.com", "kr.api.openai.com"),
    ],
    ids=["full-width dots", "ideographic dots", "upper case", "kelvin sign"],
)
def test_hosts_are_judged_as_they_are_dialled(
    kind: Kind, residency: Recorded, internet: Internet, *, host: str, dialled: str
) -> None:
    """Where the HTTP library corrects a name, the name that it asks for is the one that counts."""
    client = kind.open(base_url=f"https://{host}/v1")
    kind.run(client.models.list())
    assert internet.connections == [dialled]
    assert residency.span["residency.hop.hosts"] == (dialled,)
    assert residency.span["residency.region"] == dialled[:2]

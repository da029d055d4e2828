"""One table of calls and of what is true about each, for the tests of every room.

A case is a call as it could really be made. The tables are the TOML files beside this one; what a case
leaves out stands under `default` of its own file, and then of `base.toml`, which also names the policies.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from otel_residency.catalogue.load import NEWEST, load_catalogue
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.decode import decode
from otel_residency.core.facts import UNSEEN_LINE, Answer, BatchLine, CallFacts, Hop, Reference, SecondModel
from otel_residency.core.policy import Policy, Project
from otel_residency.core.verdict import Decision
from tests.frozen import CATALOGUE, FROZEN

KEYS = frozenset(
    {
        *("id", "day", "url", "method", "base_path", "host_header", "headers", "route", "hops", "answer"),
        *("model", "body", "extra", "body_unseen", "features", "tools", "lines", "references"),
        *("second_models", "second_tiers", "unknown_types"),
        *("policy", "override", "attest", "seen_projects", "expect", "required", "project", "frozen"),
        "payload",
    }
)
WITHOUT_BODY = ("GET", "DELETE")
KEEPS_PAYLOAD = (307, 308)
SOCKETS = ("ws", "wss")
NOTED_AFTER = 60
"""Days after which the age of a table is noted."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: where it goes, exactly as written, and what chose it."""

    scheme: str
    host: str
    port: int | None
    path: str
    method: str
    redirected_by: int | None = None
    """Status of the redirect answer that led here."""
    with_body: bool = False
    """Whether it has a body although its method needs none."""
    refused: bool = False
    """Whether the guard refuses it."""

    @property
    def payload(self) -> bool:
        """Whether a body goes along."""
        repeated = self.redirected_by is None or self.redirected_by in KEEPS_PAYLOAD
        return repeated and (self.with_body or self.method not in WITHOUT_BODY)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is true about the call."""

    verdict: str
    reasons: frozenset[str]
    region: str
    endpoint: str
    snapshot: str | None
    violation: bool
    catalogue: str

    @classmethod
    def of(cls, decision: Decision) -> "Expected":
        """The same of a decision that was made."""
        return cls(
            verdict=decision.verdict.value,
            reasons=frozenset(decision.reasons),
            region=decision.region,
            endpoint=decision.endpoint,
            snapshot=decision.snapshot,
            violation=decision.violation,
            catalogue=decision.catalogue,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One call, the policy it is made under, and what is true about it."""

    id: str
    day: date
    requests: tuple[Request, ...]
    base_path: str
    host_header: str | None
    headers: Mapping[str, str]
    """Request headers that the caller adds."""
    route: tuple[tuple[str, str], ...]
    """What must be read of them."""
    model: str | None
    """The model that the request names: in its body, or a socket in its query."""
    body: Mapping[str, Any] | None
    """The JSON body; `None` if there is none or it is no JSON."""
    body_unseen: bool
    features: frozenset[str]
    tools: frozenset[str]
    second_models: frozenset[SecondModel]
    second_tiers: frozenset[str]
    unknown_types: frozenset[str]
    batch_lines: tuple[BatchLine, ...] | None
    references: Mapping[str, Reference]
    """Stored things that the request uses, by id."""
    answer: Answer | None
    """`None`: the case is judged before the call."""
    required: tuple[tuple[str, ...], ...]
    """What is asked for besides the policy."""
    project: str | None
    """The vendor's project that the request names."""
    policy: Policy
    frozen: bool
    """Whether `tests.frozen` judges it: for a day for which the shipped data may get a newer table."""
    expected: Expected

    @property
    def catalogue_setting(self) -> str:
        """The catalogue that judges the case."""
        return FROZEN if self.frozen else NEWEST

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that `catalogue_setting` names."""
        return CATALOGUE if self.frozen else load_catalogue()

    @property
    def facts(self) -> CallFacts:
        """What an adapter that sees the call must make of it."""
        return CallFacts(
            on=self.day,
            method=self.requests[0].method,
            hops=tuple(self._hops()),
            base_path=self.base_path,
            model=self.model,
            service_tier=(self.body or {}).get("service_tier"),
            features=self.features,
            tools=self.tools,
            second_models=self.second_models,
            second_tiers=self.second_tiers,
            unknown_types=self.unknown_types,
            body_unseen=self.body_unseen,
            batch_lines=self.batch_lines,
            answer=self.answer,
            required=self.required,
            project=self.project,
            references=frozenset(self.references.values()),
        )

    def _hops(self) -> Iterator[Hop]:
        for number, request in enumerate(self.requests):
            yield Hop(
                scheme=request.scheme,
                host=request.host,
                port=request.port,
                path=request.path,
                host_header=None if number else self.host_header,
                payload=request.payload,
                redirected=request.redirected_by is not None,
                route=self.route,
                refused=request.refused,
            )


def _request(url: str, method: str, redirected_by: int | None = None, **more: bool) -> Request:
    """Split a URL without correcting anything in it, unlike a parser."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    authority = authority.rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdecimal() or authority.endswith("]"):
        host, port = authority, ""
    if redirected_by is not None and redirected_by not in KEEPS_PAYLOAD:
        method = "GET"
    return Request(
        scheme=scheme,
        host=host.strip("[]"),
        port=int(port) if port else None,
        path=slash + path,
        method=method,
        redirected_by=redirected_by,
        **more,
    )


def _body(table: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    if (table["method"] in WITHOUT_BODY and not table.get("payload")) or table.get("body_unseen"):
        return None
    prompt = {"messages": [{"role": "user", "content": "Hello"}]} if "chat" in path else {"input": "Hello"}
    model = {"model": table["model"]} if table["model"] else {}
    return {**model, **table.get("body", prompt), **table.get("extra", {})}


def _case(table: Mapping[str, Any], policies: Mapping[str, Any]) -> Case:
    if unknown := table.keys() - KEYS:
        raise ValueError(f"case {table['id']!r}: unknown keys {unknown}")
    first = _request(table["url"], table["method"], with_body=table.get("payload", False))
    body = _body(table, first.path)
    holders = ((body or {}).get(key, {}) for key in ("session", "input_audio_transcription"))
    model = next((holder["model"] for holder in holders if "model" in holder), table["model"])
    sent = body is not None or first.scheme in SOCKETS
    lines = table.get("lines")
    policy = {**policies[table["policy"]], **table.get("override", {})}
    unreadable, noted = policy.pop("unreadable", None), tuple(policy.pop("noted", ()))
    attest = {**policy.get("attest", {}), **table.get("attest", {})}
    policy["attest"] = {
        name: each if isinstance(each, dict) else {"value": each} for name, each in attest.items()
    }
    expect = table["expect"]
    frozen = table.get("frozen", False)
    notes = _notes(CATALOGUE if frozen else load_catalogue(), expect["catalogue"], table["day"])
    return Case(
        id=table["id"],
        day=table["day"],
        requests=(
            first,
            *(
                _request(hop["to"], table["method"], hop.get("by"), refused=hop.get("refused", False))
                for hop in table.get("hops", ())
            ),
        ),
        base_path=table["base_path"],
        host_header=table.get("host_header"),
        headers=table.get("headers", {}),
        route=tuple(map(tuple, table.get("route", ()))),
        model=(model or None) if sent else None,
        body=body,
        body_unseen=table.get("body_unseen", False),
        features=frozenset(table.get("features", ())),
        tools=frozenset(table.get("tools", ())),
        second_models=frozenset(SecondModel(*pair) for pair in table.get("second_models", {}).items()),
        second_tiers=frozenset(table.get("second_tiers", ())),
        unknown_types=frozenset(table.get("unknown_types", ())),
        batch_lines=None if lines is None else tuple(map(_line, lines)),
        references={name: Reference(**each) for name, each in table.get("references", {}).items()},
        answer=_answer(table["answer"]) if "answer" in table else None,
        required=tuple(map(tuple, table.get("required", ()))),
        project=table.get("project"),
        policy=decode(Policy, policy)._replace(
            unreadable=unreadable,
            noted=noted,
            seen_projects={
                name: Project(**settings) for name, settings in table.get("seen_projects", {}).items()
            },
        ),
        frozen=frozen,
        expected=Expected(
            verdict=expect["verdict"],
            reasons=frozenset({*expect["reasons"], *notes}),
            region=expect["region"],
            endpoint=expect["endpoint"],
            snapshot=expect["snapshot"] or None,
            violation=expect["violation"],
            catalogue=expect["catalogue"],
        ),
    )


def _notes(catalogue: Catalogue, name: str, day: date) -> Iterator[str]:
    """What every verdict by a table says of the table, by the dates in its file.

    No case has to name it, so that a newer revision changes none.
    """
    files = {each.id: each for each in catalogue.entries.revisions}
    table = files.get(name)
    if table is None:
        return
    if table.inherits:
        yield "catalogue.inherited"
    last = table.observed_until or table.effective_from
    if day > last and any(each.effective_from > table.effective_from for each in files.values()):
        yield "catalogue.gap"
    while table.inherits and not table.rows:
        table = files[table.inherits]
    if (day - (table.observed_until or table.effective_from)).days > NOTED_AFTER:
        yield "catalogue.stale"


def _answer(table: Mapping[str, Any]) -> Answer:
    return Answer(**{**table, "also": tuple(map(tuple, table.get("also", ())))})


def _line(line: Mapping[str, Any]) -> BatchLine:
    if line.get("unseen"):
        return UNSEEN_LINE
    return BatchLine(
        path=line["path"],
        model=line.get("model"),
        features=frozenset(line.get("features", ())),
        tools=frozenset(line.get("tools", ())),
        service_tier=line.get("service_tier"),
        references=frozenset(Reference(**each) for each in line.get("references", ())),
    )


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win; only expectations are merged key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= {**layer, "expect": merged.get("expect", {}) | layer.get("expect", {})}
    return merged


def _load() -> Iterator[Case]:
    folder = Path(__file__).parent
    base = tomllib.loads((folder / "base.toml").read_text(encoding="utf-8"))
    for file in sorted(folder.glob("*.toml")):
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for entry in table.get("case", ()):
            yield _case(_merged(base["default"], table.get("default", {}), entry), base["policy"])


CASES: tuple[Case, ...] = tuple(_load())

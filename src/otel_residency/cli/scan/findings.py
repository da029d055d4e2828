"""Checks the literals of files against the policy, by the decision on a call and no rule of its own.

Each literal is checked alone: the findings about it are those that a call with it has and the same call
without it, to a host that the policy requires, has not.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from itertools import product
from typing import NamedTuple
from urllib.parse import urlsplit

from otel_residency.calls.body import BodyReader
from otel_residency.cli.base_url import BASE_URL
from otel_residency.cli.environ import without_secrets
from otel_residency.cli.output import printable
from otel_residency.cli.scan.literals import (
    FAMILY,
    HOST_KEY,
    URL,
    ApiCall,
    Found,
    Literal,
    Position,
    UnboundClient,
    Unresolved,
    has_deployments,
    is_url,
    model_of,
    names_host_or_model,
    names_model,
    snake_case,
    text_of,
)
from otel_residency.cli.scan.settings import UNKNOWN_VARIABLE, is_setting, setting_findings
from otel_residency.core.base_url import read_base_url
from otel_residency.core.catalogue import path_segments, undated
from otel_residency.core.decide import violates
from otel_residency.core.entries import Endpoint
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.hosts import VENDOR, match_host
from otel_residency.core.reasons import reason_of
from otel_residency.core.rules.case import GLOBAL
from otel_residency.core.verdict import ELIGIBLE, SEVERITY, Finding, Verdict
from otel_residency.errors import CatalogueError
from otel_residency.guard import Guard

_NOT_SET = re.compile(r"\$[{(\w]|\{\{")
_MODEL = re.compile(r"[\w.:/@-]{1,256}")
"""What may be the id of a model; other text may be private and is not shown."""
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_REGION_KEY = "data_residency"
_BASE_KEYS = ("base_url", "api_base")
"""Keys of base URLs. Which paths are called below other URLs is not known."""
_OF_PATH = ("endpoint", "policy")
"""Topics of findings that a URL has by its path, which is that of a base URL only where it is used as one."""
_NOT_LISTED = "model.not_listed"


class ScanFinding(NamedTuple):
    """A finding at a position of a file."""

    file: str
    line: int
    column: int
    reason: str
    verdict: Verdict
    violation: bool
    detail: str
    fix: str
    ignored: str = ""
    """Reason of the comment that ignores it; empty if none does."""


class PolicyChecker:
    """Checks the literals of files against one policy."""

    def __init__(self, guard: Guard, day: date, base_url: str) -> None:
        """Check calls of `day`; `base_url` is that of clients that name none, `""` if it is not known.

        Raises:
            CatalogueError: the table of that day has nothing to compare with.
        """
        self._guard = guard
        self._day = day
        self.base_url = base_url
        self._reader = BodyReader(guard.catalogue.entries)
        self._policy = guard.settings.policy
        self._revision = guard.catalogue.revision_on(day)
        self.catalogue = self._revision.id if self._revision else ""
        self._hosts = tuple(
            filter(None, (guard.catalogue.host_of(code, day) for code in self._policy.require))
        )
        if not self._hosts or not self._endpoints:
            required = ", ".join(self._policy.require)
            raise CatalogueError(f"the table in force on {day} offers nothing in {required}")

    def concerning(self, found: Iterable[Found]) -> Iterator[Found]:
        """Those that a finding may be about."""
        return (each for each in found if not isinstance(each, Literal) or self._concerns(each))

    def _concerns(self, literal: Literal) -> bool:
        key = literal.key
        return key != literal.value and bool(
            literal.sure
            or FAMILY in key.lower()
            or is_setting(key)
            or (names_model(literal) and self._lists(model_of(literal)))
            or (key == _REGION_KEY and self._region_host(text_of(literal)))
            or (is_url(literal) and self._guard.concerns_host(_host_of(text_of(literal))))
            or (HOST_KEY.fullmatch(snake_case(key)) and self._names_host(text_of(literal)))
        )

    def unresolved(self, found: Iterable[Found]) -> Iterator[Unresolved]:
        """The values of a file that the verdict depends on and that are not literal."""
        found = tuple(found)
        deployments = has_deployments(found)
        for each in found:
            if isinstance(each, Unresolved):
                yield each
            elif isinstance(each, ApiCall) and (endpoint := self._endpoint(each.path)):
                full = self._full(each, self._bare(self._hosts[0], endpoint), endpoint)
                runtime_only = (reason_of(finding.reason).open_in_source for finding in self._findings(full))
                missing = dict.fromkeys((*each.unresolved, *filter(None, runtime_only)))
                if deployments and full.model:
                    missing["model, which may be a deployment"] = None
                if missing:
                    yield Unresolved(each.place, f"{', '.join(missing)} of {each.path.replace('/', '.')}")
            elif (
                isinstance(each, Literal) and names_host_or_model(each.key) and _NOT_SET.search(text_of(each))
            ):
                yield Unresolved(each.place, printable(each.key))

    def check(self, file: str, found: Iterable[Found]) -> list[ScanFinding]:
        """The findings of one file."""
        found = tuple(found)
        literals = (each for each in found if isinstance(each, Literal) and each.sure)
        urls = {each.value for each in literals if URL.fullmatch(each.value)}
        hosts = (_host_of(*urls),) if len(urls) == 1 else self._hosts
        deployments = has_deployments(found)
        findings: dict[tuple[int, int, str], ScanFinding] = {}
        for each in found:
            for one in self._check(each, hosts, deployments=deployments):
                findings.setdefault((one.line, one.column, one.reason), one._replace(file=file))
        return sorted(findings.values())

    def _check(self, found: Found, hosts: tuple[str, ...], *, deployments: bool) -> Iterator[ScanFinding]:
        if isinstance(found, Literal):
            yield from self._literal(found, deployments=deployments)
        elif isinstance(found, ApiCall):
            yield from self._api_call(found, hosts, deployments=deployments)
        elif isinstance(found, UnboundClient):
            note = f"the client names no base URL, nor does {BASE_URL}: " if not self.base_url else ""
            yield from self._url(found.place, self.base_url or f"https://{self._global}{BASE_PATH}", note)

    def _literal(self, literal: Literal, *, deployments: bool) -> Iterator[ScanFinding]:
        value = text_of(literal)
        if is_setting(literal.key):
            yield from self._setting(literal.place, literal.key, value)
        elif is_url(literal) and not _NOT_SET.search(_host_of(value)):
            found = self._url(literal.place, value)
            is_base = snake_case(literal.key).endswith(_BASE_KEYS)
            yield from (each for each in found if is_base or reason_of(each.reason).topic not in _OF_PATH)
        elif literal.key == _REGION_KEY:
            yield from self._url(literal.place, f"https://{self._region_host(value)}{BASE_PATH}")
        elif HOST_KEY.fullmatch(snake_case(literal.key)) and self._names_host(value):
            yield from self._url(literal.place, f"https://{value}{BASE_PATH}")
        elif names_model(literal) and _MODEL.fullmatch(value) and not deployments:
            yield from self._model(literal.place, model_of(literal))

    def _url(self, place: Position, url: str, note: str = "") -> Iterator[ScanFinding]:
        base = read_base_url(re.sub("^ws", "http", url))
        if base is None:
            return
        endpoint = self._endpoints[0]
        hop = Hop(
            scheme=urlsplit(url).scheme,
            host=base.host,
            port=base.port,
            path=f"{base.path}/{_below(endpoint)}",
            payload=True,
        )
        there = CallFacts(on=self._day, method="POST", hops=(hop,), base_path=base.path)
        bare = (self._bare(host, endpoint) for host in self._hosts)
        yield from self._located(place, self._besides(there, *bare), note)

    def _model(self, place: Position, model: str) -> Iterator[ScanFinding]:
        """A model without its endpoint: the findings at the endpoint where it has the least severe ones."""
        found = []
        for host, endpoint in product(self._hosts, self._endpoints):
            bare = self._bare(host, endpoint)
            found.append(self._besides(bare._replace(model=model), bare))
        best = min(found, key=_worst)
        if self._revision and all(each.reason == _NOT_LISTED for finding in found for each in finding[:1]):
            best = tuple(
                each._replace(detail=f"{model} is listed for no endpoint in {self._revision.id}")
                if each.reason == _NOT_LISTED
                else each
                for each in best
            )
        yield from self._located(place, best, "wherever it is called: ")

    def _api_call(self, call: ApiCall, hosts: tuple[str, ...], *, deployments: bool) -> Iterator[ScanFinding]:
        endpoint = self._endpoint(call.path)
        if endpoint is None:
            return
        found = []
        for host in hosts:
            bare = self._bare(host, endpoint)
            full = self._full(call, bare, endpoint)
            full = full._replace(model=None) if deployments else full
            of_endpoint = (f for f in self._findings(bare) if reason_of(f.reason).topic == "endpoint")
            found.append((*of_endpoint, *self._besides(full, bare)))
        for finding in min(found, key=_worst):
            yield from self._located(_place_of(finding, call), (finding,))

    def _full(self, call: ApiCall, bare: CallFacts, endpoint: Endpoint) -> CallFacts:
        """The call with the facts of its body."""
        body = json.dumps({"url": endpoint.path, "body": call.body}).encode()
        line = self._reader.read_line(body, lambda _: None)
        tier = call.body.get("service_tier")
        return bare._replace(
            model=line.model if _MODEL.fullmatch(line.model or "") else None,
            service_tier=tier if isinstance(tier, str) else None,
            features=line.features,
            tools=line.tools,
            second_models=line.second_models,
            second_tiers=line.second_tiers,
            unknown_types=line.unknown_types,
        )

    def _setting(self, place: Position, variable: str, value: str) -> Iterator[ScanFinding]:
        for finding, violation in setting_findings(variable, value, self._guard):
            yield from (each._replace(violation=violation) for each in self._located(place, (finding,)))

    def _bare(self, host: str, endpoint: Endpoint) -> CallFacts:
        path = f"{BASE_PATH}/{_below(endpoint)}"
        hop = Hop(scheme="https", host=host, port=None, path=path, payload=True)
        return CallFacts(on=self._day, method="POST", hops=(hop,))

    def _findings(self, facts: CallFacts) -> tuple[Finding, ...]:
        return self._guard.judge(facts).decision.findings

    def _besides(self, facts: CallFacts, *bare: CallFacts) -> tuple[Finding, ...]:
        without = {finding for each in bare for finding in self._findings(each)}
        return tuple(each for each in self._findings(facts) if each not in without)

    def _located(self, place: Position, findings: Iterable[Finding], note: str = "") -> Iterator[ScanFinding]:
        for reason, verdict, detail in findings:
            if reason == UNKNOWN_VARIABLE or (
                verdict is not ELIGIBLE and not reason_of(reason).open_in_source
            ):
                yield ScanFinding(
                    file="",
                    line=place.line,
                    column=place.column,
                    reason=reason,
                    verdict=verdict,
                    violation=violates(verdict, self._policy, required=True),
                    detail=printable(without_secrets(f"{note}{detail}", {})),
                    fix=reason_of(reason).fix,
                )

    def _endpoint(self, path: str) -> Endpoint | None:
        """The endpoint of the attribute names before a verb: the longest suffix that is one."""
        names = path.split("/")
        for start in range(len(names)):
            found = self._guard.catalogue.endpoint(("v1", *names[start:]))
            sends = found is not None and ("POST" in found.methods or found.model_at)
            if found is not None and sends and "{" not in found.path:
                return found
        return None

    @cached_property
    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Those that take a model and are in a row that lists models."""
        catalogue, revision = self._guard.catalogue, self._revision
        return tuple(
            each
            for each in catalogue.entries.endpoints
            if each.model_at
            and revision is not None
            and any(row.models is not None for row in catalogue.rows(revision, path_segments(each.path)))
        )

    @cached_property
    def _global(self) -> str:
        """The vendor's host that a client calls by default."""
        for host in self._guard.catalogue.hosts:
            match = match_host(self._guard.catalogue, {}, host, None, self._day)
            if match.provider == VENDOR and match.region == GLOBAL:
                return host
        return ""

    def _region_host(self, region: str) -> str:
        return self._global if region == GLOBAL else self._guard.catalogue.host_of(region, self._day)

    def _names_host(self, text: str) -> bool:
        return bool(_HOST.fullmatch(text)) and self._guard.concerns_host(text)

    def _lists(self, model: str) -> bool:
        return model.lower() in self._models or model.startswith("ft:")

    @cached_property
    def _models(self) -> frozenset[str]:
        """Every id that the catalogue names, and those without their dates."""
        catalogue = self._guard.catalogue
        named = {*catalogue.aliases, *catalogue.retired_models}
        for revision in catalogue.revisions:
            named |= {*revision.models_unknown, *revision.not_listed_examples}
            named |= {model for row in revision.rows for model in row.models or ()}
        lowered = {model.lower() for model in named}
        return frozenset(lowered | {short for model in lowered if (short := undated(model))})


def _below(endpoint: Endpoint) -> str:
    return endpoint.path.removeprefix(f"{BASE_PATH}/")


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _worst(findings: Iterable[Finding]) -> int:
    counted = (each for each in findings if not reason_of(each.reason).open_in_source)
    return max((SEVERITY[each.verdict] for each in counted), default=0)


def _place_of(finding: Finding, call: ApiCall) -> Position:
    """The position of the argument that a finding is about, or of the call."""
    return call.places.get(reason_of(finding.reason).argument, call.place)

"""What files say, held against the policy: by the same decision as a call, and by no rule of its own.

A thing is judged alone: a call with it is compared to one without it, at the place that the policy asks
for, and what the first has besides is about the thing.
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
from otel_residency.cli.scan.said import Call, Client, Found, Open, Place, Said
from otel_residency.core.base_url import read_base_url
from otel_residency.core.catalogue import path_segments, undated
from otel_residency.core.classify import VENDOR, match_host
from otel_residency.core.decide import violates
from otel_residency.core.entries import Endpoint
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.reasons import reason_of
from otel_residency.core.rules.case import GLOBAL
from otel_residency.core.verdict import ELIGIBLE, INDETERMINATE, SEVERITY, Finding, Verdict
from otel_residency.errors import CatalogueError
from otel_residency.guard import Guard
from otel_residency.settings.checks import policy_problems
from otel_residency.settings.load import read_settings
from otel_residency.settings.table import ENABLED, POLICY_SETTINGS

_URL = re.compile(r"(?:https?|wss?)://\S+")
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")
"""A variable of the shell or of compose, with what stands for it where it is not set."""
_MODEL_KEY = re.compile(r"(?:.*[_.])?models?(?:_?(?:name|id))?", re.IGNORECASE)
_HOST_KEY = re.compile(r"(?:.*[_.])?(?:host|hostname|domain|server|endpoint|url|base)", re.IGNORECASE)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VENDOR_PREFIX = re.compile(r"openai[/:]")
"""As routers write it before a model."""
_NOT_SET = re.compile(r"\$[{(\w]|\{\{")
_MODEL = re.compile(r"[\w.:/@-]{1,256}")
"""Whatever may be the id of a model; anything else is text that is nobody's business."""
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_FAMILY = "openai"
_AZURE = "azure"
_REGION_KEY = "data_residency"
_BASE_KEYS = ("base_url", "api_base")
"""Below other URLs it is not known which paths are called."""
_NOT_LISTED = "model.not_listed"
_VARIABLES = frozenset(setting.variable for setting in (ENABLED, *POLICY_SETTINGS))


class Judged(NamedTuple):
    """A finding, at a place of a file."""

    file: str
    line: int
    column: int
    reason: str
    verdict: Verdict
    violation: bool
    detail: str
    fix: str
    ignored: str = ""
    """Why it counts for nothing, by a comment at its line."""


class Judge:
    """Judges what files say by one policy."""

    def __init__(self, guard: Guard, day: date, base_url: str) -> None:
        """Judge as on `day`; `base_url` is where clients call that name no other, `""` if it is not known.

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
        """Those of them that there may be something to say of."""
        return (each for each in found if not isinstance(each, Said) or self._concerns(each))

    def _concerns(self, said: Said) -> bool:
        key = said.key
        return key != said.value and bool(
            said.sure
            or _FAMILY in key.lower()
            or key in _VARIABLES
            or (_names_model(said) and self._knows(_model_of(said)))
            or (key == _REGION_KEY and self._region_host(_text(said)))
            or (_is_url(said) and self._guard.concerns_host(_host_of(_text(said))))
            or (_HOST_KEY.fullmatch(_snake(key)) and self._names_host(_text(said)))
        )

    def open(self, found: Iterable[Found]) -> Iterator[Open]:
        """What a file leaves open that decides."""
        found = tuple(found)
        deployments = _has_deployments(found)
        for each in found:
            if isinstance(each, Open):
                yield each
            elif isinstance(each, Call) and (endpoint := self._endpoint(each.path)):
                full = self._full(each, self._bare(self._hosts[0], endpoint), endpoint)
                still_open = (reason_of(finding.reason).open_in_source for finding in self._findings(full))
                unknown = dict.fromkeys((*each.unknown, *filter(None, still_open)))
                if deployments and full.model:
                    unknown["model, which may be a deployment"] = None
                if unknown:
                    yield Open(each.place, f"{', '.join(unknown)} of {each.path.replace('/', '.')}")
            elif isinstance(each, Said) and _decides(each.key) and _NOT_SET.search(_text(each)):
                yield Open(each.place, printable(each.key))

    def judge(self, file: str, found: Iterable[Found]) -> list[Judged]:
        """What is to say of one file."""
        found = tuple(found)
        own = {url.value for url in found if isinstance(url, Said) and url.sure and _URL.fullmatch(url.value)}
        hosts = (_host_of(*own),) if len(own) == 1 else self._hosts
        deployments = _has_deployments(found)
        judged: dict[tuple[int, int, str], Judged] = {}
        for each in found:
            for one in self._judge(each, hosts, deployments=deployments):
                judged.setdefault((one.line, one.column, one.reason), one._replace(file=file))
        return sorted(judged.values())

    def _judge(self, found: Found, hosts: tuple[str, ...], *, deployments: bool) -> Iterator[Judged]:
        if isinstance(found, Said):
            yield from self._said(found, deployments=deployments)
        elif isinstance(found, Call):
            yield from self._call(found, hosts, deployments=deployments)
        elif isinstance(found, Client):
            note = f"the client names no base URL, nor does {BASE_URL}: " if not self.base_url else ""
            yield from self._url(found.place, self.base_url or f"https://{self._global}{BASE_PATH}", note)

    def _said(self, said: Said, *, deployments: bool) -> Iterator[Judged]:
        value = _text(said)
        if said.key in _VARIABLES:
            yield from self._setting(said.place, said.key, value)
        elif _is_url(said) and not _NOT_SET.search(_host_of(value)):
            found = self._url(said.place, value)
            is_base = _snake(said.key).endswith(_BASE_KEYS)
            yield from (each for each in found if is_base or reason_of(each.reason).topic != "endpoint")
        elif said.key == _REGION_KEY:
            yield from self._url(said.place, f"https://{self._region_host(value)}{BASE_PATH}")
        elif _HOST_KEY.fullmatch(_snake(said.key)) and self._names_host(value):
            yield from self._url(said.place, f"https://{value}{BASE_PATH}")
        elif _names_model(said) and _MODEL.fullmatch(value) and not deployments:
            yield from self._model(said.place, _model_of(said))

    def _url(self, place: Place, url: str, note: str = "") -> Iterator[Judged]:
        base = read_base_url(re.sub("^ws", "http", url))
        if base is None:
            return
        endpoint = self._endpoints[0]
        hop = Hop(urlsplit(url).scheme, base.host, base.port, f"{base.path}/{_below(endpoint)}", payload=True)
        there = CallFacts(self._day, "POST", (hop,), base.path)
        bare = (self._bare(host, endpoint) for host in self._hosts)
        yield from self._told(place, self._besides(there, *bare), note)

    def _model(self, place: Place, model: str) -> Iterator[Judged]:
        """A model whose endpoint does not show: what holds for it wherever it is best off."""
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
        yield from self._told(place, best, "wherever it is called: ")

    def _call(self, call: Call, hosts: tuple[str, ...], *, deployments: bool) -> Iterator[Judged]:
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
            yield from self._told(_place_of(finding, call), (finding,))

    def _full(self, call: Call, bare: CallFacts, endpoint: Endpoint) -> CallFacts:
        """The call with what stands in its body."""
        said = json.dumps({"url": endpoint.path, "body": call.body}).encode()
        line = self._reader.read_line(said, lambda _: None)
        tier = call.body.get("service_tier")
        return bare._replace(
            model=line.model if _MODEL.fullmatch(line.model or "") else None,
            service_tier=tier if isinstance(tier, str) else None,
            features=line.features,
            tools=line.tools,
        )

    def _setting(self, place: Place, variable: str, value: str) -> Iterator[Judged]:
        """A setting of ours that can't be read makes every call one in doubt."""
        settings = read_settings({variable: value})
        policy, catalogue = settings.policy, self._guard.catalogue
        for problem in (*settings.problems, *policy_problems(policy, catalogue, settings.origins)):
            finding = Finding("policy.unreadable", INDETERMINATE, str(problem))
            violation = violates(finding.verdict, policy._replace(unreadable=str(problem)), required=False)
            yield from (each._replace(violation=violation) for each in self._told(place, (finding,)))

    def _bare(self, host: str, endpoint: Endpoint) -> CallFacts:
        hop = Hop("https", host, None, f"{BASE_PATH}/{_below(endpoint)}", payload=True)
        return CallFacts(self._day, "POST", (hop,))

    def _findings(self, facts: CallFacts) -> tuple[Finding, ...]:
        return self._guard.judge(facts).decision.findings

    def _besides(self, facts: CallFacts, *bare: CallFacts) -> tuple[Finding, ...]:
        known = {finding for each in bare for finding in self._findings(each)}
        return tuple(each for each in self._findings(facts) if each not in known)

    def _told(self, place: Place, findings: Iterable[Finding], note: str = "") -> Iterator[Judged]:
        for reason, verdict, detail in findings:
            if verdict is not ELIGIBLE and not reason_of(reason).open_in_source:
                violation = violates(verdict, self._policy, required=True)
                told = printable(without_secrets(f"{note}{detail}", {}))
                yield Judged("", *place, reason, verdict, violation, told, reason_of(reason).fix)

    def _endpoint(self, path: str) -> Endpoint | None:
        """The endpoint that the names before a verb stand for: as many of the last ones as make one."""
        names = path.split("/")
        for start in range(len(names)):
            found = self._guard.catalogue.endpoint(("v1", *names[start:]))
            sends = found is not None and ("POST" in found.methods or found.model_at)
            if found is not None and sends and "{" not in found.path:
                return found
        return None

    @cached_property
    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Those that take a model and stand in a row that lists models."""
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
        """The vendor's host that a client calls by itself."""
        for host in self._guard.catalogue.hosts:
            match = match_host(self._guard.catalogue, {}, host, None, self._day)
            if match.provider == VENDOR and match.region == GLOBAL:
                return host
        return ""

    def _region_host(self, region: str) -> str:
        return self._global if region == GLOBAL else self._guard.catalogue.host_of(region, self._day)

    def _names_host(self, text: str) -> bool:
        return bool(_HOST.fullmatch(text)) and self._guard.concerns_host(text)

    def _knows(self, model: str) -> bool:
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


def _text(said: Said) -> str:
    """What is said, or what stands for it where a variable is not set."""
    default = _DEFAULT.fullmatch(said.value)
    return default[1] if default else said.value


def _snake(key: str) -> str:
    """A key as Python would write it, whatever the language of the file."""
    return _WORD.sub("_", key).replace("-", "_").lower()


def _decides(key: str) -> bool:
    """Whether it is about where the vendor's clients call, or with what model."""
    name = _snake(key)
    return _FAMILY in name and bool(_HOST_KEY.fullmatch(name) or _MODEL_KEY.fullmatch(name))


def _is_url(said: Said) -> bool:
    return bool(_URL.fullmatch(_text(said)))


def _names_model(said: Said) -> bool:
    """Whether a model is named; on Azure it is somebody's deployment."""
    return bool(_MODEL_KEY.fullmatch(_snake(said.key))) and _AZURE not in said.key.lower()


def _model_of(said: Said) -> str:
    return _VENDOR_PREFIX.sub("", _text(said), count=1)


def _has_deployments(found: Iterable[Found]) -> bool:
    """Whether a file makes a client for Azure, where a model may be somebody's deployment."""
    return any(isinstance(each, Said) and _AZURE in each.key.lower() and not each.value for each in found)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _worst(findings: Iterable[Finding]) -> int:
    judged = (each for each in findings if not reason_of(each.reason).open_in_source)
    return max((SEVERITY[each.verdict] for each in judged), default=0)


def _place_of(finding: Finding, call: Call) -> Place:
    """Where the argument stands that a finding is about, or the call."""
    return call.places.get(reason_of(finding.reason).argument, call.place)

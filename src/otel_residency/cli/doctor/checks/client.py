"""The client's own variables: where it calls, which one it ignores, and what it writes to the log."""

from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.seen import Seen
from otel_residency.core.base_url import BaseUrl, read_base_url
from otel_residency.core.decide import decide
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.reasons import reason_of
from otel_residency.core.verdict import Finding, Verdict

_URL, _OLD_URL, _LOG = "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_LOG"


def checks(seen: Seen) -> Iterator[Check]:
    """The base URL, its predecessor, and the log."""
    yield _base_url(seen)
    if seen.environ.get(_OLD_URL):
        tell = warning if seen.environ.get(_URL) else failure
        fix = f"Unset it, and set {_URL} to what is meant."
        yield tell("client.api_base", f"{_OLD_URL} is set; openai 1.0 and newer ignore it", fix)
    else:
        yield ok("client.api_base", f"{_OLD_URL} is not set")
    if seen.environ.get(_LOG, "").lower() == "debug":
        fix = f"Set {_LOG} to info, or unset it."
        yield warning("client.log", f"{_LOG}=debug writes prompts to the log of the process", fix)
    else:
        yield ok("client.log", "no prompts in the log")


def _base_url(seen: Seen) -> Check:
    said = seen.environ.get(_URL)
    example = _example(seen)
    if said is not None and not said.strip():
        fix = f"Unset it, or set it to {example}."
        return failure("client.base_url", f"{_URL} is set and empty", fix)
    if seen.report and seen.report.url_error:
        fix = f"Mend {_URL}, or what else the error names."
        return failure("client.base_url", f"no client can be made: {seen.report.url_error}", fix)
    base = seen.report.base_url if seen.report else None
    if base is None:
        return ok("client.base_url", "no client to ask")
    if read_base_url(str(base)) is None:
        fix = f"Write it with its scheme, like {example}."
        return failure("client.base_url", f"{_URL} is not a URL that the client can call", fix)
    return _judged(seen, base, example)


def _judged(seen: Seen, base: BaseUrl, example: str) -> Check:
    """The base URL as the core judges a call to it."""
    findings = _findings(seen, base)
    ineligible = any(finding.verdict is Verdict.INELIGIBLE for finding in findings)
    if not findings or not (seen.settings.policy.require or ineligible):
        return ok("client.base_url", str(base._replace(path="")))
    details = "; ".join(finding.detail for finding in findings)
    if seen.environ.get(_URL) is None:
        fix = f"Set {_URL} to {example}, unless every client of the service names its host."
        return warning("client.base_url", f"{_URL} is not set; {details}", fix)
    fix = reason_of(findings[0].reason).fix
    if ineligible:
        place = f" That is {example}." if seen.settings.policy.require else ""
        return failure("client.base_url", f"{_URL}: {details}", fix + place)
    return warning("client.base_url", f"{_URL}: {details}", fix)


def _findings(seen: Seen, base: BaseUrl) -> list[Finding]:
    """What the core says against a call to this base URL, as far as it hangs on the URL alone."""
    hop = Hop(base.scheme, base.host, base.port, f"{base.path}/responses", payload=True)
    facts = CallFacts(on=seen.today, method="POST", hops=(hop,), base_path=base.path)
    findings = decide(facts, seen.catalogue, seen.settings.policy).findings
    return [finding for finding in findings if reason_of(finding.reason).topic == "host"]


def _example(seen: Seen) -> str:
    """The vendor's base URL for the first required region, as the table of today names it."""
    region = next(iter(seen.settings.policy.require), "")
    return f"https://{seen.catalogue.host_of(region, seen.today) or 'HOST'}{BASE_PATH}"

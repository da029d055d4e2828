"""The client's variables: base URL, the one that it ignores, and its log."""

from collections.abc import Iterator

from otel_residency.cli.base_url import names_host
from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.core.base_url import BaseUrl, read_base_url
from otel_residency.core.decide import decide
from otel_residency.core.facts import BASE_PATH, CallFacts, Hop
from otel_residency.core.reasons import reason_of
from otel_residency.core.verdict import Finding, Verdict

_URL, _OLD_URL, _LOG = "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_LOG"


def checks(env: Environment) -> Iterator[Check]:
    """The base URL, its former variable, and the log."""
    yield _base_url(env)
    if env.environ.get(_OLD_URL):
        result = warning if env.environ.get(_URL) else failure
        fix = f"Unset it, and set {_URL} to what is meant."
        yield result("client.api_base", f"{_OLD_URL} is set; openai 1.0 and newer ignore it", fix)
    else:
        yield ok("client.api_base", f"{_OLD_URL} is not set")
    if env.environ.get(_LOG, "").lower() == "debug":
        fix = f"Set {_LOG} to info, or unset it."
        yield warning("client.log", f"{_LOG}=debug writes prompts to the log of the process", fix)
    else:
        yield ok("client.log", "no prompts in the log")


def _base_url(env: Environment) -> Check:
    url = env.environ.get(_URL)
    example = _example(env)
    if url is not None and not url.strip():
        fix = f"Unset it, or set it to {example}."
        return failure("client.base_url", f"{_URL} is set and empty", fix)
    if env.report and env.report.url_error:
        fix = f"Correct {_URL}, or another variable of the client; `openai.OpenAI()` shows the message."
        return failure("client.base_url", f"no client can be created: {env.report.url_error}", fix)
    base = env.report.base_url if env.report else None
    if base is None:
        return ok("client.base_url", "openai is not installed or can't be imported")
    if read_base_url(str(base)) is None:
        fix = f"Write it with its scheme, like {example}."
        return failure("client.base_url", f"{_URL} is not a URL that the client can call", fix)
    if not names_host(base, env.settings.policy):
        fix = f"Write it like {example}, or add the host to [hosts] of the policy."
        return warning("client.base_url", f"{_URL} names no host whose region is known", fix)
    return _checked(env, base, example)


def _checked(env: Environment, base: BaseUrl, example: str) -> Check:
    """The verdict on a call to the base URL."""
    findings = _findings(env, base)
    ineligible = any(finding.verdict is Verdict.INELIGIBLE for finding in findings)
    if not findings or not (env.settings.policy.require or ineligible):
        return ok("client.base_url", str(base._replace(path="")))
    details = "; ".join(finding.detail for finding in findings)
    if env.environ.get(_URL) is None:
        fix = f"Set {_URL} to {example}, unless every client of the service names its host."
        return warning("client.base_url", f"{_URL} is not set; {details}", fix)
    fix = reason_of(findings[0].reason).fix
    if ineligible:
        place = f" That is {example}." if env.settings.policy.require else ""
        return failure("client.base_url", f"{_URL}: {details}", fix + place)
    return warning("client.base_url", f"{_URL}: {details}", fix)


def _findings(env: Environment, base: BaseUrl) -> list[Finding]:
    """The findings of a call to this base URL that depend on the URL alone."""
    hop = Hop(scheme=base.scheme, host=base.host, port=base.port, path=f"{base.path}/responses", payload=True)
    facts = CallFacts(on=env.today, method="POST", hops=(hop,), base_path=base.path)
    findings = decide(facts, env.catalogue, env.settings.policy).findings
    return [finding for finding in findings if reason_of(finding.reason).topic == "host"]


def _example(env: Environment) -> str:
    """The vendor's base URL for the first required region, by today's table."""
    region = next(iter(env.settings.policy.require), "")
    return f"https://{env.catalogue.host_of(region, env.today) or 'HOST'}{BASE_PATH}"

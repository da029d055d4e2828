"""The base URL that a call or batch of the command line is checked for."""

from datetime import date

from otel_residency.cli.environ import variables
from otel_residency.cli.output import stop
from otel_residency.core.base_url import BaseUrl, read_base_url
from otel_residency.core.catalogue import Catalogue, path_segments
from otel_residency.core.facts import BASE_PATH
from otel_residency.core.policy import Policy
from otel_residency.core.shown import HIDDEN, is_host, may_show

BASE_URL = "OPENAI_BASE_URL"


def shown_url(base: BaseUrl, catalogue: Catalogue) -> str:
    """A URL as messages show it: its path may hold a key."""
    known = {segment for endpoint in catalogue.entries.endpoints for segment in path_segments(endpoint.path)}
    segments = (each if may_show(each, known) else HIDDEN for each in base.path.split("/"))
    return str(base._replace(path="/".join(segments)))


def base_url_or_usual(given: str, policy: Policy, catalogue: Catalogue, day: date) -> BaseUrl:
    """An option, else OPENAI_BASE_URL, else the vendor's URL for the first required region on `day`.

    Ends the command if there is none, or it is not a URL.
    """
    region = next(iter(policy.require), "")
    host = catalogue.host_of(region, day)
    variable = variables().get(BASE_URL, "").strip()
    url = given or variable or (host and f"https://{host}{BASE_PATH}")
    if not url and region:
        stop(f"no table in force on {day} names a host of {region}: pass --base-url")
    if not url:
        stop(f"no region is required: pass --require or --base-url, or set {BASE_URL}")
    base = read_base_url(url)
    if base is None:
        stop("the base URL is not one that the client can call: write it like https://HOST/v1")
    if not given and variable and not names_host(base, policy):
        stop(f"{BASE_URL} names no host: pass --base-url, or add the host to [hosts] of the policy")
    return base


def names_host(base: BaseUrl, policy: Policy) -> bool:
    """Whether the host of a URL is plainly one, or one of the policy's, so that messages may show it."""
    return is_host(base.host) or base.host in {each.partition(":")[0] for each in policy.hosts}

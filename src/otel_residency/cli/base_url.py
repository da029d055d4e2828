"""The base URL that a call or batch of the command line is checked for."""

from datetime import date

from otel_residency.cli.environ import variables
from otel_residency.cli.output import stop
from otel_residency.core.base_url import BaseUrl, read_base_url
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import BASE_PATH
from otel_residency.core.policy import Policy

BASE_URL = "OPENAI_BASE_URL"


def base_url_or_usual(given: str, policy: Policy, catalogue: Catalogue, day: date) -> BaseUrl:
    """An option, else OPENAI_BASE_URL, else the vendor's URL for the first required region on `day`.

    Ends the command if there is none, or it is not a URL.
    """
    region = next(iter(policy.require), "")
    host = catalogue.host_of(region, day)
    url = given or variables().get(BASE_URL, "").strip() or (host and f"https://{host}{BASE_PATH}")
    if not url and region:
        stop(f"no table in force on {day} names a host of {region}: pass --base-url")
    if not url:
        stop(f"no region is required: pass --require or --base-url, or set {BASE_URL}")
    base = read_base_url(url)
    if base is None:
        stop("the base URL is not one that the client can call: write it like https://HOST/v1")
    return base

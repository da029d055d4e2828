"""Where calls go that nobody has made yet."""

from datetime import date
from typing import NamedTuple
from urllib.parse import urlsplit

from otel_residency.cli.environ import variables
from otel_residency.cli.output import stop
from otel_residency.core.catalogue import Catalogue
from otel_residency.core.facts import BASE_PATH
from otel_residency.core.policy import Policy

BASE_URL = "OPENAI_BASE_URL"


class BaseUrl(NamedTuple):
    """A base URL, without userinfo and query."""

    scheme: str
    host: str
    port: int | None
    path: str

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{self.host}{port}{self.path}"


def base_url_or_usual(said: str, policy: Policy, catalogue: Catalogue, today: date) -> BaseUrl:
    """What was said, here or by OPENAI_BASE_URL, or the vendor's for the first required region on that day.

    It ends the command where that is no URL, and where there is none.
    """
    usual = usual_host(policy, catalogue, today)
    url = said or variables().get(BASE_URL, "").strip() or (usual and f"https://{usual}{BASE_PATH}")
    if not url and policy.require:
        stop(f"no table in force on {today} names a host of {policy.require[0]}: say --base-url")
    if not url:
        stop(f"no region is required: say --require or --base-url, or set {BASE_URL}")
    base = read_base_url(url)
    if base is None:
        stop("the base URL is not one that the client can call: write it like https://HOST/v1")
    return base


def usual_host(policy: Policy, catalogue: Catalogue, today: date) -> str:
    """The vendor's host for the first required region, by the table of that day; `""` if there is none."""
    revision = catalogue.revision_on(today)
    terms = revision.regions.get(next(iter(policy.require), "")) if revision else None
    return terms.host if terms else ""


def read_base_url(url: str) -> BaseUrl | None:
    """`url` in its parts; `None` if the client can't call it."""
    try:
        parts = urlsplit(url)
        base = BaseUrl(parts.scheme, parts.hostname or "", parts.port, parts.path.rstrip("/"))
    except ValueError:
        return None
    return base if base.scheme in ("http", "https") and base.host else None

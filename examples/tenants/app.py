"""A claims desk on the web: a WSGI application that serves all its customers by one process.

Who asks is told by a bearer token. What a customer was promised is known here alone, so the middleware asks
`region_of`; no other line is about residency, but for the answer to a customer whose call was refused.
"""

from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple

from openai import OpenAI

from otel_residency import ResidencyViolationError, client_for
from otel_residency.middleware import ResidencyWSGIMiddleware

SNAPSHOT = "gpt-5.2-2025-12-11"


class Customer(NamedTuple):
    """Whoever signed a contract with us."""

    name: str
    region: str


CUSTOMERS = {
    "token-rossi": Customer("Rossi Assicurazioni", "eu"),
    "token-smith": Customer("Smith Insurance", "us"),
}
client_of = cache(client_for)
"""One client for each region, made when it is first needed."""


def customer_of(environ: dict[str, Any]) -> Customer | None:
    """The customer who asks, if his token is one of ours."""
    return CUSTOMERS.get(environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "))


def region_of(environ: dict[str, Any]) -> str | None:
    """What the customer who asks was promised."""
    customer = customer_of(environ)
    return None if customer is None else customer.region


def ask(client: OpenAI, claim: str) -> str:
    """What the model makes of a claim."""
    messages: Any = [{"role": "user", "content": f"Summarise this claim: {claim}"}]
    answer = client.chat.completions.create(model=SNAPSHOT, messages=messages)
    return answer.choices[0].message.content or ""


def summary(customer: Customer, claim: str) -> str:
    """As it should be: the client is the one for the customer."""
    return ask(client_of(customer.region), claim)


def letter(_: Customer, claim: str) -> str:
    """A mistake that nobody saw: written for the American customers, and offered to all of them."""
    return ask(client_of("us"), claim)


PAGES = {"/summary": summary, "/letter": letter}


def desk(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    customer = customer_of(environ)
    page = PAGES.get(environ["PATH_INFO"])
    if customer is None:
        status, text = HTTPStatus.UNAUTHORIZED, "who are you?"
    elif page is None:
        status, text = HTTPStatus.NOT_FOUND, "no such page"
    else:
        claim = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        try:
            status, text = HTTPStatus.OK, page(customer, claim)
        except ResidencyViolationError:
            status, text = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, "this would leave your region"
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


app = ResidencyWSGIMiddleware(desk, require=region_of)

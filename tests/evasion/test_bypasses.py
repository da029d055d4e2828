"""Each bypass of the table sends a request outside the EU without the guard, and none with it."""

from collections.abc import Iterator

import pytest

from otel_residency.errors import RefusalError
from tests.evasion.attempt import SECOND_EU, STRANGE, Attempt
from tests.evasion.table import BEYOND, BYPASSES, LED_ASTRAY, Bypass, each
from tests.internet import EU, US
from tests.recorded import Instrument


def outside(attempt: Attempt) -> list[str]:
    """Hosts of requests that should not have arrived: not the EU's by host or header, or a strange model."""
    return [
        request.host
        for request in attempt.internet.requests
        if not {request.host, *request.headers.get_all("host", [])} <= {EU, SECOND_EU}
        or STRANGE.encode() in request.body
    ]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@each(BYPASSES)
def test_without_the_guard_it_leads_out_of_the_region(bypass: Bypass, attempt: Attempt) -> None:
    """The bypass works: without the guard a request arrives where it may not."""
    error = None
    try:
        bypass.go(attempt)
    except Exception as raised:  # noqa: BLE001 - many bypasses end in an error after the request has arrived
        error = raised
    assert outside(attempt), error


@each(LED_ASTRAY)
def test_where_the_name_of_the_eu_leads_to_the_us_nothing_is_sent(
    bypass: Bypass, attempt: Attempt, instrument: Instrument
) -> None:
    """Where the EU's name leads to the US, the certificate is wrong, and no request is sent."""
    instrument(on_call="block")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        bypass.go(attempt)
    assert attempt.internet.requests == []
    assert "CERTIFICATE_VERIFY_FAILED" in "".join(map(str, causes(caught.value)))


@each(BEYOND)
def test_what_no_guard_inside_a_process_stops(
    bypass: Bypass, attempt: Attempt, instrument: Instrument
) -> None:
    """It is documented that this goes through: a network policy has to stop it."""
    instrument(on_call="block")
    bypass.go(attempt)
    assert US in attempt.internet.hosts


@each(BYPASSES)
def test_with_the_guard_nothing_arrives(bypass: Bypass, attempt: Attempt, instrument: Instrument) -> None:
    """In block mode no request arrives where it may not, and the attempt ends in a refusal."""
    instrument(on_call="block", **bypass.settings)
    refused: BaseException | None = None
    try:
        bypass.go(attempt)
    except Exception as error:  # noqa: BLE001 - each library has its own
        refused = error
    assert outside(attempt) == []
    assert any(isinstance(error, RefusalError) for error in causes(refused))

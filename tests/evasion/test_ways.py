"""Every way of the table leads out of the EU while the guard is off, and to nothing while it is on."""

from collections.abc import Iterator

import pytest

from otel_residency.errors import RefusalError
from tests.evasion.road import SECOND_EU, STRANGE, Road
from tests.evasion.table import BEYOND, LED_ASTRAY, WAYS, Way, each
from tests.internet import EU, US
from tests.recorded import Instrument


def outside(road: Road) -> list[str]:
    """Hosts of requests that should not have arrived: not the EU's by host or header, or a strange model."""
    return [
        asked.host
        for asked in road.internet.requests
        if not {asked.host, *asked.headers.get_all("host", [])} <= {EU, SECOND_EU}
        or STRANGE.encode() in asked.body
    ]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@each(WAYS)
def test_without_the_guard_it_leads_out_of_the_region(way: Way, road: Road) -> None:
    """The way is one: with nothing to stop it a request arrives where it may not."""
    error = None
    try:
        way.go(road)
    except Exception as raised:  # noqa: BLE001 - many ways end in an error after the request has arrived
        error = raised
    assert outside(road), error


@each(LED_ASTRAY)
def test_who_is_led_astray_sends_nothing(way: Way, road: Road, instrument: Instrument) -> None:
    """Where the EU's name leads to the US, the certificate is wrong, and no request is sent."""
    instrument(on_call="block")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        way.go(road)
    assert road.internet.requests == []
    assert "CERTIFICATE_VERIFY_FAILED" in "".join(map(str, causes(caught.value)))


@each(BEYOND)
def test_what_no_guard_inside_a_process_stops(way: Way, road: Road, instrument: Instrument) -> None:
    """It is documented that this goes through: a network policy has to stop it."""
    instrument(on_call="block")
    way.go(road)
    assert US in road.internet.hosts


@each(WAYS)
def test_with_the_guard_nothing_arrives(way: Way, road: Road, instrument: Instrument) -> None:
    """In block mode no request arrives where it may not, and the attempt ends in a refusal."""
    instrument(on_call="block", **way.settings)
    refused: BaseException | None = None
    try:
        way.go(road)
    except Exception as error:  # noqa: BLE001 - each library has its own
        refused = error
    assert outside(road) == []
    assert any(isinstance(error, RefusalError) for error in causes(refused))

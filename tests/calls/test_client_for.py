"""A client for a region: of any class, with the catalogue's host and the caller's arguments."""

from typing import Any

import openai
import pytest

from otel_residency import client_for, require
from otel_residency.errors import ResidencyError
from tests.calls.kinds import Kind
from tests.frozen import CATALOGUE
from tests.internet import EU, US, Internet
from tests.recorded import Instrument


@pytest.mark.parametrize(("region", "host"), [("eu", EU), ("us", US)])
def test_the_client_of_a_region_calls_its_host(
    kind: Kind, instrument: Instrument, internet: Internet, region: str, host: str
) -> None:
    """Under the requirement of the same region its calls are made."""
    residency = instrument(require=["eu", "us"], on_call="block")
    classes: Any = kind.pick(openai.OpenAI, openai.AsyncOpenAI)
    client = kind.open(lambda **_: client_for(region, classes, max_retries=7))
    assert (type(client), client.max_retries) == (classes, 7)
    with require(region):
        kind.run(client.embeddings.create(model="text-embedding-3-small", input="Hello"))
    assert internet.hosts == [host]
    assert residency.values("residency.violation") == [False]


def test_the_class_is_that_of_the_synchronous_client_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a class it is `OpenAI`; what the environment says of the base URL does not count."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://{US}/v1")
    with client_for("eu") as client:
        assert (type(client), str(client.base_url)) == (openai.OpenAI, f"https://{EU}/v1/")


@pytest.mark.parametrize("region", sorted(CATALOGUE.region_codes))
def test_every_region_has_a_client(region: str) -> None:
    """The host is one that is judged to be of the region."""
    with client_for(region) as client:
        assert client.base_url.host == f"{region}.api.openai.com"


@pytest.mark.parametrize("region", ["uk", "EU", "", "global", "unknown"])
def test_an_unknown_region_is_an_error_that_lists_the_regions(region: str) -> None:
    """None is guessed."""
    with pytest.raises(ResidencyError, match=f"{region!r} is not a region code; known are: ae, au, ca, eu"):
        client_for(region)


@pytest.mark.parametrize("region", ["us", "gb"])
def test_a_region_without_a_host_is_an_error(instrument: Instrument, region: str) -> None:
    """The first table had no region gb, and for us the host that belongs to none today."""
    instrument(catalogue="openai-2025-02")
    with pytest.raises(ResidencyError, match=f"names no host for {region!r}"):
        client_for(region)

"""Requests that carry no content are sent in block mode: erasing, and administration."""

from contextlib import suppress
from inspect import signature
from typing import TYPE_CHECKING

import openai
import pytest

from tests.calls.http_library import canned, http
from tests.calls.kinds import Kind
from tests.calls.resources import METHODS
from tests.calls.test_coverage import make_call
from tests.recorded import Instrument

if TYPE_CHECKING:
    from examples.demo.loopback import Asked

ERASING = [path for path in METHODS if path.rpartition(".")[2] in ("delete", "remove")]
ADMINISTRATION = [path for path in METHODS if path.startswith("admin.")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", sorted({*ERASING, *ADMINISTRATION}))
def test_erasing_and_administration_are_not_refused(sync: Kind, instrument: Instrument, path: str) -> None:
    """In block mode, whatever is required: what carries no content is sent, by every such method."""
    recorded = instrument(on_call="block", strict=True, catalogue="newest")
    received: list[Asked] = []
    admin = {"admin_api_key": "sk-admin"} if "admin_api_key" in signature(openai.OpenAI).parameters else {}
    client = sync.open(http_client=http.Client(transport=canned(received)), api_key="sk-test", **admin)
    with suppress(ValueError):
        make_call(sync, client, path, None)
    assert received
    assert set(recorded.values("residency.verdict")) == {"not_applicable"}

"""litellm's coroutines call by a transport of httpx that is aiohttp's client."""

from pathlib import Path

from tests.clients.runs import run


def test_a_strict_policy_lets_eligible_calls_through(tmp_path: Path) -> None:
    """Calls that keep even a strict policy are answered in block mode."""
    assert all(run(tmp_path, "eu", "block", OTEL_RESIDENCY_STRICT="true").answers.values())


def test_its_other_transport_is_judged_once(tmp_path: Path) -> None:
    """Told to do without aiohttp, its calls are answered under the same policy and counted once."""
    ran = run(tmp_path, "eu", "block", OTEL_RESIDENCY_STRICT="true", DISABLE_AIOHTTP_TRANSPORT="True")
    assert all(ran.answers.values())
    assert ran.exported.total("residency.calls") == len(ran.received)

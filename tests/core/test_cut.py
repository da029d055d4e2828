"""Long texts of others are cut, and what is cut makes no verdict better."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_residency.core.cut import MARK, PATH_LIMIT, TEXT_LIMIT, cut
from otel_residency.core.decide import decide
from otel_residency.core.facts import Answer, CallFacts, Hop
from otel_residency.core.hosts import match_host
from otel_residency.core.paths import is_canonical
from otel_residency.core.policy import Policy
from otel_residency.core.verdict import Verdict
from tests.core.test_properties import CATALOGUE, ENTRIES, MODELS

EU_HOST = "eu.api.openai.com"


@given(st.text(max_size=3 * TEXT_LIMIT))
def test_a_cut_text_is_short_and_marked(text: str) -> None:
    """A short text stays as it is; a long one has the limit's length and the mark."""
    short = cut(text)
    assert short == text if len(text) <= TEXT_LIMIT else len(short) == TEXT_LIMIT and MARK in short


def test_long_texts_with_the_same_beginning_stay_different() -> None:
    """The digest of the whole tells them apart."""
    beginning = "ft:gpt-4o-2024-08-06:" + "x" * TEXT_LIMIT
    assert cut(f"{beginning}a") != cut(f"{beginning}b")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(MODELS), st.sampled_from(ENTRIES.endpoints), st.sampled_from(["x", "/", ":", "-"]))
def test_a_cut_model_is_never_listed(model: str, endpoint: object, letter: str) -> None:
    """A long model that begins like a listed one is judged as if it was not cut, and is no snapshot."""
    path = getattr(endpoint, "path", "")
    long = model + letter * 2 * TEXT_LIMIT
    for name in (long, cut(long)):
        facts = _facts(path=path, model=model)._replace(answer=Answer(model=name))
        assert decide(facts, CATALOGUE, Policy()).snapshot == name
    assert _verdict(path, cut(long)) == _verdict(path, long)


def _verdict(path: str, model: str) -> Verdict:
    return decide(_facts(path=path, model=model), CATALOGUE, Policy(require=("eu",))).verdict


def _facts(*, path: str, model: str | None = None, host: str = EU_HOST) -> CallFacts:
    hops = (Hop(scheme="https", host=host, port=None, path=path, payload=True),)
    return CallFacts(on=date(2026, 11, 30), method="POST", hops=hops, model=model)


@pytest.mark.parametrize("path", ["/v1/files/", "/v1/organization/projects/", "/v1/responses/"])
def test_a_cut_path_is_never_canonical(path: str) -> None:
    """A path with an id of any length is no path of administration, and no endpoint that can be deleted."""
    short = cut(path + "x" * 2 * PATH_LIMIT, PATH_LIMIT)
    assert not is_canonical(short)
    assert decide(_facts(path=short), CATALOGUE, Policy()).verdict is not Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("end", [".openai.azure.com", ".api.openai.com", f".{EU_HOST}", ""])
def test_a_cut_host_belongs_to_no_region(end: str) -> None:
    """A host that is longer than any name is none, also where the cut would end with a listed one."""
    long = "a" * (TEXT_LIMIT - len(end)) + end + ".example" * 9
    for host in (long, cut(long)):
        assert match_host(CATALOGUE, {}, host, None, date(2026, 11, 30)).kind == "bogus"

"""Whatever bytes come, what reads them raises nothing but what it documents.

The corpus is run as it is, and in pieces: cut, repeated, joined, with bytes changed. `nox --session fuzz`
tries ten times as many. A case that was found is added to the corpus.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = 60


def corpus_of(name: str) -> list[bytes]:
    """The files of a target."""
    return [file.read_bytes() for file in sorted((CORPUS / name).iterdir())]


def changed(pieces: list[bytes]) -> st.SearchStrategy[bytes]:
    """Pieces of the corpus, cut and joined, with bytes between them that are likely to matter."""
    odd = st.sampled_from(
        [*(bytes([each]) for each in b"\0\xff\n\"'{}[\\"), b"", b"9" * 400, b"\xed\xa0\x80"]
    )

    @st.composite
    def join(draw: Any) -> bytes:
        joined = b""
        for _ in range(draw(st.integers(1, 3))):
            piece = draw(st.sampled_from(pieces))
            begin, end = draw(st.integers(0, len(piece))), draw(st.integers(0, len(piece)))
            joined += piece[: max(begin, end)] + draw(odd) + piece[min(begin, end) :]
        return joined

    return st.one_of(join(), st.binary(max_size=200))


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str) -> None:
    """Each file of the corpus is read, or refused as documented."""
    assert corpus_of(name)
    for data in corpus_of(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_changed_inputs(name: str, data: st.DataObject) -> None:
    """So is whatever is made of the corpus."""
    TARGETS[name](data.draw(changed(corpus_of(name))))

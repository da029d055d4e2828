"""Plugin of pytest for long fuzzing: only the tests of hypothesis, with many more and other examples."""

import pytest
from hypothesis import settings

TIMES = 10


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that make up their input, each with TIMES as many examples as it asks for."""
    fuzzed = [item for item in items if getattr(_function(item), "is_hypothesis_test", False)]
    config.hook.pytest_deselected(items=[item for item in items if item not in fuzzed])
    items[:] = fuzzed
    for item in fuzzed:
        function = _function(item)
        # A profile would not do: most tests say how many examples they want, and that outweighs a profile.
        original: settings = function._hypothesis_internal_use_settings
        function._hypothesis_internal_use_settings = settings(
            original, max_examples=TIMES * original.max_examples, derandomize=False, deadline=None
        )


def _function(item: pytest.Item) -> object:
    return getattr(item, "obj", None)

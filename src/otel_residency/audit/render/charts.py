"""Bar charts over time, as positions in the drawing that the template writes."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from otel_residency.audit.outcomes import Outcome
from otel_residency.audit.tally import Period

WIDTH, HEIGHT = 720, 150
_LABELS: Final = 6
_FILLED: Final = 0.78
_ORDER: Final = tuple(reversed(Outcome))
"""From the bottom of a bar to its top."""


class BarPart(NamedTuple):
    """A rectangle of a bar."""

    outcome: str
    y: float
    height: float
    calls: int


class Bar(NamedTuple):
    """The calls of one period."""

    start: str
    x: float
    width: float
    parts: tuple[BarPart, ...]
    label: bool
    """Whether its day is written below."""


class Chart(NamedTuple):
    """Bars, and the number of calls that the highest line stands for."""

    bars: tuple[Bar, ...]
    top: int
    outcomes: tuple[str, ...]
    """Those that are drawn, as its legend lists them."""


def chart(periods: Sequence[Period], outcomes: Iterable[str]) -> Chart | None:
    """Draw these outcomes; `None` where there is nothing to draw."""
    shown = [each for each in _ORDER if each in set(outcomes)]
    sums = [sum(period.outcomes.get(each, 0) for each in shown) for period in periods]
    if not any(sums):
        return None
    top = _round_up(max(sums))
    step = WIDTH / len(periods)
    every = -(-len(periods) // _LABELS)
    bars = []
    for number, period in enumerate(periods):
        y, parts = float(HEIGHT), []
        for outcome in shown:
            calls = period.outcomes.get(outcome, 0)
            if calls:
                height = calls / top * HEIGHT
                y -= height
                parts.append(BarPart(outcome=outcome, y=round(y, 2), height=round(height, 2), calls=calls))
        x = number * step + step * (1 - _FILLED) / 2
        bars.append(
            Bar(
                start=period.start,
                x=round(x, 2),
                width=round(step * _FILLED, 2),
                parts=tuple(parts),
                label=number % every == 0,
            )
        )
    drawn = {part.outcome for bar in bars for part in bar.parts}
    return Chart(tuple(bars), top, tuple(each for each in Outcome if each in drawn))


def _round_up(value: int) -> int:
    """The next number that is 1, 2, 4, 6 or 8 times a power of ten."""
    power = int(10 ** (len(str(value)) - 1))
    return next((each * power for each in (1, 2, 4, 6, 8) if each * power >= value), 10 * power)

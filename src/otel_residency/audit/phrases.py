"""Numbers, shares, days and counts as the report writes them."""

from datetime import date

_MONTHS = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]  # the same in every locale
_SPACE = "\N{NO-BREAK SPACE}"


def number(value: int) -> str:
    """`1 234 567`, unbroken."""
    return f"{value:,}".replace(",", _SPACE)


def count(value: int, unit: str) -> str:
    """`1 call`, `1 234 calls`."""
    return f"{number(value)} {unit}{'' if value == 1 else 's'}"


def share(part: int, whole: int) -> str:
    """A part in per cent, never rounded up; only all of it is `100 %`."""
    if not whole:
        return "\N{EN DASH}"
    tenths = part * 1000 // whole
    if part and not tenths:
        return f"<{_SPACE}0.1{_SPACE}%"
    return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 1000 else ''}{_SPACE}%"


def day(text: str) -> str:
    """`20 Nov 2026`."""
    if not text:
        return ""
    value = date.fromisoformat(text)
    return f"{_short(value)}{_SPACE}{value.year}"


def span(first: str, last: str) -> str:
    """`20 Nov 2026`, or `20 Aug to 12 Sep 2026`."""
    if first == last:
        return day(first)
    same_year = first[:4] == last[:4]
    return f"{_short(date.fromisoformat(first)) if same_year else day(first)} to {day(last)}"


def days(value: int) -> str:
    """`1 day`, `25 days`, and weeks where these are whole."""
    if value >= 14 and value % 7 == 0:  # noqa: PLR2004
        return f"{value // 7} weeks"
    return count(value, "day")


def _short(value: date) -> str:
    return f"{value.day}{_SPACE}{_MONTHS[value.month - 1]}"

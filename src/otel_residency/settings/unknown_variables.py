"""Environment variables with our prefix that no setting has: misspelt, or of another release."""

import re
from collections.abc import Iterable, Iterator

from otel_residency.core.decode import nearest_name
from otel_residency.core.shown import is_nearly, shown_name
from otel_residency.settings.problems import PolicyProblem
from otel_residency.settings.table import PREFIX, SETTINGS

_VARIABLES = tuple(setting.variable for setting in SETTINGS)
_BEGINNING = PREFIX[:10]
"""A variable that begins so may have the prefix misspelt."""
_SERVICE_LINK = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
"""What Kubernetes sets in each container of a namespace with a service `otel-residency-…`."""


def unknown_variables(names: Iterable[str]) -> Iterator[str]:
    """Those of `names` that look like settings of ours and are none."""
    for name in names:
        upper = name.upper()
        if name in _VARIABLES or not upper.startswith(_BEGINNING):
            continue
        if (upper.startswith(PREFIX) and not _SERVICE_LINK.fullmatch(upper)) or is_misspelt(name):
            yield name


def is_misspelt(name: str) -> bool:
    """Whether a known variable was meant: the name begins with one, or differs by at most two letters."""
    upper = name.upper()
    return any(upper.startswith(each) or is_nearly(upper, each) for each in _VARIABLES)


def unknown_variable(name: str) -> PolicyProblem:
    """The problem with such a variable."""
    problem = f"unknown variable; known are: {', '.join(_VARIABLES)}"
    fix = nearest_name(name.upper(), _VARIABLES)
    return PolicyProblem(file="", key=shown_name(name), value="", problem=problem, fix=fix)

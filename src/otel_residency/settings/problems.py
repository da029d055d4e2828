"""A setting that can't be used, as a value: where it stands, what is wrong with it, and the fix."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from otel_residency.core.decode import DecodeError
from otel_residency.core.shown import shown, syntax_error
from otel_residency.errors import PolicyError
from otel_residency.runtime.shown_path import shown_path


class Origin(NamedTuple):
    """Where the value of a key comes from."""

    file: str = ""
    name: str = ""
    """Variable, argument or option; empty for a file."""
    note: str = ""

    def __str__(self) -> str:
        """As `policy show` prints it."""
        return ", ".join(filter(None, (self.file or self.name, self.note)))


Origins = Mapping[str, Origin]
"""Origins by the key of the policy file. A key that is not in it has its default."""


class PolicyProblem(NamedTuple):
    """One thing that is wrong with the settings."""

    file: str
    """The file that it stands in; empty for a variable, an argument or an option."""
    key: str
    """Dotted key of the file, or the variable, argument or option."""
    value: str
    """What stands there; empty if it may be a secret, or nothing does."""
    problem: str
    fix: str

    def __str__(self) -> str:
        """The sentence for logs and error messages."""
        return ": ".join(filter(None, (self.file, self.key, self.problem)))

    def at(self, origins: Origins, top: str = "") -> "PolicyProblem":
        """The same problem of a policy file's key, with the file or variable that the value came from.

        Args:
            origins: those of the values.
            top: the first part of the key, where that is not shown.
        """
        # The space is of "rule for …", a key that no file has.
        top = top or re.split(r"[.\[ ]", self.key, maxsplit=1)[0]
        origin = origins.get(self.key) or origins.get(top, Origin())
        key = origin.name + self.key.removeprefix(top) if origin.name else self.key
        return self._replace(file=origin.file, key=key)


class SettingError(PolicyError):
    """A setting can't be used, with the problem as a value."""

    def __init__(self, problem: PolicyProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def unreadable_file(file: str, error: OSError | ValueError | RecursionError, kind: str) -> SettingError:
    """A file that can't be opened, or is not of its `kind`."""
    if isinstance(error, OSError):
        problem, fix = f"can't be read: {error.strerror}", "Name a file that can be read."
    else:
        problem, fix = syntax_error(error, kind), "Correct the syntax there."
    return SettingError(PolicyProblem(file=shown_path(file), key="", value="", problem=problem, fix=fix))


def wrong_value(error: DecodeError, *, file: str = "") -> PolicyProblem:
    """What the decoder found wrong with one key."""
    return PolicyProblem(
        file=shown_path(file),
        key=error.place,
        value=error.value,
        problem=error.problem,
        fix=error.fix,
    )


def wrong_setting(key: str, value: object, problem: str, fix: str) -> SettingError:
    """What is wrong with the `value` of a variable, argument or option."""
    text = shown(value)
    return SettingError(PolicyProblem(file="", key=key, value=text, problem=f"{text} {problem}", fix=fix))

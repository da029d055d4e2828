"""Values of settings from the text of variables and from arguments, as the keys of the policy take them."""

import os
from typing import Any, get_origin

from otel_residency.core.decode import DecodeError, decode_value, field_types, nearest_name
from otel_residency.core.policy import Policy
from otel_residency.core.shown import HIDDEN, may_show
from otel_residency.settings.problems import PolicyProblem, SettingError, wrong_setting, wrong_value
from otel_residency.settings.table import Setting


def variable_value(setting: Setting, text: str) -> Any:
    """The value of a setting whose variable has this `text`.

    Raises:
        SettingError: it is wrong.
    """
    kind = field_types(Policy).get(setting.key, bool)
    if kind is bool:
        return _boolean(setting.variable, text)
    value = read_regions(setting.variable, text) if get_origin(kind) is tuple else text.lower()
    return _converted(setting.key, value, setting.variable)


def read_regions(name: str, text: str) -> tuple[str, ...]:
    """The region codes of a text in which commas separate them.

    Raises:
        SettingError: there is none; `name` is the variable, argument or option.
    """
    regions = tuple(region.strip().lower() for region in text.split(",") if region.strip())
    if text and not regions:
        problem = "names no region; write codes separated by commas"
        raise wrong_setting(name, text, problem, "Write codes separated by commas.")
    return regions


def text_argument(given: dict[str, object], key: str) -> str:
    """Take a path or name out of the arguments `given`; empty if it is not one of them.

    Raises:
        SettingError: it is neither.
    """
    value = given.pop(key, "")
    if not isinstance(value, str | os.PathLike):
        raise wrong_setting(f"argument {key}", value, "is not a path or name", "Pass a path or name.")
    return os.fspath(value)


def argument_value(key: str, value: object) -> object:
    """The value of an argument, as the policy's `key` takes it.

    Raises:
        SettingError: it is wrong, or no key has this name.
    """
    names = sorted(field_types(Policy))
    if key not in names:
        problem = f"not known; known are: {', '.join(names)}"
        name = f"argument {key if may_show(key, names) else HIDDEN}"
        raise SettingError(
            PolicyProblem(file="", key=name, value="", problem=problem, fix=nearest_name(key, names))
        )
    if key == "require" and isinstance(value, str):
        value = read_regions("argument require", value)
    _converted(key, value, f"argument {key}")
    return value


def _boolean(name: str, text: str) -> bool:
    value = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    if value is None:
        raise wrong_setting(name, text, "is not true or false", "Write true or false.")
    return value


def _converted(key: str, value: object, name: str) -> Any:
    """`value` as the policy's `key` takes it, under the `name` of a variable or argument."""
    try:
        return decode_value(field_types(Policy)[key], value, name)
    except DecodeError as error:
        raise SettingError(wrong_value(error)) from None

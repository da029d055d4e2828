"""The modes that are in effect where what names them can't be read."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from otel_residency.runtime.regular_file import read_text

IN_DOUBT: Mapping[str, Any] = MappingProxyType({"on_call": "block", "on_export": "withhold"})
"""The modes that are used where the value can't be read: whoever names a mode did not mean the default."""
_MODE_LINE = r"""(?m)^\s*(on_call|on_export)\s*=\s*["'](block|redact|withhold)["']"""


def modes_in(path: str) -> dict[str, Any]:
    """The modes that a file seems to name which can't be read as a policy."""
    try:
        text = read_text(path, errors="replace")
    except (OSError, ValueError):
        return {}
    return {key: IN_DOUBT[key] for key, _ in re.findall(_MODE_LINE, text)}


def modes_of_rules(key: str, rules: object) -> set[str]:
    """The modes that rules seem to name, which can't be read, but for those that do nothing."""
    found: set[str] = set()
    if key in ("rule", "exception") and isinstance(rules, list | tuple):
        for rule in rules:
            if isinstance(rule, Mapping):
                found |= {mode for mode in IN_DOUBT if rule.get(mode, "flag") != "flag"}
    return found

"""Environment variables that are not our settings, and text without the secrets in them.

Our settings are read by `settings.load` alone. The doctor checks variables of other programs, and `run` sets
the environment of the program that it starts.
"""

import os
import re
from collections.abc import Iterator, Mapping

PYTHONPATH = "PYTHONPATH"
_SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|HEADERS|AUTH)S?(_|$)", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=//)[^/\s@'\"]*@")
_QUERY = re.compile(r"(?<=\S)\?\w[^\s'\"]*")
_KEY = re.compile(r"\b(?:sk|pk)-[\w-]{8,}|(?i:bearer)\s+\S+")
_SHORTEST = 6
"""A shorter value is not a secret, and removing it would remove words."""


def variables() -> dict[str, str]:
    """A copy of the environment."""
    return dict(os.environ)


def import_path() -> list[str]:
    """The directories of PYTHONPATH."""
    return [each for each in os.environ.get(PYTHONPATH, "").split(os.pathsep) if each]


def set_import_path(directories: list[str]) -> None:
    """Set PYTHONPATH for the processes that this one starts."""
    os.environ[PYTHONPATH] = os.pathsep.join(directories)


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """`text` without keys, userinfo, query strings, and values of variables that are named like a secret."""
    for secret in sorted(_secrets(environ), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _KEY.sub("***", _QUERY.sub("", _USERINFO.sub("", text)))


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            for part in (value, *re.split(r"[=,\s]", value)):
                if len(part) >= _SHORTEST:
                    yield part

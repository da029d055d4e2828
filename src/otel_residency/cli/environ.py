"""The environment of the process, for what is not a setting of ours.

`settings.py` alone reads our settings. The doctor also tells what the variables of others do, and `run`
hands an environment on; both take it from here.
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
"""A shorter value is no secret, and to blank it out would blank out words."""


def variables() -> dict[str, str]:
    """A copy of the environment."""
    return dict(os.environ)


def import_path() -> list[str]:
    """The directories of PYTHONPATH."""
    return [each for each in os.environ.get(PYTHONPATH, "").split(os.pathsep) if each]


def set_import_path(directories: list[str]) -> None:
    """Let the processes that this one starts look for modules in `directories` first."""
    os.environ[PYTHONPATH] = os.pathsep.join(directories)


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """`text` of others without keys, userinfo and query strings; what a variable hides is hidden."""
    for secret in sorted(_secrets(environ), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _KEY.sub("***", _QUERY.sub("", _USERINFO.sub("", text)))


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            for part in (value, *re.split(r"[=,\s]", value)):
                if len(part) >= _SHORTEST:
                    yield part

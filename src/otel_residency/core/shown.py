"""How messages show a value that somebody else wrote: whole, or only what kind of value it is.

A key or password can stand in any setting, by mistake: in the wrong variable, or in the right one with
quotes around it. No list of patterns knows them all. So a wrong value is shown only if it is too short for a
secret, one plain word or nearly a known one. What a person chose as a name is shown unless it looks like a
secret.
"""

import re
from collections.abc import Iterable, Mapping

HIDDEN = "…"
"""Stands for what is not shown."""
_TOO_SHORT = 6
"""A text of fewer characters is not a secret, and messages without it would be hard to follow."""
_MISTAKES = 2
"""Letters by which a misspelt word may differ from the right one."""
_PLAIN_WORD = re.compile(r"[A-Za-z][a-z]{0,11}")
"""No key that a machine made is one such word."""
_MOST_DIGITS = 8
"""Those of a date."""
_WORD = re.compile(r"[A-Za-z0-9]+")
_SECRET = re.compile(
    r"-----|[\n\r\ufeff]"  # PEM
    r"|//[^/\s]*@|[^\s@/]*:[^\s@/]*@"  # user information of a URL
    r"|\b(?:sk|pk|rk|gh[opsu]|xox[a-z])[-_]\w|\beyJ|\b(?i:bearer|basic)\s"  # common keys
)
_LONGEST_NAME = 200
_LONGEST_WORD = 20
_MIXED_WORD = 10
"""A longer word of letters and digits is a key, and so is one in upper and lower case of this length."""
_IDS = re.compile(r"(?:proj|org|file|batch|ft|asst|vs|resp)[-_]")
"""Ids of the vendor's, which are no secrets."""
_HOST = re.compile(
    r"\[[0-9a-f:.]{2,45}\](?::\d{1,5})?"
    r"|(?:(?:[a-z0-9-]{1,63}\.)+(?:[a-z]{2,18}|\d{1,3})|localhost|[a-z0-9-]{1,5})\.?(?::\d{1,5})?",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"/?(?:[\w.-]{1,64}/)*[\w.-]{1,64}\.(?:checkpoints|crt|csv|db|gz|html|json|jsonl|key|md|pem|sqlite|toml|txt|ya?ml|zst)"
)
"""A path that the suffix of its last part shows to be one."""
_PLACE = re.compile(r"\(at (line \d+, column \d+|end of document)\)$")


def may_show(text: str, choices: Iterable[str] = ()) -> bool:
    """Whether a wrong value can be shown: it is short, nearly one of `choices`, or made of their words."""
    if len(text) < _TOO_SHORT:
        return True
    choices = tuple(choices)
    if any(is_nearly(text, each) for each in choices):
        return True
    listed, parts = {*_WORD.findall(" ".join(choices).lower())}, _WORD.findall(text)
    unlisted = [part for part in parts if not part.isdigit() and part.lower() not in listed]
    is_plain = not unlisted or (len(unlisted) == 1 and _PLAIN_WORD.fullmatch(unlisted[0]) is not None)
    return is_plain and bool(parts) and sum(map(str.isdigit, text)) <= _MOST_DIGITS


def text_if_shown(text: str, choices: Iterable[str] = ()) -> str:
    """A wrong value for a document, which has the message beside it; empty if it can't be shown."""
    return text if may_show(text, choices) else ""


def shown(value: object, choices: Iterable[str] = ()) -> str:
    """A wrong value as a message quotes it.

    Args:
        value: as it was written.
        choices: words that it may be a misspelling of.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value) if may_show(value, choices) else f"a text of {len(value)} characters"
    if isinstance(value, int | float):
        return repr(value) if may_show(repr(value)) else "a long number"
    if isinstance(value, Mapping | list | tuple):
        return "a table" if isinstance(value, Mapping) else "a list"
    return type(value).__name__


def shown_name(text: str) -> str:
    """A name or sentence that somebody chose to be read, such as a service or a reference.

    Returns:
        The text, or `…` if it looks like a secret.
    """
    is_key = any(map(_is_key, _WORD.findall(text))) and not _IDS.match(text)
    hidden = is_key or len(text) > _LONGEST_NAME or _SECRET.search(text)
    return HIDDEN if hidden else text


def _is_key(word: str) -> bool:
    """Whether letters and digits are mixed as in no word of a name."""
    if word.isalpha() or word.isdigit():
        return False
    return len(word) > _LONGEST_WORD or (len(word) >= _MIXED_WORD and not (word.islower() or word.isupper()))


def is_host(text: str) -> bool:
    """Whether a text is plainly a host, with or without a port; what else a URL has may be a password."""
    return bool(_HOST.fullmatch(text))


def shown_host(text: str) -> str:
    """A host; `…` for anything else."""
    return text if is_host(text) else HIDDEN


def is_file_name(text: str) -> bool:
    """Whether a path is plainly one, by its letters and its suffix."""
    return bool(_FILE.fullmatch(text))


def syntax_error(error: Exception, kind: str) -> str:
    """What is wrong with a text that is not of its `kind`, such as TOML: the place, and nothing of it."""
    if isinstance(error, UnicodeError):
        return f"is not {kind}: it is not UTF-8"
    # `tomllib` repeats keys in some of its messages, and has the place only in their last words.
    line, found = getattr(error, "lineno", None), _PLACE.search(str(error))
    place = f"line {line}, column {getattr(error, 'colno', 1)}" if line else found[1] if found else ""
    return f"is not {kind}" + (f": see {place}" if place else "")


def is_nearly(text: str, word: str) -> bool:
    """Whether a text is a word with at most two letters replaced, added, left out or exchanged."""
    if abs(len(text) - len(word)) > _MISTAKES:
        return False
    # Damerau and Levenshtein's distance, row by row.
    before: list[int] = []
    previous: list[int] = [*range(len(word) + 1)]
    for number, letter in enumerate(text, 1):
        row = [number]
        for at, other in enumerate(word, 1):
            cost = min(row[-1] + 1, previous[at] + 1, previous[at - 1] + (letter != other))
            if number > 1 and at > 1 and letter == word[at - 2] and other == text[number - 2]:
                cost = min(cost, before[at - 2] + 1)
            row.append(cost)
        before, previous = previous, row
    distance: int = previous[-1]
    return distance <= _MISTAKES

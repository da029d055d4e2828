"""Cuts texts that somebody else wrote, before they are kept.

Every text of a request, a response or a span passes here once, where it becomes a fact. What is kept of it
is then as short as a fact, whatever was sent.
"""

from hashlib import sha256

TEXT_LIMIT = 256
"""Characters that are kept of a model id, a host, a header, or another text."""
PATH_LIMIT = 1024
"""Characters that are kept of a path: gateways put segments of their own before those of the vendor."""
MARK = "?"
"""In no id that the catalogue lists, in no host, and in no canonical path: no text becomes one by a cut."""
_DIGITS = 16


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text`, or of a longer one its first characters, a mark, and a digest of the whole.

    With the digest, two long texts stay different: a model that answers is never taken for another one that
    was asked for.
    """
    if len(text) <= limit:
        return text
    # A lone surrogate has no UTF-8, and must not raise here.
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{text[: limit - len(MARK) - _DIGITS]}{MARK}{digest}"

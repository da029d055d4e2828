"""Versions of installed distributions."""

from importlib.metadata import PackageNotFoundError, version


def installed(name: str) -> str | None:
    """The version of a distribution; `None` if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None

"""The files that a scan reads, and the reader of each kind."""

import os
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

from otel_residency.cli.scan.literals import Found, UnreadableError
from otel_residency.runtime.regular_file import open_regular

LIMIT = 1 << 20
"""Bytes. A larger file is generated, and not read."""
_SKIPPED = frozenset(
    {
        *(
            ".git",
            ".hg",
            ".svn",
            "node_modules",
            "site-packages",
            "__pycache__",
            "venv",
            "env",
            "build",
            "dist",
        ),
        *(".venv", ".tox", ".nox", ".eggs", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
        *(".idea", ".terraform", "vendor"),
    }
)
_ENVIRONMENT = "pyvenv.cfg"
_KINDS = {
    "python": ("*.py",),
    "dotenv": (".env", ".env.*", "*.env"),
    "yaml": ("*.yaml", "*.yml", "*.json"),
    "toml": ("*.toml",),
    "notebook": ("*.ipynb",),
    "text": (
        *("*.ini", "*.cfg", "*.conf", "*.properties", "*.sh"),
        *("Dockerfile", "Dockerfile.*", "*.Dockerfile", "Containerfile"),
    ),
}

Reader = Callable[[bytes], Iterable[Found]]


def files_below(paths: Iterable[Path], excluded: Iterable[str]) -> Iterator[Path]:
    """The files in `paths`, and those of known kinds in its directories, each once.

    Links to directories are not followed. A directory that can't be listed is returned itself.
    """
    found = set()
    excluded = tuple(excluded)
    for path in paths:
        for file in _below(path) if path.is_dir() else [path]:
            if file not in found and not _is_excluded(file, excluded):
                found.add(file)
                yield file


def kind_of(file: Path) -> str | None:
    """The kind of a file, by its name."""
    names = (kind for kind, patterns in _KINDS.items() if any(fnmatch(file.name, each) for each in patterns))
    return next(names, None)


def content_of(file: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UnreadableError: it is not a file, can't be opened, or is larger than `LIMIT`.
    """
    if not file.is_file():
        raise UnreadableError("is not a file")
    try:
        with open_regular(file) as opened:
            content = opened.read(LIMIT + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or type(error).__name__) from None
    if len(content) > LIMIT:
        raise UnreadableError(f"larger than {LIMIT} bytes")
    return content


def reader_of(file: Path) -> Reader:
    """The reader of its kind; its library is imported with the first file of that kind.

    Raises:
        ImportError: the library is not installed.
        UnreadableError: there is none.
    """
    kind = kind_of(file)
    if kind is None:
        raise UnreadableError("is not a file of a known kind")
    read: Reader = import_module(f"otel_residency.cli.scan.read_{kind}").read
    return read


def _below(directory: Path) -> Iterator[Path]:
    failed: list[OSError] = []
    for place, directories, names in os.walk(directory, onerror=failed.append):
        here = Path(place)
        directories[:] = sorted(
            each
            for each in directories
            if each not in _SKIPPED
            and not each.endswith(".egg-info")
            and not (here / each / _ENVIRONMENT).exists()
        )
        yield from filter(kind_of, (here / name for name in sorted(names)))
    yield from (Path(error.filename) for error in failed)


def _is_excluded(file: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(file.as_posix(), each) or fnmatch(file.name, each) for each in patterns)

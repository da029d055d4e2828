"""`python -m tools.licences`: the licence of each package that the wheel or one of its extras needs."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

PACKAGE = "otel-residency"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST = 60
"""Characters of the field `License`: some packages put the whole text there."""


def licence_of(package: Distribution) -> str:
    """By the field of PEP 639, else by the classifiers, else by the old field."""
    meta: Any = package.metadata
    if expression := meta.get("License-Expression"):
        return str(expression)
    classifiers = [each for each in meta.get_all("Classifier") or () if each.startswith(_CLASSIFIER)]
    if classifiers:
        return ", ".join(each.removeprefix(_CLASSIFIER) for each in classifiers)
    return str(meta.get("License") or "").strip().split("\n")[0][:_LONGEST] or "not stated"


def licences(root: str = PACKAGE) -> Iterator[tuple[str, str, str]]:
    """Name, version and licence of `root` and of everything it needs that is installed."""
    waiting, found = [root], set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of an extra that is not installed, or of another platform
            continue
        yield name, package.version, licence_of(package)
        # Extras of ours are what users install; those of others are not.
        needed = (line for line in package.requires or () if "extra ==" not in line or name == root)
        waiting.extend(match[0] for line in needed if (match := _NAME.match(line)))


def main() -> int:
    """Print the table. Exit code 1 if a package does not state its licence."""
    rows = sorted(licences())
    for name, version, licence in rows:
        sys.stdout.write(f"{name:50} {version:14} {licence}\n")
    return int(any(licence == "not stated" for *_, licence in rows))


if __name__ == "__main__":
    sys.exit(main())

"""The tool that lists licences finds what the package needs, and says where one is missing."""

from email.message import Message
from typing import Any

from tools.licences import licence_of, licences


class Package:
    """A package with these fields of metadata."""

    def __init__(self, **fields: str) -> None:
        self.metadata = Message()
        for name, value in fields.items():
            self.metadata[name.replace("_", "-")] = value


def test_every_need_of_the_package_states_its_licence() -> None:
    """What it needs at run time and for its extras, directly or not, is listed with a licence."""
    found = {name: licence for name, _, licence in licences()}
    assert {"wrapt", "opentelemetry-sdk", "typing-extensions", "typer"} <= found.keys()
    assert "pytest" not in found
    assert "not stated" not in found.values()


def test_a_licence_is_read_from_where_it_stands() -> None:
    """The expression first, then the classifier, then the first line of the old field."""
    given: Any = Package(License_Expression="MIT", License="other")
    assert licence_of(given) == "MIT"
    given = Package(Classifier="License :: OSI Approved :: MIT License", License="other")
    assert licence_of(given) == "MIT License"
    given = Package(License="BSD\nand a long text")
    assert licence_of(given) == "BSD"
    given = Package()
    assert licence_of(given) == "not stated"

"""The documentation tells of the libraries as they were run."""

from tests.clients.table import HERE, pins, rows

PACKAGES = {"pydantic-ai": "pydantic-ai-slim"}
"""Where a library is not called like its package."""


def test_the_table_has_every_library_and_no_other() -> None:
    """Each file of requirements has its row, and each row its file."""
    assert rows().keys() == {file.stem for file in (HERE / "requirements").iterdir()}


def test_the_table_has_the_versions_that_were_run() -> None:
    """The version of each library, and of the client below it, is the pinned one."""
    for name, row in rows().items():
        pinned = pins(name)
        assert (row.version, row.openai) == (pinned[PACKAGES.get(name, name)], pinned["openai"]), name

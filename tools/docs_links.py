"""Lets the documentation link to files of the repository that are not pages: a hook of MkDocs.

Pages link to `../src/…` or `../examples/…` by the paths that a repository browser follows. MkDocs knows only
pages, so these links are checked and written here: to `repo_url`, or else to the file in this working tree.
"""

import re
from pathlib import Path
from posixpath import normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
_log = get_plugin_logger(__name__)
_LINK = re.compile(r"(?<=\]\()(?:\.\./)+[^)\s]*")
_SCHEME = "repository:"
"""Stands before such a path while MkDocs checks all other links."""


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Mark the links that lead out of the documentation, and warn of those that lead nowhere."""
    folder = Path("docs", page.file.src_uri).parent.as_posix()

    def mark(link: re.Match[str]) -> str:
        path = normpath(f"{folder}/{link[0]}")
        if path.startswith("docs/"):
            return link[0]
        if not (ROOT / path.partition("#")[0]).exists():
            _log.warning("%s links to %s, which does not exist", page.file.src_uri, path)
        return _SCHEME + path

    return _LINK.sub(mark, markdown)


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Write the marked links as they are read."""
    folder = Path(page.file.abs_dest_path).parent
    base = f"{config.repo_url.rstrip('/')}/blob/main" if config.repo_url else relpath(ROOT, folder)
    return html.replace(f'href="{_SCHEME}', f'href="{base}/')

"""The catalogue against the client that is installed: both must know the same regions and hosts."""

import re
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from otel_residency.catalogue import load_catalogue

CATALOGUE = load_catalogue()
_DELETED = re.compile(r'self\._delete\(\s*(?:path_template\(\s*)?f?"([^"?]+)')
_ID = re.compile(r"\{[^}]*\}")


@pytest.fixture(scope="module")
def base_urls() -> dict[str, str]:
    """The client's own list of regions, with the base URL of each."""
    module: Any = pytest.importorskip("openai._data_residency", reason="this client knows no regions")
    urls: dict[str, str] = module._DATA_RESIDENCY_BASE_URLS
    return urls


def test_the_newest_list_of_regions_is_the_client_s(base_urls: dict[str, str]) -> None:
    """A region that the client learns must be looked up at the vendor's and added here."""
    assert set(base_urls) == set(CATALOGUE.entries.client_regions[-1].regions)


def test_the_client_s_hosts_are_listed_with_its_regions(base_urls: dict[str, str]) -> None:
    """Each host that the client selects for a region is one of that region here."""
    hosts = {region: urlsplit(url).hostname or "" for region, url in base_urls.items()}
    assert {host: (region,) for region, host in hosts.items()} == {
        host: CATALOGUE.hosts[host].regions for host in hosts.values() if host in CATALOGUE.hosts
    }


def test_the_client_s_paths_are_below_the_vendor_s_base(base_urls: dict[str, str]) -> None:
    """The client serves the API where the catalogue strips it."""
    bases = {base.path for base in CATALOGUE.entries.base_paths if base.provider == "openai"}
    assert {urlsplit(url).path for url in base_urls.values()} == bases


def test_the_client_s_project_residencies_are_in_the_catalogue() -> None:
    """What a project may be, by the client's own types."""
    module: Any = pytest.importorskip("openai.types.admin.organization.project_residency")
    listed = {
        value for kind in module.ProjectResidency.__args__ for value in getattr(kind, "__args__", (kind,))
    }
    assert set(CATALOGUE.project_residency) == {value for value in listed if isinstance(value, str)}


def test_what_the_client_deletes_is_listed_with_delete() -> None:
    """Each path that a resource of the client deletes has DELETE among its methods in the catalogue."""
    code = (file.read_text(encoding="utf-8") for file in Path(openai.resources.__path__[0]).rglob("*.py"))
    written = (_DELETED.findall(text) for text in code)
    paths = {f"/v1{path}" for found in written for path in found}
    listed = {endpoint.path for endpoint in CATALOGUE.entries.endpoints if "DELETE" in endpoint.methods}
    assert paths
    assert {_ID.sub("{}", path) for path in paths} <= {_ID.sub("{}", path) for path in listed}


def test_the_newest_table_covers_the_client_s_regions(base_urls: dict[str, str]) -> None:
    """Every region that the client can select has terms in the table that is in force."""
    newest = CATALOGUE.revision_on(date.max)
    assert newest is not None
    assert set(base_urls) - {"global"} <= set(newest.regions)

"""The catalogue against the client that is installed: regions, hosts, paths, parameters and models."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import openai
import pytest

from otel_residency.catalogue import load_catalogue
from otel_residency.core.catalogue import path_segments

CATALOGUE = load_catalogue()


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


def test_the_newest_table_covers_the_client_s_regions(base_urls: dict[str, str]) -> None:
    """Every region that the client can select has terms in the table that is in force."""
    newest = CATALOGUE.revision_on(date.max)
    assert newest is not None
    assert set(base_urls) - {"global"} <= set(newest.regions)


CLIENT = Path(openai.__file__).parent
SENDERS = {"_get": "GET", "_post": "POST", "_delete": "DELETE", "_patch": "PATCH", "_put": "PUT"}
MODEL = re.compile(
    r'"((?:gpt|dall-e|whisper|tts|sora|chatgpt|codex-mini|computer-use-preview|omni-moderation|babbage|davinci'
    r'|text-(?:embedding|moderation))-[a-z0-9][a-z0-9.-]*|o\d(?:-[a-z0-9-]+)?)"'
)


class Request(NamedTuple):
    """A request that a method of the client makes."""

    method: str
    path: str
    names_model: bool


def _path(node: ast.expr) -> str:
    """The path of a request: a text, one with values in it, or a template."""
    if isinstance(node, ast.JoinedStr):
        return "".join(each.value if isinstance(each, ast.Constant) else "{id}" for each in node.values)
    if isinstance(node, ast.Call):
        return _path(node.args[0])
    assert isinstance(node, ast.Constant)
    return str(node.value).partition("?")[0]


def _requests() -> Iterator[Request]:
    """The requests in the code of the client's resources."""
    for file in (CLIENT / "resources").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                listing = node.func.attr == "_get_api_list"
                stated = [each.value for each in node.keywords if listing and each.arg == "method"]
                methods = {"get": "GET", "post": "POST"}
                named = methods[ast.literal_eval(stated[0])] if stated else "GET"
                method = named if listing else SENDERS.get(node.func.attr)
                if method is not None:
                    yield Request(method, f"/v1{_path(node.args[0])}", "'model':" in ast.unparse(node))


def test_the_client_s_paths_are_endpoints_with_their_methods() -> None:
    """Each path that a method of the client requests is listed, with the HTTP method."""
    wanted = defaultdict(set)
    for request in _requests():
        wanted[request.path].add(request.method)
    assert len(wanted) > 50
    found = {path: CATALOGUE.endpoint(path_segments(path)) for path in wanted}
    assert [path for path, endpoint in found.items() if endpoint is None] == []
    others = {path: wanted[path] - set(endpoint.methods) for path, endpoint in found.items() if endpoint}
    assert {path: methods for path, methods in others.items() if methods} == {}


def test_where_the_client_names_a_model_the_catalogue_reads_it() -> None:
    """Each endpoint whose method has the argument `model` says that the body names one."""
    paths = {request.path for request in _requests() if request.method == "POST" and request.names_model}
    endpoints = [CATALOGUE.endpoint(path_segments(path)) for path in sorted(paths)]
    assert len(endpoints) > 5
    assert [each.path for each in endpoints if each is not None and "model" not in each.model_at] == []


def test_the_client_s_models_are_known() -> None:
    """Each name in the client's types is in a table, or has a day on which it was first seen."""
    files = (CLIENT / "types").rglob("*.py")
    names = {name for file in files for name in MODEL.findall(file.read_text(encoding="utf-8"))}
    assert len(names) > 30
    assert [name for name in sorted(names) if not CATALOGUE.was_known(name, date.max)] == []

"""Every method of the client, found by walking its resources, and arguments to call each one with."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_overloads

import openai
from openai._resource import AsyncAPIResource, SyncAPIResource

FILE = ("hello.txt", b"Hello")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "beta.agents.environments.files.prepare": {"files": {"/workspace/file.py": __file__}},
    "beta.agents.environments.files.prepare_directory": {
        "root": Path(__file__).parent,
        "destination": "/workspace",
        "include": [Path(__file__).name],
    },
    "beta.agents.environments.files.upload": {"path": "/workspace/hello.txt"},
    "responses.stream": {"model": "gpt-5.2-2025-12-11", "input": "Hello"},
    "uploads.upload_file_chunked": {"file": b"Hello", "filename": "hello.txt", "bytes": 5},
    "videos.edit": {"video": FILE},
    "videos.extend": {"video": FILE},
}
"""What a few methods ask for beyond the types of their arguments."""

WITHOUT_HTTP = ("connect", "unwrap", "verify_signature", "for_result")
"""Methods that make no HTTP request: websockets, which this release does not cover, and local ones."""


def methods(client: Any, path: str = "") -> Iterator[str]:
    """The dotted name of each method of each resource below a client."""
    for name in dir(client):
        if name.startswith(("_", "with_")):
            continue
        try:
            found = getattr(client, name)
        except ImportError:  # openai 1.99.0 can't import its own `responses`
            continue
        if isinstance(found, SyncAPIResource | AsyncAPIResource):
            yield from methods(found, f"{path}{name}.")
        elif path and callable(found):
            yield path + name


def method(client: Any, path: str, variant: str | None = None) -> Callable[..., Any] | None:
    """A method by its dotted name; `None` if there is no such variant of it."""
    *resource, name = path.split(".")
    found = client
    for part in [*resource, variant] if variant else resource:
        found = getattr(found, part, None)
    return getattr(found, name, None)


def dummy_arguments(path: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Something for each argument that has to be given."""
    inner = inspect.unwrap(function)
    alternatives = get_overloads(inner) if inner is not function else []
    signature = inspect.signature(alternatives[0] if alternatives else function)
    required = {
        name: _dummy(str(parameter.annotation))
        for name, parameter in signature.parameters.items()
        if name not in ("self", "event_handler")
        and parameter.default is inspect.Parameter.empty
        and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return {**required, **ARGUMENTS.get(path, {})}


def _dummy(annotation: str) -> Any:
    if "FileTypes" in annotation:
        return [FILE] if "Iterable[FileTypes]" in annotation else FILE
    if annotation.startswith(("Iterable", "List", "Sequence")):
        return []
    if annotation.startswith(("Dict", "Mapping", "Optional[Dict", "Optional[Metadata")) or (
        annotation.endswith("Param") or "_params." in annotation
    ):
        return {}
    return 1 if annotation == "int" else "dummy"


def methods_with_http(client: type) -> tuple[str, ...]:
    """The methods of a class of clients that make HTTP requests."""
    found = methods(client(api_key="sk-test", base_url="https://eu.api.openai.com/v1"))
    return tuple(path for path in found if path.rpartition(".")[2] not in WITHOUT_HTTP)


METHODS = methods_with_http(openai.OpenAI)

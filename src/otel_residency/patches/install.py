"""Puts all patches in place, each when the module is imported that it patches."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType, ModuleType

from otel_residency.patches import aiohttp, http_client, httpcore, httpx, openai_sessions, urllib3, websockets
from otel_residency.patches.patching import when_imported
from otel_residency.runtime.runtime import runtime

CLIENTS: Mapping[str, Callable[[ModuleType], None]] = MappingProxyType(
    {
        "urllib3.connection": urllib3.patch_connection,
        "urllib3.connectionpool": urllib3.patch,
        "urllib3.http2.connection": urllib3.patch_http2,
        "aiohttp.client_reqrep": aiohttp.patch_request,
        "aiohttp.connector": aiohttp.patch,
        "http.client": http_client.patch,
        # Below httpx too: an application may use the pool itself, or a transport that changes a request after
        # the client of httpx has sent it.
        "httpcore": httpcore.patch,
        "httpcore2": httpcore.patch,
        # The part without sockets (sans-I/O) that the sync and the asyncio client share; the older client has
        # a protocol of its own.
        "websockets.client": websockets.patch_protocol,
        "websockets.protocol": websockets.patch_messages,
        "websockets.sync.client": websockets.patch_connect,
        "websockets.asyncio.client": websockets.patch_async_connect,
        "websockets.trio.client": websockets.patch_trio_connect,
        "websockets.legacy.client": websockets.patch_legacy,
    }
)
"""The patches of HTTP clients that the openai client does not need, by the module that they patch."""
_OPENAI = MappingProxyType(
    {"openai._base_client": "patch", "openai._streaming": "patch_streams", "openai": "warm"}
)
"""The functions of `openai_client` by the module that they are called with."""

MODULES = (
    *_OPENAI,
    *httpx.LIBRARIES,
    *(f"openai.resources.{name}" for name in openai_sessions.MODULES),
    *CLIENTS,
)
"""All modules that are patched, except those of OpenTelemetry."""


def install() -> None:
    """Patch the openai client, its HTTP libraries and the other HTTP clients. Safe to call again."""
    patched = runtime.patched
    # A second patch would wrap the first: patches stay when the package is switched off, and `state` decides.
    if not patched.first_time("clients"):
        return
    for name, patch_name in _OPENAI.items():
        when_imported(name, partial(_patch_openai, patch_name), patched.miss)
    when_imported("openai", _import_patched, patched.miss)
    for library in httpx.LIBRARIES:
        when_imported(library, httpx.patch, patched.miss)
    for name in openai_sessions.MODULES:
        when_imported(f"openai.resources.{name}", openai_sessions.patch, patched.miss)
    for name, patch in CLIENTS.items():
        # Apart from `missing`: what is missing here does not let calls of the openai client pass, so it must
        # not refuse them.
        when_imported(name, patch, patched.missing_clients.add)


def _import_patched(_: ModuleType) -> None:
    """Import what is patched of the client: a release that does not do so itself may pass the patches by."""
    for name in _OPENAI:
        if name not in sys.modules:
            import_module(name)


def _patch_openai(patch: str, module: ModuleType) -> None:
    # The patch imports the rooms `calls` and `core`, which a process without openai does not need.
    from otel_residency.patches import openai_client

    getattr(openai_client, patch)(module)

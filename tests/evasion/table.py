"""The table of ways round the guard.

Each row is a way in plain words and what does it, from `ways`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.evasion.road import Road
from tests.evasion.ways import (
    astray,
    beyond,
    called,
    configured,
    inside,
    others,
    paths,
    processes,
    rewritten,
    subclassed,
)
from tests.internet import AZURE, GATEWAY, US


class Way(NamedTuple):
    """One way.

    Attributes:
        name: what it does.
        go: does it; every error it meets comes out of it.
        settings: what the policy says besides that the EU is required.
    """

    name: str
    go: Callable[[Road], None]
    settings: Mapping[str, Any] = MappingProxyType({})


class Program(NamedTuple):
    """A program that is a way, as text; the rest as above."""

    name: str
    code: str


STRICT: Mapping[str, Any] = MappingProxyType({"strict": True})
AZURE_IN_THE_US: Mapping[str, Any] = MappingProxyType(
    {"hosts": {AZURE: {"region": "us", "provider": "azure", "deployments": {"chat": "Standard"}}}}
)
GATEWAY_IN_THE_US: Mapping[str, Any] = MappingProxyType({"hosts": {GATEWAY: {"region": "us"}}})


WAYS = (
    # The client is told to go elsewhere.
    Way("a base URL in the constructor", configured.in_the_constructor),
    Way("OPENAI_BASE_URL, set late", configured.in_the_environment),
    Way("no base URL at all", configured.nowhere),
    Way("the base URL of the module that is a client", configured.by_the_module),
    Way("data_residency= of the client", configured.by_the_clients_own_setting),
    Way("base_url assigned", configured.by_assignment),
    Way("_base_url assigned", configured.by_private_assignment),
    Way("the HTTP client below the client", configured.by_the_http_client_below),
    Way("with_options", configured.with_options),
    Way("client.copy", configured.by_copy),
    Way("copy.copy of a client, led elsewhere", configured.by_shallow_copy),
    Way("an absolute URL in client.post", configured.by_absolute_url),
    Way("an absolute URL in letters of another case", configured.by_absolute_url_of_another_case),
    Way("a path with an encoded slash in it", configured.by_a_path_that_seems_to_be_another),
    Way("a path with encoded dots in it", configured.by_a_path_with_encoded_dots),
    Way("a path with empty segments", configured.by_a_path_with_empty_segments),
    Way("the EU's host as the user before an @", configured.behind_userinfo),
    Way("the host in upper case", configured.in_upper_case),
    Way("the host with a port", configured.with_a_port),
    Way("the host with a trailing dot", configured.with_a_trailing_dot),
    Way("the host with ideographic dots", configured.with_foreign_dots),
    Way("the EU's host as a part of another", configured.below_the_right_name),
    Way("an IPv4 address in strict mode", configured.by_address, STRICT),
    Way("an IPv6 address in strict mode", configured.by_address_of_version_six, STRICT),
    Way("a gateway that nobody described in strict mode", configured.by_a_gateway, STRICT),
    Way("no encryption, with the EU's host", configured.without_encryption),
    Way("no proxy for anybody", configured.without_a_proxy),
    Way("the proxy in another variable", configured.with_another_variable_for_the_proxy),
    Way("a proxy of one's own", configured.with_a_proxy_of_ones_own),
    Way("a mounted proxy", configured.with_a_mounted_proxy),
    # The request is made another on its way.
    Way("a request hook that moves the request", rewritten.by_a_hook),
    Way("a request hook that moves all but the Host header", rewritten.by_a_hook_that_leaves_the_host_header),
    Way("a request hook that also drops our mark", rewritten.by_a_hook_that_throws_our_mark_away),
    Way("a request hook that moves the URL object from inside", rewritten.by_a_hook_inside_the_url),
    Way(
        "a request hook that drops our mark on the way to a gateway",
        rewritten.by_a_hook_to_a_gateway,
        STRICT,
    ),
    Way(
        "an auth flow with a request of its own to a gateway",
        rewritten.by_authentication_at_a_gateway,
        STRICT,
    ),
    Way("a response hook that moves the client between attempts", rewritten.by_a_hook_between_two_attempts),
    Way("a request hook that sends another target than the URL", rewritten.by_another_target),
    Way("a request hook that sends another target, and no more", rewritten.by_another_target_alone),
    Way("an auth flow that moves the request", rewritten.by_authentication),
    Way("an auth flow with a request of its own", rewritten.by_authentication_with_a_request_of_its_own),
    Way("an auth flow that moves the request the second time", rewritten.by_authentication_the_second_time),
    Way("a transport that moves the request", rewritten.by_a_transport),
    Way("a transport that changes the Host header", rewritten.by_a_transport_that_renames),
    Way("a mounted transport that moves the request", rewritten.by_a_mounted_transport),
    Way("a request hook that puts in another body", rewritten.by_a_hook_with_another_body),
    Way("a request hook that changes the body from inside", rewritten.by_a_hook_that_changes_the_body_inside),
    Way("an auth flow that puts in another body", rewritten.by_authentication_with_another_body),
    Way("an HTTP client that sends another body", rewritten.by_send_with_another_body),
    Way("an HTTP client that builds another body", rewritten.by_build_request_with_another_body),
    Way("an HTTP client with build_request put on it", rewritten.by_build_request_of_one_client),
    Way("build_request of all HTTP clients wrapped", rewritten.by_build_request_of_every_client),
    Way("an HTTP client that builds other requests", rewritten.by_build_request),
    Way("an HTTP client that sends other requests", rewritten.by_send),
    Way("an HTTP client that sends with urllib", rewritten.by_send_with_another_library),
    Way("an HTTP client that hands requests to its transport", rewritten.by_send_past_the_client),
    Way("an HTTP client with its own private send", rewritten.by_the_private_send_of_a_subclass),
    Way("a Host header of the US in every request", rewritten.by_a_default_host_header),
    Way("a Host header of the US in one call", rewritten.by_a_host_header_of_one_call),
    *(Way(f"a redirect {status}", rewritten.by_a_redirect(status)) for status in (301, 302, 303, 307, 308)),
    Way("a chain of redirects over another host of the EU", rewritten.by_a_chain_of_redirects),
    Way("a loop of redirects that ends elsewhere", rewritten.by_a_loop_that_ends_elsewhere),
    Way("a redirect to a host of nobody", rewritten.by_a_redirect_to_nobody),
    Way("a redirect without a scheme", rewritten.by_a_redirect_without_a_scheme),
    Way("a redirect with the EU's host before an @", rewritten.by_a_redirect_behind_userinfo),
    Way("a redirect of the second attempt", rewritten.by_a_redirect_of_a_second_attempt),
    Way("a redirect of a stream", rewritten.by_a_redirect_of_a_stream),
    # The client is a subclass, or another of its package.
    Way("a subclass that moves what it builds", subclassed.build_request),
    Way("a subclass that builds by itself", subclassed.build_request_by_itself),
    Way("a subclass that requests by itself", subclassed.request),
    Way("a subclass that prepares other options", subclassed.prepare_options),
    Way("a subclass that prepares another request", subclassed.prepare_request),
    Way("a subclass that prepares another URL", subclassed.prepare_url),
    Way("a subclass that sends by itself", subclassed.send_request),
    Way("AzureOpenAI with the vendor's host", subclassed.azure),
    Way("AzureOpenAI with a base URL and a query that says eu", subclassed.azure_by_base_url),
    Way(
        "an Azure resource that the policy places in the US",
        subclassed.azure_resource_elsewhere,
        AZURE_IN_THE_US,
    ),
    # The call is of another kind than most.
    Way("with_raw_response", called.raw),
    Way("with_streaming_response", called.raw_stream),
    Way("with_raw_response, taken before the client was moved", called.raw_made_before),
    Way("a stream", called.streamed),
    Way("the helper for streams", called.stream_helper),
    Way("parse", called.parsed),
    Way("responses", called.responses),
    Way("the asynchronous client", called.asynchronous),
    Way("the asynchronous client over aiohttp", called.over_aiohttp),
    Way("a file", called.file_upload),
    Way("an upload in parts", called.upload_in_parts),
    Way("a batch", called.batch),
    Way("a next page elsewhere", called.next_page),
    Way("a polling helper that is redirected in the middle", called.polling),
    Way("a body that is generated", called.generated_body),
    Way("a realtime session", called.realtime),
    Way("a realtime session by websocket_base_url", called.realtime_by_its_own_address),
    Way("a realtime session with another host in its options", called.realtime_by_an_option),
    Way("a realtime session with a Host header of the US", called.realtime_by_a_header),
    Way("a realtime session at a gateway that nobody described", called.realtime_by_a_gateway, STRICT),
    Way("responses over a socket", called.responses_over_a_socket),
    # Python itself.
    Way("another thread", inside.in_a_thread),
    Way("a task with an empty context", inside.in_a_task),
    Way("a thread of a task", inside.in_a_thread_of_a_task),
    Way("an empty context", inside.in_an_empty_context),
    Way("instrumentation suppressed", inside.with_instrumentation_suppressed),
    Way("our variables changed late", inside.with_settings_changed_late),
    Way("instrument() again, with a weaker policy", inside.instrumented_again),
    Way("client.request replaced by what is below ours", inside.by_the_request_below_ours),
    Way("the original request put back", inside.with_request_put_back),
    Way("the original _build_request put back", inside.with_build_request_put_back),
    Way("both of them put back", inside.with_both_put_back),
    Way("the original hop put back", inside.with_the_hop_put_back),
    Way("our patch deleted, and the HTTP client used", inside.with_ours_deleted),
    Way("httpx2's send, kept from before", inside.by_a_method_kept_from_before),
    Way("openai imported anew", inside.with_openai_imported_anew),
    Way("openai and httpx2 imported anew", inside.with_everything_imported_anew),
    Way("httpx2 imported under another name", inside.under_another_name),
    Way("openai reloaded", inside.openai_reloaded),
    Way("openai and httpx2 reloaded", inside.both_reloaded),
    # Other libraries.
    Way("httpx.post", others.httpx_post),
    Way("httpx.stream", others.httpx_stream),
    Way("httpx, redirected", others.httpx_redirected),
    Way("httpx, following a redirect by hand", others.httpx_next_request),
    Way("httpx with a generated body", others.httpx_generator),
    Way("httpx, asynchronous", others.httpx_asynchronous),
    Way("httpx with another target than the URL", others.httpx_another_target),
    Way(
        "httpx, dialling another name of the address, with the host in TLS and header",
        others.httpx_by_address,
    ),
    Way(
        "httpx with the host in its header, to an address known before", others.httpx_by_address_known_before
    ),
    Way("httpx with the host in TLS alone", others.httpx_named_in_tls_alone),
    Way("httpx with a URL for a proxy as its target", others.httpx_target_of_a_proxy),
    Way("httpcore2 by itself", beyond.core_of_the_http_client),
    Way("the patches of the client and of httpx2 undone", beyond.everything_put_back),
    Way("a transport of httpx by itself", others.httpx_transport),
    Way("httpx2 with a transport that moves requests", others.httpx_client_with_a_transport),
    Way("httpx2.post", others.httpx2_post),
    Way("requests.post", others.requests_post),
    Way("requests with an adapter that moves requests", others.requests_adapter),
    Way("requests with authentication that moves requests", others.requests_authentication),
    Way("requests, redirected", others.requests_redirected),
    Way("the pools of a session of requests", others.requests_poolmanager),
    Way("a pool of urllib3", others.urllib3_pool),
    Way("a pool of urllib3, below urlopen", others.urllib3_below_urlopen),
    Way("a connection of urllib3", others.urllib3_connection),
    Way("urllib3 with connections that dial elsewhere", others.urllib3_connection_class),
    Way("urllib3 with a URL of the EU sent to the US", others.urllib3_absolute_target),
    Way("urllib3 renamed after connecting", others.urllib3_renamed_after_connecting),
    Way(
        "urllib3, dialling another name of the address, with the host in TLS and header",
        others.urllib3_by_address,
    ),
    Way("http.client", others.standard),
    Way("http.client with the host in wide letters", others.standard_in_wide_letters),
    Way("http.client with a Host header of the US", others.standard_host_header),
    Way("http.client with a second Host header", others.standard_second_host_header),
    Way("http.client in steps", others.standard_in_steps),
    Way("http.client through a tunnel", others.standard_tunnel),
    Way("http.client with a URL of the EU sent to the US", others.standard_absolute_target),
    Way(
        "urllib through a proxy that was asked for another thing before",
        others.standard_by_a_proxy_that_serves_other_things,
    ),
    Way("http.client moved after the first line", others.standard_moved_after_the_first_line),
    Way("http.client renamed after connecting", others.standard_renamed_after_connecting),
    Way(
        "http.client, dialling another name of the address, with the host in TLS and header",
        others.standard_by_address,
    ),
    Way("urllib with a Host header of the US", others.urllib_host_header),
    Way("urllib with an opener", others.urllib_opener),
    Way("urllib with a handler that moves requests", others.urllib_handler),
    Way("aiohttp", others.aiohttp_post),
    Way("aiohttp, redirected", others.aiohttp_redirected),
    Way("aiohttp with a connector", others.aiohttp_connector),
    Way("aiohttp with a connector that connects by itself", others.aiohttp_own_connect),
    Way("aiohttp with a connector that changes the Host header", others.aiohttp_renamed_after_connecting),
    Way("aiohttp with a middleware that moves requests", others.aiohttp_middleware),
    Way(
        "aiohttp, dialling another name of the address, with the host in TLS and header",
        others.aiohttp_by_address,
    ),
    Way("a socket of aiohttp", others.aiohttp_socket),
    Way("websockets, taken from below ours", others.websockets_captured),
    Way("websockets, asynchronous", others.websockets_asynchronous),
    Way("websockets, redirected", others.websockets_redirected),
    Way("websockets with a Host header of the US", others.websockets_host_header),
    Way("websockets with a socket and another host in TLS", others.websockets_socket),
    Way("the legacy client of websockets", others.websockets_legacy),
    Way("the legacy client, dialling elsewhere", others.websockets_legacy_elsewhere),
    Way("the legacy client with a Host header of the US", others.websockets_legacy_host_header),
    Way("the legacy client, redirected", others.websockets_legacy_redirected),
    # A path that servers read in different ways, or a body where none belongs.
    *(
        Way(f"{name}: {what}{how}", paths.way(library, "POST", f"https://{US}{path}", body))
        for name, library in paths.LIBRARIES.items()
        for what, path in paths.PATHS.items()
        for how, body in paths.BODIES.items()
    ),
    *(
        Way(f"{name}: administration, streamed", paths.way(library, "POST", paths.HARMLESS, paths.streamed))
        for name, library in paths.LIBRARIES.items()
    ),
    *(
        Way(f"{name}: {method} with a body{how}", paths.way(library, method, f"https://{US}{path}", body))
        for name, library in paths.LIBRARIES.items()
        for method, path in paths.METHODS_WITHOUT_BODY.items()
        for how, body in paths.BODIES.items()
    ),
    *(
        Way(
            f"{name}: an encoded slash, to a gateway that the policy places in the US",
            paths.way(library, "POST", f"https://{GATEWAY}{paths.PATHS['an encoded slash']}", paths.whole),
            GATEWAY_IN_THE_US,
        )
        for name, library in paths.LIBRARIES.items()
    ),
)

LED_ASTRAY = (
    # The name of the EU's host leads to the US: the certificate is not the one that was asked for.
    Way("a proxy that leads elsewhere", astray.by_a_proxy),
    Way("a directory that leads elsewhere", astray.by_a_directory),
    Way("requests, and a directory that leads elsewhere", astray.requests_by_a_directory),
    Way("http.client, and a directory that leads elsewhere", astray.standard_by_a_directory),
    Way("aiohttp, and a directory that leads elsewhere", astray.aiohttp_by_a_directory),
)

PROGRAMS = (
    # Started by `otel-residency run`.
    Program("a process that multiprocessing spawns", processes.SPAWNED),
    Program("a pool of processes behind a fork server", processes.POOLED),
    Program("a Python that the program starts", processes.STARTED),
    Program("a Python that takes the place of the program", processes.REPLACED),
)

IN_CODE = (
    # With `instrument()` somewhere in the program.
    Program("a process that is forked", processes.FORKED),
    Program("what runs when the program has ended", processes.AT_THE_END),
    Program("a client made before, and its methods", processes.CLIENT_BEFORE),
    Program("patched methods taken before and put back", processes.METHODS_BEFORE),
    Program("another library imported before", processes.OTHERS_BEFORE),
    Program("a builder of other bodies put in place before", processes.BUILDER_BEFORE),
    Program("openai imported after a refusal, and a gateway of nobody", processes.REFUSED_BEFORE),
)

BEYOND = (
    # Not stopped, and not to be stopped from inside: see docs/limits.md.
    Way("uninstrument()", beyond.uninstrument),
    Way("a raw socket", beyond.raw_socket),
    Way("raw bytes over a connection of http.client", beyond.raw_bytes_over_a_connection),
    Way("a proxy that leads elsewhere, and no look at certificates", beyond.proxy_without_certificates),
)


def each(rows: Sequence[Way | Program]) -> pytest.MarkDecorator:
    """A test for each row."""
    return pytest.mark.parametrize("way", rows, ids=[row.name for row in rows])

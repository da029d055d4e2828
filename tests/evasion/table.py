"""The table of bypasses: what a program may try to get a request past the guard.

Each row has a name in plain words and the function that does it, from `bypasses`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.evasion.attempt import Attempt
from tests.evasion.bypasses import (
    astray,
    beyond,
    called,
    configured,
    inside,
    libraries,
    paths,
    processes,
    rewritten,
    subclassed,
)
from tests.internet import AZURE, GATEWAY, US


class Bypass(NamedTuple):
    """One bypass.

    Attributes:
        name: what it does.
        go: does it; raises each error that it meets.
        settings: settings of the policy besides `require`.
    """

    name: str
    go: Callable[[Attempt], None]
    settings: Mapping[str, Any] = MappingProxyType({})


class Program(NamedTuple):
    """A bypass that is a program, as text; the rest as above."""

    name: str
    code: str


STRICT: Mapping[str, Any] = MappingProxyType({"strict": True})
AZURE_IN_THE_US: Mapping[str, Any] = MappingProxyType(
    {"hosts": {AZURE: {"region": "us", "provider": "azure", "deployments": {"chat": "Standard"}}}}
)
GATEWAY_IN_THE_US: Mapping[str, Any] = MappingProxyType({"hosts": {GATEWAY: {"region": "us"}}})


BYPASSES = (
    # The client is told to go elsewhere.
    Bypass("a base URL in the constructor", configured.in_the_constructor),
    Bypass("OPENAI_BASE_URL, set late", configured.in_the_environment),
    Bypass("no base URL at all", configured.nowhere),
    Bypass("the base URL of the module that is a client", configured.by_the_module),
    Bypass("data_residency= of the client", configured.by_the_setting_of_the_client),
    Bypass("base_url assigned", configured.by_assignment),
    Bypass("_base_url assigned", configured.by_private_assignment),
    Bypass("the HTTP client below the client", configured.by_the_http_client_below),
    Bypass("with_options", configured.with_options),
    Bypass("client.copy", configured.by_copy),
    Bypass("copy.copy of a client, led elsewhere", configured.by_shallow_copy),
    Bypass("an absolute URL in client.post", configured.by_absolute_url),
    Bypass("an absolute URL in letters of another case", configured.by_absolute_url_of_another_case),
    Bypass("a path with an encoded slash in it", configured.by_a_path_that_seems_to_be_another),
    Bypass("a path with encoded dots in it", configured.by_a_path_with_encoded_dots),
    Bypass("a path with empty segments", configured.by_a_path_with_empty_segments),
    Bypass("the EU's host as the user before an @", configured.behind_userinfo),
    Bypass("the host in upper case", configured.in_upper_case),
    Bypass("the host with a port", configured.with_a_port),
    Bypass("the host with a trailing dot", configured.with_a_trailing_dot),
    Bypass("the host with ideographic dots", configured.with_foreign_dots),
    Bypass("the EU's host as a part of another", configured.below_the_right_name),
    Bypass("an IPv4 address in strict mode", configured.by_address, STRICT),
    Bypass("an IPv6 address in strict mode", configured.by_address_of_version_six, STRICT),
    Bypass("a gateway that nobody described in strict mode", configured.by_a_gateway, STRICT),
    Bypass("no encryption, with the EU's host", configured.without_encryption),
    Bypass("no proxy for anybody", configured.without_a_proxy),
    Bypass("the proxy in another variable", configured.with_another_variable_for_the_proxy),
    Bypass("a proxy of one's own", configured.with_a_proxy_of_the_application),
    Bypass("a mounted proxy", configured.with_a_mounted_proxy),
    # The request is changed after the client has built it.
    Bypass("a request hook that moves the request", rewritten.by_a_hook),
    Bypass(
        "a request hook that moves all but the Host header", rewritten.by_a_hook_that_keeps_the_host_header
    ),
    Bypass("a request hook that also drops our mark", rewritten.by_a_hook_that_throws_our_mark_away),
    Bypass("a request hook that moves the URL object from inside", rewritten.by_a_hook_inside_the_url),
    Bypass(
        "a request hook that drops our mark on the way to a gateway",
        rewritten.by_a_hook_to_a_gateway,
        STRICT,
    ),
    Bypass(
        "an auth flow with a request of its own to a gateway",
        rewritten.by_authentication_at_a_gateway,
        STRICT,
    ),
    Bypass(
        "a response hook that moves the client between attempts", rewritten.by_a_hook_between_two_attempts
    ),
    Bypass("a request hook that sends another target than the URL", rewritten.by_another_target),
    Bypass("a request hook that sends another target, and no more", rewritten.by_another_target_alone),
    Bypass("an auth flow that moves the request", rewritten.by_authentication),
    Bypass("an auth flow with a request of its own", rewritten.by_authentication_with_another_request),
    Bypass(
        "an auth flow that moves the request the second time", rewritten.by_authentication_the_second_time
    ),
    Bypass("a transport that moves the request", rewritten.by_a_transport),
    Bypass("a transport that changes the Host header", rewritten.by_a_transport_that_renames),
    Bypass("a mounted transport that moves the request", rewritten.by_a_mounted_transport),
    Bypass("a request hook that puts in another body", rewritten.by_a_hook_with_another_body),
    Bypass(
        "a request hook that changes the body from inside", rewritten.by_a_hook_that_changes_the_body_inside
    ),
    Bypass("an auth flow that puts in another body", rewritten.by_authentication_with_another_body),
    Bypass("an HTTP client that sends another body", rewritten.by_send_with_another_body),
    Bypass("an HTTP client that builds another body", rewritten.by_build_request_with_another_body),
    Bypass("an HTTP client with build_request put on it", rewritten.by_build_request_of_one_client),
    Bypass("build_request of all HTTP clients wrapped", rewritten.by_build_request_of_every_client),
    Bypass("an HTTP client that builds other requests", rewritten.by_build_request),
    Bypass("an HTTP client that sends other requests", rewritten.by_send),
    Bypass("an HTTP client that sends with urllib", rewritten.by_send_with_another_library),
    Bypass("an HTTP client that hands requests to its transport", rewritten.by_send_past_the_client),
    Bypass("an HTTP client with its own private send", rewritten.by_the_private_send_of_a_subclass),
    Bypass("a Host header of the US in every request", rewritten.by_a_default_host_header),
    Bypass("a Host header of the US in one call", rewritten.by_a_host_header_of_one_call),
    *(
        Bypass(f"a redirect {status}", rewritten.by_a_redirect(status))
        for status in (301, 302, 303, 307, 308)
    ),
    Bypass("a chain of redirects over another host of the EU", rewritten.by_a_chain_of_redirects),
    Bypass("a loop of redirects that ends elsewhere", rewritten.by_a_loop_that_ends_elsewhere),
    Bypass("a redirect to a host of nobody", rewritten.by_a_redirect_to_nobody),
    Bypass("a redirect without a scheme", rewritten.by_a_redirect_without_a_scheme),
    Bypass("a redirect with the EU's host before an @", rewritten.by_a_redirect_behind_userinfo),
    Bypass("a redirect of the second attempt", rewritten.by_a_redirect_of_a_second_attempt),
    Bypass("a redirect of a stream", rewritten.by_a_redirect_of_a_stream),
    # The client is a subclass, or another of its package.
    Bypass("a subclass that moves what it builds", subclassed.build_request),
    Bypass("a subclass that builds by itself", subclassed.build_request_by_itself),
    Bypass("a subclass that requests by itself", subclassed.request),
    Bypass("a subclass that prepares other options", subclassed.prepare_options),
    Bypass("a subclass that prepares another request", subclassed.prepare_request),
    Bypass("a subclass that prepares another URL", subclassed.prepare_url),
    Bypass("a subclass that sends by itself", subclassed.send_request),
    Bypass("AzureOpenAI with the vendor's host", subclassed.azure),
    Bypass("AzureOpenAI with a base URL and a query that says eu", subclassed.azure_by_base_url),
    Bypass(
        "an Azure resource that the policy places in the US",
        subclassed.azure_resource_elsewhere,
        AZURE_IN_THE_US,
    ),
    # The call is of another kind than most.
    Bypass("with_raw_response", called.raw),
    Bypass("with_streaming_response", called.raw_stream),
    Bypass("with_raw_response, taken before the client was moved", called.raw_made_before),
    Bypass("a stream", called.streamed),
    Bypass("the helper for streams", called.stream_helper),
    Bypass("parse", called.parsed),
    Bypass("responses", called.responses),
    Bypass("the asynchronous client", called.asynchronous),
    Bypass("the asynchronous client over aiohttp", called.over_aiohttp),
    Bypass("a file", called.file_upload),
    Bypass("an upload in parts", called.upload_in_parts),
    Bypass("a batch", called.batch),
    Bypass("a next page elsewhere", called.next_page),
    Bypass("a polling helper that is redirected in the middle", called.polling),
    Bypass("a body that is generated", called.generated_body),
    Bypass("a realtime session", called.realtime),
    Bypass("a realtime session by websocket_base_url", called.realtime_by_a_websocket_url),
    Bypass("a realtime session with another host in its options", called.realtime_by_an_option),
    Bypass("a realtime session with a Host header of the US", called.realtime_by_a_header),
    Bypass("a realtime session at a gateway that nobody described", called.realtime_by_a_gateway, STRICT),
    Bypass("responses over a socket", called.responses_over_a_socket),
    # Python itself.
    Bypass("another thread", inside.in_a_thread),
    Bypass("a task with an empty context", inside.in_a_task),
    Bypass("a thread of a task", inside.in_a_thread_of_a_task),
    Bypass("an empty context", inside.in_an_empty_context),
    Bypass("instrumentation suppressed", inside.with_instrumentation_suppressed),
    Bypass("our variables changed late", inside.with_settings_changed_late),
    Bypass("instrument() again, with a weaker policy", inside.instrumented_again),
    Bypass("client.request replaced by what is below ours", inside.by_the_request_below_ours),
    Bypass("the original request put back", inside.with_request_put_back),
    Bypass("the original _build_request put back", inside.with_build_request_put_back),
    Bypass("both of them put back", inside.with_both_put_back),
    Bypass("the original hop put back", inside.with_the_hop_put_back),
    Bypass("our patch deleted, and the HTTP client used", inside.with_ours_deleted),
    Bypass("httpx2's send, kept from before", inside.by_a_method_kept_from_before),
    Bypass("openai imported anew", inside.with_openai_imported_anew),
    Bypass("openai and httpx2 imported anew", inside.with_everything_imported_anew),
    Bypass("httpx2 imported under another name", inside.under_another_name),
    Bypass("openai reloaded", inside.openai_reloaded),
    Bypass("openai and httpx2 reloaded", inside.both_reloaded),
    # Other libraries.
    Bypass("httpx.post", libraries.httpx_post),
    Bypass("httpx.stream", libraries.httpx_stream),
    Bypass("httpx, redirected", libraries.httpx_redirected),
    Bypass("httpx, following a redirect by hand", libraries.httpx_next_request),
    Bypass("httpx with a generated body", libraries.httpx_generator),
    Bypass("httpx, asynchronous", libraries.httpx_asynchronous),
    Bypass("httpx with another target than the URL", libraries.httpx_another_target),
    Bypass(
        "httpx, dialling another name of the address, with the host in TLS and header",
        libraries.httpx_by_address,
    ),
    Bypass(
        "httpx with the host in its header, to an address known before",
        libraries.httpx_by_address_connected_before,
    ),
    Bypass("httpx with the host in TLS alone", libraries.httpx_named_in_tls_alone),
    Bypass("httpx with a URL for a proxy as its target", libraries.httpx_target_of_a_proxy),
    Bypass("httpcore2 by itself", beyond.core_of_the_http_client),
    Bypass("a connection of httpcore2", beyond.connection_of_the_core),
    Bypass("an asynchronous connection of httpcore2", beyond.asynchronous_connection_of_the_core),
    Bypass("a connection of httpcore over a stream of its own", beyond.connection_of_the_core_over_a_stream),
    Bypass("the patches of the client and of httpx2 undone", beyond.everything_put_back),
    Bypass("a transport of httpx by itself", libraries.httpx_transport),
    Bypass("httpx2 with a transport that moves requests", libraries.httpx_client_with_a_transport),
    Bypass("httpx2.post", libraries.httpx2_post),
    Bypass("requests.post", libraries.requests_post),
    Bypass("requests with an adapter that moves requests", libraries.requests_adapter),
    Bypass("requests with authentication that moves requests", libraries.requests_authentication),
    Bypass("requests, redirected", libraries.requests_redirected),
    Bypass("the pools of a session of requests", libraries.requests_poolmanager),
    Bypass("a pool of urllib3", libraries.urllib3_pool),
    Bypass("a pool of urllib3, below urlopen", libraries.urllib3_below_urlopen),
    Bypass("a connection of urllib3", libraries.urllib3_connection),
    Bypass("urllib3 with connections that dial elsewhere", libraries.urllib3_connection_class),
    Bypass("urllib3 with a URL of the EU sent to the US", libraries.urllib3_absolute_target),
    Bypass("urllib3 renamed after connecting", libraries.urllib3_renamed_after_connecting),
    Bypass(
        "urllib3, dialling another name of the address, with the host in TLS and header",
        libraries.urllib3_by_address,
    ),
    Bypass("http.client", libraries.standard),
    Bypass("http.client with the host in wide letters", libraries.standard_in_wide_letters),
    Bypass("http.client with a Host header of the US", libraries.standard_host_header),
    Bypass("http.client with a second Host header", libraries.standard_second_host_header),
    Bypass("http.client in steps", libraries.standard_in_steps),
    Bypass("http.client through a tunnel", libraries.standard_tunnel),
    Bypass("http.client with a URL of the EU sent to the US", libraries.standard_absolute_target),
    Bypass(
        "urllib through a proxy that was asked for another thing before",
        libraries.standard_by_a_proxy_that_serves_other_things,
    ),
    Bypass("http.client moved after the first line", libraries.standard_moved_after_the_first_line),
    Bypass("http.client renamed after connecting", libraries.standard_renamed_after_connecting),
    Bypass(
        "http.client, dialling another name of the address, with the host in TLS and header",
        libraries.standard_by_address,
    ),
    Bypass("urllib with a Host header of the US", libraries.urllib_host_header),
    Bypass("urllib with an opener", libraries.urllib_opener),
    Bypass("urllib with a handler that moves requests", libraries.urllib_handler),
    Bypass("aiohttp", libraries.aiohttp_post),
    Bypass("aiohttp, redirected", libraries.aiohttp_redirected),
    Bypass("aiohttp with a connector", libraries.aiohttp_connector),
    Bypass("aiohttp with a connector that connects by itself", libraries.aiohttp_overridden_connect),
    Bypass(
        "aiohttp with a connector that changes the Host header", libraries.aiohttp_renamed_after_connecting
    ),
    Bypass("aiohttp with a middleware that moves requests", libraries.aiohttp_middleware),
    Bypass(
        "aiohttp, dialling another name of the address, with the host in TLS and header",
        libraries.aiohttp_by_address,
    ),
    Bypass("a socket of aiohttp", libraries.aiohttp_socket),
    Bypass("websockets, taken from below ours", libraries.websockets_captured),
    Bypass("websockets, asynchronous", libraries.websockets_asynchronous),
    Bypass("websockets, redirected", libraries.websockets_redirected),
    Bypass("websockets with a Host header of the US", libraries.websockets_host_header),
    Bypass("websockets with a socket and another host in TLS", libraries.websockets_socket),
    Bypass("the legacy client of websockets", libraries.websockets_legacy),
    Bypass("the legacy client, dialling elsewhere", libraries.websockets_legacy_elsewhere),
    Bypass("the legacy client with a Host header of the US", libraries.websockets_legacy_host_header),
    Bypass("the legacy client, redirected", libraries.websockets_legacy_redirected),
    # A path that servers read in different ways, or a body where none belongs.
    *(
        Bypass(f"{name}: {what}{how}", paths.bypass(library, "POST", f"https://{US}{path}", body))
        for name, library in paths.LIBRARIES.items()
        for what, path in paths.PATHS.items()
        for how, body in paths.BODIES.items()
    ),
    *(
        Bypass(
            f"{name}: administration, streamed", paths.bypass(library, "POST", paths.HARMLESS, paths.streamed)
        )
        for name, library in paths.LIBRARIES.items()
    ),
    *(
        Bypass(
            f"{name}: {method} with a body{how}", paths.bypass(library, method, f"https://{US}{path}", body)
        )
        for name, library in paths.LIBRARIES.items()
        for method, path in paths.METHODS_WITHOUT_BODY.items()
        for how, body in paths.BODIES.items()
    ),
    *(
        Bypass(
            f"{name}: an encoded slash, to a gateway that the policy places in the US",
            paths.bypass(library, "POST", f"https://{GATEWAY}{paths.PATHS['an encoded slash']}", paths.whole),
            GATEWAY_IN_THE_US,
        )
        for name, library in paths.LIBRARIES.items()
    ),
)

LED_ASTRAY = (
    # The name of the EU's host leads to the US: the certificate is not the one that was asked for.
    Bypass("a proxy that leads elsewhere", astray.by_a_proxy),
    Bypass("a directory that leads elsewhere", astray.by_a_directory),
    Bypass("requests, and a directory that leads elsewhere", astray.requests_by_a_directory),
    Bypass("http.client, and a directory that leads elsewhere", astray.standard_by_a_directory),
    Bypass("aiohttp, and a directory that leads elsewhere", astray.aiohttp_by_a_directory),
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
    Program("another library imported before", processes.LIBRARIES_BEFORE),
    Program("a builder of other bodies put in place before", processes.BUILDER_BEFORE),
    Program("openai imported after a refusal, and a gateway of nobody", processes.REFUSED_BEFORE),
)

BEYOND = (
    # Not stopped, and not to be stopped from inside: see docs/limits.md.
    Bypass("uninstrument()", beyond.uninstrument),
    Bypass("a raw socket", beyond.raw_socket),
    Bypass("raw bytes over a connection of http.client", beyond.raw_bytes_over_a_connection),
    Bypass("http.client, below endheaders", beyond.below_the_end_of_the_headers),
    Bypass("a protocol and writer of aiohttp", beyond.protocol_of_aiohttp),
    Bypass("a method of a class of httpcore2", beyond.method_of_a_class_of_the_core),
    Bypass("a proxy that leads elsewhere, and no look at certificates", beyond.proxy_without_certificates),
)


def each(rows: Sequence[Bypass | Program]) -> pytest.MarkDecorator:
    """A test for each row."""
    return pytest.mark.parametrize("bypass", rows, ids=[row.name for row in rows])

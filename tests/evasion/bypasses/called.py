"""The call is of an unusual kind."""
# ruff: noqa: D103 - the table says what each one is

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
from openai._base_client import PageInfo
from openai.pagination import SyncCursorPage

from examples.demo.loopback import Asked
from tests.evasion.attempt import AT_US, CHAT, PATH, Attempt, asynchronously
from tests.internet import EU, GATEWAY, US
from tests.vendor import answer, body_of, redirect

ELSEWHERE: dict[str, Any] = {"base_url": f"https://{US}/v1"}


def raw(attempt: Attempt) -> None:
    attempt.client(**ELSEWHERE).chat.completions.with_raw_response.create(**CHAT)


def raw_stream(attempt: Attempt) -> None:
    with attempt.client(**ELSEWHERE).chat.completions.with_streaming_response.create(**CHAT) as response:
        response.read()


def raw_made_before(attempt: Attempt) -> None:
    client = attempt.client()
    create = client.chat.completions.with_raw_response.create
    client.base_url = ELSEWHERE["base_url"]
    create(**CHAT)


def streamed(attempt: Attempt) -> None:
    list(attempt.client(**ELSEWHERE).chat.completions.create(**CHAT, stream=True))


def stream_helper(attempt: Attempt) -> None:
    with attempt.client(**ELSEWHERE).chat.completions.stream(**CHAT) as stream:
        list(stream)


def parsed(attempt: Attempt) -> None:
    attempt.client(**ELSEWHERE).chat.completions.parse(**CHAT)


def responses(attempt: Attempt) -> None:
    attempt.client(**ELSEWHERE).responses.create(model=CHAT["model"], input="my claim is 4711")


def asynchronous(_: Attempt) -> None:
    asyncio.run(asynchronously(lambda client: client.chat.completions.create(**CHAT), **ELSEWHERE))


def over_aiohttp(_: Attempt) -> None:
    async def run() -> None:
        await asynchronously(
            lambda client: client.chat.completions.create(**CHAT),
            **ELSEWHERE,
            http_client=openai.DefaultAioHttpClient(),
        )

    asyncio.run(run())


def file_upload(attempt: Attempt) -> None:
    attempt.client(**ELSEWHERE).files.create(file=("claims.jsonl", b"4711"), purpose="batch")


def upload_in_parts(attempt: Attempt) -> None:
    attempt.client(**ELSEWHERE).uploads.upload_file_chunked(
        file=b"4711", filename="a.txt", bytes=4, mime_type="text/plain", purpose="user_data"
    )


def batch(attempt: Attempt) -> None:
    attempt.client(**ELSEWHERE).batches.create(input_file_id="file_1", endpoint=PATH, completion_window="24h")


def next_page(attempt: Attempt) -> None:
    class Page(SyncCursorPage[Any]):
        def next_page_info(self) -> Any:
            return PageInfo(url=httpx2.URL(AT_US))

    attempt.answering(lambda request: answer({"data": [], "has_more": True}) if request.host == EU else None)
    page = attempt.client().get_api_list("/chat/completions", page=Page, model=object)
    page.get_next_page()


def polling(attempt: Attempt) -> None:
    def working(request: Asked) -> Any:
        if request.host == US:
            return None
        if request.method == "GET" and len(attempt.internet.requests) > 2:
            return redirect(307, f"https://{US}{request.path}")
        return answer({**body_of(request.path, None), "status": "in_progress"}, openai_poll_after_ms="1")

    attempt.answering(working)
    attempt.client().vector_stores.files.poll("file_1", vector_store_id="store_1")


def generated_body(attempt: Attempt) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"model": "gpt-5.2-2025-12-11", '
        yield b'"messages": []}'

    client = attempt.client(**ELSEWHERE)
    client.post("/chat/completions", content=parts(), cast_to=object)


def realtime(attempt: Attempt) -> None:
    attempt.direct()
    with attempt.client(**ELSEWHERE).realtime.connect(model="gpt-realtime-2.1"):
        pass


def realtime_by_a_websocket_url(attempt: Attempt) -> None:
    attempt.direct()
    client = attempt.client(websocket_base_url=f"wss://{US}/v1")
    with client.realtime.connect(model="gpt-realtime-2.1"):
        pass


def realtime_by_an_option(attempt: Attempt) -> None:
    async def run() -> None:
        options: Any = {"host": US, "server_hostname": US, "proxy": None}
        async with openai.AsyncOpenAI(base_url=f"https://{EU}/v1") as client:
            async with client.realtime.connect(
                model="gpt-realtime-2.1", websocket_connection_options=options
            ):
                pass

    attempt.direct()
    asyncio.run(run())


def realtime_by_a_header(attempt: Attempt) -> None:
    attempt.direct()
    with attempt.client().realtime.connect(model="gpt-realtime-2.1", extra_headers={"Host": US}):
        pass


def realtime_by_a_gateway(attempt: Attempt) -> None:
    attempt.direct()
    client = attempt.client(websocket_base_url=f"wss://{GATEWAY}/vendor/v1")
    with client.realtime.connect(model="gpt-realtime-2.1"):
        pass


def responses_over_a_socket(attempt: Attempt) -> None:
    attempt.direct()
    with attempt.client(**ELSEWHERE).responses.connect():
        pass

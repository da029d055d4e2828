"""instructor: an answer as a model of pydantic, that is asked for as the arguments of a tool."""

import instructor
from made_up import KEY, MESSAGES, MODEL
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, ConfigDict


class Claim(BaseModel):
    """What the letter says; the vendor of the tests knows one tool, and this is it."""

    model_config = ConfigDict(title="file_claim")
    claim: str


def _client(base: str | None) -> instructor.Instructor:
    return instructor.from_openai(OpenAI(base_url=base, api_key=KEY))


def plain(base: str | None) -> str:
    """One answer as a whole."""
    return _client(base).create(model=MODEL, messages=MESSAGES, response_model=Claim).claim


def streamed(base: str | None) -> str:
    """One answer in pieces."""
    *_, last = _client(base).create_partial(model=MODEL, messages=MESSAGES, response_model=Claim)
    return str(last.claim)


async def asynchronous(base: str | None) -> str:
    """One answer to a coroutine."""
    client = instructor.from_openai(AsyncOpenAI(base_url=base, api_key=KEY))
    return (await client.create(model=MODEL, messages=MESSAGES, response_model=Claim)).claim

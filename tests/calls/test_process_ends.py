"""How a process ends, forks, or lacks something at its first call: the same with the package and without."""

import os
import re
import subprocess
import sys

import pytest

from tests.frozen import FROZEN

PROGRAM = """
import asyncio, os, sys, threading
import openai
if sys.argv[1] != "without":
    from otel_residency import ResidencyInstrumentor
    ResidencyInstrumentor().instrument(require=["eu"], on_call="block", catalogue=sys.argv[1])
CHAT = {"model": "gpt-5.2-2025-12-11", "messages": [{"role": "user", "content": "Hello"}]}
def client(kind=openai.OpenAI):
    return kind(base_url="https://eu.api.openai.com/v1", max_retries=0)

def open_stream():
    global stream, iterator
    stream = client().chat.completions.create(**CHAT, stream=True)
    iterator = iter(stream)
    print(next(iterator).choices[0].delta.content)

def open_async_stream():
    async def main():
        global stream
        stream = await client(openai.AsyncOpenAI).chat.completions.create(**CHAT, stream=True)
        print((await anext(aiter(stream))).choices[0].delta.content)
    asyncio.run(main())

def in_a_daemon():
    read = threading.Event()
    def work():
        for event in client().chat.completions.create(**CHAT, stream=True):
            read.set()
            threading.Event().wait()
    threading.Thread(target=work, daemon=True).start()
    print(read.wait(20))

def unhandled():
    for event in client().chat.completions.create(**CHAT, stream=True):
        raise SystemExit(3)

def forked():
    stream = client().chat.completions.create(**CHAT, stream=True)
    iterator = iter(stream)
    print(next(iterator).choices[0].delta.content, flush=True)
    child = os.fork()
    if not child:
        print(client().chat.completions.create(**CHAT).model, flush=True)
        os._exit(0)
    print(os.waitpid(child, 0)[1], len(list(iterator)))

def deep():
    def deeper(frames):
        return deeper(frames - 1) if frames else client().chat.completions.create(**CHAT)
    for left in range(20, 500, 10):
        try:
            deeper(sys.getrecursionlimit() - left)
        except Exception:
            pass
    print(client().chat.completions.create(**CHAT).model)

def no_files():
    made, opened = client(), []
    made.chat.completions  # imports what it is made of
    try:
        while True:
            opened.append(open(os.devnull))
    except OSError:
        pass
    try:
        made.chat.completions.create(**CHAT)
    except Exception:
        pass
    for file in opened:
        file.close()
    print(client().chat.completions.create(**CHAT).model)

def at_exit():
    import atexit
    atexit.register(lambda: print(client().chat.completions.create(**CHAT).model))

globals()[sys.argv[2]]()
"""


STREAMING = ("open_stream", "open_async_stream", "in_a_daemon", "unhandled", "forked")
LACKING = ("deep", "no_files", "at_exit")


@pytest.mark.parametrize("name", [*STREAMING, *LACKING])
def test_the_end_of_a_process(name: str) -> None:
    """Open streams at the end, a fork, no frames or files left at the first call: nothing changes with us.

    Calls are refused if the guard is in doubt, and what was missing once must not leave it in doubt for good.
    """

    def ended(package: str) -> tuple[int, str, str]:
        done = subprocess.run(
            # Python 3.12 warns of `fork` in a process with threads, and an open stream has one of ours.
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, package, name],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=dict(os.environ),
        )
        # What asyncio reports of the client's own generators depends on the order in which it ends them.
        usual = "asyncgen:" in done.stderr and "otel_residency" not in done.stderr
        errors = "" if usual else re.sub(r"at 0x[0-9a-f]+", "at", done.stderr)  # the address of an object
        return done.returncode, done.stdout, errors

    assert ended(FROZEN) == ended("without")

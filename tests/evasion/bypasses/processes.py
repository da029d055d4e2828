"""Programs that make the call in another process, or before the guard is switched on."""

CALL = """
import openai
openai.OpenAI(api_key="k", base_url="https://us.api.openai.com/v1", max_retries=0).chat.completions.create(
    model="gpt-5.2-2025-12-11", messages=[{"role": "user", "content": "my claim is number 4711"}]
)
"""
SPAWNED = f"""
from multiprocessing import get_context
if __name__ == "__main__":
    process = get_context("spawn").Process(target=exec, args=({CALL!r},))
    process.start()
    process.join()
"""
POOLED = f"""
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("forkserver")) as pool:
        pool.submit(exec, {CALL!r}).result()
"""
STARTED = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CALL!r}])"
REPLACED = f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', {CALL!r}])"
INSTRUMENT = """
from otel_residency import ResidencyInstrumentor
ResidencyInstrumentor().instrument(require="eu", on_call="block", strict=STRICT) if GUARDED else None
"""
FORKED = f"""
import os
import openai
{INSTRUMENT}
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    {CALL.strip().replace(chr(10), chr(10) + "    ")}
"""
AT_THE_END = f"""
import atexit
{INSTRUMENT}
atexit.register(exec, {CALL!r}, {{}})
"""
CLIENT_BEFORE = f"""
import functools, openai
client = openai.OpenAI(api_key="k", base_url="https://us.api.openai.com/v1", max_retries=0)
post, create = client.post, functools.partial(client.chat.completions.with_raw_response.create)
{INSTRUMENT}
try:
    post("/chat/completions", body={{"model": "m"}}, cast_to=object)
except openai.OpenAIError as error:
    print(type(error).__name__)
create(model="gpt-5.2-2025-12-11", messages=[])
"""
METHODS_BEFORE = f"""
import openai
client = openai.OpenAI(api_key="k", base_url="https://us.api.openai.com/v1", max_retries=0)
request, build = client.request, client._build_request
{INSTRUMENT}
client.request, client._build_request = request, build
client.post("/chat/completions", body={{"model": "m"}}, cast_to=object)
"""
LIBRARIES_BEFORE = f"""
import httpx, requests, urllib.request
from httpx import Client
from requests import post
from urllib.request import urlopen
send, client = Client.send, Client()
{INSTRUMENT}
send(client, client.build_request("POST", "https://us.api.openai.com/v1/chat/completions", json={{}}))
"""
BUILDER_BEFORE = f"""
import httpx2
build = httpx2.Client.build_request
def other(self, *args, **kwargs):
    kwargs |= {{"json": {{"model": "gpt-of-nobody", "messages": []}}, "content": None}}
    return build(self, *args, **kwargs)
httpx2.Client.build_request = other
STRICT = True  # the newest table is partial: a model that it does not list is a doubt
{INSTRUMENT}
{CALL.replace("us.api.openai.com", "eu.api.openai.com")}
"""
REFUSED_BEFORE = f"""
from contextlib import suppress
import httpx
STRICT = True
{INSTRUMENT}
with suppress(httpx.RequestError):
    httpx.post("https://us.api.openai.com/v1/chat/completions", json={{}})
{CALL.replace("us.api.openai.com", "llm.internal.example")}
"""

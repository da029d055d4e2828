"""The subcommand `scan`: what will violate the policy, found before it runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import unquote

import pytest

from tests.cli.command import environment, read_document, start
from tests.internet import BOGUS, EU, GATEWAY, GLOBAL, US
from tests.vendor import SNAPSHOT

SECRET = "sk-geheimgeheimgeheim"
IMPORT = "from openai import OpenAI\n"
HERE = f'client = OpenAI(base_url="https://{EU}/v1")\n'
Found = list[tuple[str, int, str, bool]]


class Tree:
    """A source tree, and the command over it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, text: str) -> None:
        """Write one file."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self, *options: str, **variables: str) -> CompletedProcess[str]:
        """Scan all of it; the EU is required, unless the variables say otherwise."""
        return start("scan", ".", *options, cwd=self.root, **{"OTEL_RESIDENCY_REQUIRE": "eu", **variables})

    def document(self, *options: str, **variables: str) -> Any:
        """What it tells programs."""
        done = self.run("--format", "json", *options, **variables)
        assert done.stderr == ""
        return read_document(done.stdout)

    def found(self, *options: str, **variables: str) -> Found:
        """The findings: file, line, code, and whether it is a violation."""
        findings = self.document(*options, **variables)["findings"]
        return [(each["file"], each["line"], each["reason"], each["violation"]) for each in findings]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An empty tree."""
    return Tree(tmp_path)


@pytest.fixture
def python(tree: Tree) -> Callable[..., list[tuple[int, str, bool]]]:
    """Has a Python file scanned."""

    def scan(code: str, *options: str, **variables: str) -> list[tuple[int, str, bool]]:
        tree.put("app.py", code)
        return [found[1:] for found in tree.found(*options, **variables)]

    return scan


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'OpenAI(base_url="https://{US}/v1")', "host.region_mismatch"),
        (f'OpenAI(base_url="https://{BOGUS}/v1")', "host.bogus"),
        (f'OpenAI(base_url="http://{EU}/v1")', "transport.insecure"),
        (f'OpenAI(base_url="https://{GATEWAY}/v1")', "host.unknown"),
        (f'OpenAI(base_url="https://{EU}")', "endpoint.not_listed"),
        ('OpenAI(data_residency="us")', "host.region_mismatch"),
        ('OpenAI(data_residency="global")', "host.global"),
        ("OpenAI()", "host.global"),
        (f'client.base_url = "https://{GLOBAL}/v1"', "host.global"),
        (f'requests.post("https://{GLOBAL}/v1/responses")', "host.global"),
        (f'websockets.connect("wss://{US}/v1/realtime")', "host.region_mismatch"),
        (f'litellm.completion(api_base="https://{US}/v1")', "host.region_mismatch"),
        (f'os.environ["OPENAI_BASE_URL"] = "https://{US}/v1"', "host.region_mismatch"),
        (f'OpenAI(base_url=os.environ.get("LLM", "https://{US}/v1"))', "host.region_mismatch"),
        ('ChatOpenAI(model="gpt-4o")', "model.alias"),
        ('ChatOpenAI(model="gpt-4o-2024-05-13")', "model.not_listed"),
        ('settings = {"model": "gpt-4o"}', "model.alias"),
        ('client.responses.create(model="gpt-4o")', "model.alias"),
        (
            'client.chat.completions.with_raw_response.create(model="text-embedding-3-small")',
            "model.not_listed",
        ),
        ('client.responses.create(model="gpt-6-sol", service_tier="fast")', "tier.not_available"),
        (f'client.chat.completions.parse(model="{SNAPSHOT}", store=True)', "feature.store"),
        (f'client.chat.completions.create(model="{SNAPSHOT}", extra_body={{"store": 1}})', "feature.store"),
        (f'client.responses.create(model="{SNAPSHOT}", tools=[{{"type": "mcp", "x": y}}])', "feature.tool"),
        (
            f'client.responses.create(model="{SNAPSHOT}", input=[{{"type": "input_image", "image_url": x}}])',
            "image.needs_enhanced_zdr",
        ),
        ('client.files.create(file=f, purpose="assistants")', "endpoint.storage_only"),
        ('client.images.generate(model="dall-e-3")', "model.not_listed"),
        ('client.beta.threads.create_and_run(assistant_id="a")', "endpoint.retired"),
        ('client.realtime.connect(model="gpt-4o-realtime-preview")', "model.not_listed"),
        ("client.uploads.upload_file_chunked(file=f)", "endpoint.not_listed"),
        ("OpenAI(base_url=None)", "host.global"),
        ('OpenAI(base_url=os.getenv("OPENAI_BASE_URL"))', "host.global"),
        ("openai.embeddings.create(input=x)", "host.global"),
        ('ai.base_url = "http://' + EU + '/v1"', "transport.insecure"),
        ('Renamed(base_url="https://' + GATEWAY + '/v1")', "host.unknown"),
        ("Renamed()", "host.global"),
        (f'OpenAI(**{{"base_url": "https://{GATEWAY}/v1"}})', "host.unknown"),
        (f'OpenAI(base_url=url or "https://{GATEWAY}/v1")', "host.unknown"),
        (f'OpenAI(base_url="https://{GATEWAY}/v1" if local else None)', "host.unknown"),
        (f'OpenAI(base_url=f"https://{{HOST}}/v1"); HOST = "{GATEWAY}"', "host.unknown"),
        (f'OpenAI(base_url="https://" + "{GATEWAY}" + "/v1")', "host.unknown"),
        (f'OPENAI_HOST = "{US}"', "host.region_mismatch"),
        ('data_residency: str = "us"', "host.region_mismatch"),
        (f'openai_url: str = Field("https://{GATEWAY}/v1")', "host.unknown"),
        ('openai_model: str = Field(default="gpt-4o", alias="M")', "model.alias"),
        ('parser.add_argument("--chat-model", default="gpt-4o")', "model.alias"),
        ('def ask(text, *, model="gpt-4o"): pass', "model.alias"),
        ('def ask(text, model="gpt-4o"): pass', "model.alias"),
        ('litellm.completion(model="openai/gpt-4o")', "model.alias"),
        (f'client.chat.completions.create(**dict(model="{SNAPSHOT}", store=True))', "feature.store"),
    ],
)
def test_python_is_read_by_its_syntax_tree(
    python: Callable[..., list[tuple[int, str, bool]]], line: str, reason: str
) -> None:
    """Each of these lines is found at its place, with the code that the call would have."""
    found = python(
        f"from openai import OpenAI, AsyncOpenAI as Renamed; import openai, openai as ai\n\n{line}\n"
    )
    assert (3, reason) in [each[:2] for each in found]


@pytest.mark.parametrize(
    "line",
    [
        HERE,
        f'OpenAI(base_url=URL)\nURL = make("https://{EU}/v1")',
        f'"""See https://{US}/v1 for more."""',
        f'def f():\n    """https://{US}/v1"""',
        "class OpenAI: ...\nOpenAI()",
        'OpenAI(data_residency="eu")',
        f'requests.post("https://{EU}/v1/responses")',
        'OPENAI_BASE_URL = "OPENAI_BASE_URL"',
        "OpenAI(**settings)",
        "OpenAI(base_url=elsewhere)",
        f'client.responses.create(model="{SNAPSHOT}", input="https://example.com")',
        "client.responses.create(model=chosen, store=chosen, input=prompt)",
        'Car.objects.create(model="sedan")',
        'car = Car(model="sedan", base_url="https://example.com")',
        'AzureOpenAI(azure_endpoint=url)\nclient.responses.create(model="our-deployment")',
        "client.vector_stores.list()",
    ],
)
def test_what_is_eligible_or_nobody_s_business_is_not_reported(
    python: Callable[..., list[tuple[int, str, bool]]], line: str
) -> None:
    """No finding for what is listed, for what a program computes, and for what is about something else."""
    assert python(f"{IMPORT}{line}\n") == []


def test_a_name_of_the_module_is_followed_one_step(
    python: Callable[..., list[tuple[int, str, bool]]],
) -> None:
    """The finding stands where the literal is; a name that is assigned twice stands for nothing."""
    code = f'{IMPORT}LLM = "https://{GATEWAY}/v1"\nTWICE = LLM\nTWICE = ""\n'
    assert python(f"{code}OpenAI(base_url=LLM)\nOpenAI(base_url=TWICE)\n") == [(2, "host.unknown", False)]
    model = f'{IMPORT}{HERE}MODEL = "gpt-4o-2024-05-13"\nclient.responses.create(model=MODEL)\n'
    assert python(model) == [(3, "model.not_listed", True)]


def test_a_client_without_a_url_takes_it_from_the_environment(tree: Tree) -> None:
    """By `--base-url`, by OPENAI_BASE_URL, by a file that sets it, or else the vendor's global host."""
    tree.put("app.py", f"{IMPORT}OpenAI()\n")
    assert tree.found() == [("app.py", 2, "host.global", True)]
    assert tree.found("--base-url", f"https://{EU}/v1") == []
    assert tree.found(OPENAI_BASE_URL=f"https://{US}/v1") == [("app.py", 2, "host.region_mismatch", True)]
    tree.put(".env", f"OPENAI_BASE_URL=https://{EU}/v1\n")
    assert tree.found() == []


def test_a_file_of_variables_holds_for_its_directory_and_below(tree: Tree) -> None:
    """Whether one elsewhere reaches a client is not known, and said; a name of Python sets no variable."""
    tree.put("one/src/app.py", f"{IMPORT}OpenAI()\n")
    tree.put("two/app.py", f"{IMPORT}OpenAI()\n")
    tree.put("two/settings.py", f'OPENAI_BASE_URL = os.getenv("OPENAI_BASE_URL", "https://{EU}/v1")\n')
    assert [each[0] for each in tree.found()] == ["one/src/app.py", "two/app.py"]
    tree.put("one/.env", f"OPENAI_BASE_URL=https://{EU}/v1\n")
    document = tree.document()
    assert document["findings"] == []
    assert document["not_known"] == [
        {
            "file": "two/app.py",
            "line": 2,
            "column": 1,
            "what": "base URL of the client: OPENAI_BASE_URL is set in another directory",
        }
    ]


@pytest.mark.parametrize(
    ("module", "made"), [("langchain_openai", "ChatOpenAI"), ("llama_index.llms.openai", "OpenAI")]
)
def test_a_class_of_a_framework_makes_a_client_too(tree: Tree, module: str, made: str) -> None:
    """Without a URL it calls where the vendor's own would; the older variable tells frameworks alone."""
    tree.put("app.py", f"from {module} import {made}\n{made}(temperature=0)\n")
    assert tree.found() == [("app.py", 2, "host.global", True)]
    tree.put("app.py", f'from {module} import {made}\n{made}(api_base="https://{EU}/v1")\n')
    assert tree.found() == []


def test_the_module_is_a_client(tree: Tree) -> None:
    """It calls where its own attribute says, which no other client follows."""
    tree.put(
        "app.py",
        f'import openai\nopenai.base_url = "https://{EU}/v1"\nopenai.models.create()\nopenai.OpenAI()\n',
    )
    assert tree.found() == [("app.py", 4, "host.global", True)]


def test_unresolved_arguments_that_decide_are_reported(tree: Tree) -> None:
    """Of clients the URL, of calls model and features, of files the variables; it fails nothing by itself."""
    tree.put(
        "app.py",
        """from openai import AzureOpenAI, OpenAI
OpenAI(base_url=settings.url)
OpenAI(**options)
OpenAI(base_url=os.environ.get("OPENAI_BASE_URL") or "https://EU/v1")
client = OpenAI(base_url=os.environ["LLM"], timeout=3).with_options(base_url=other)
client.responses.create(model=chosen, store=chosen, input=prompt)
client.responses.create(model="gpt-5.2-2025-12-11" if x else "gpt-4.1-2025-04-14", input=prompt)
os.environ["OPENAI_BASE_URL"] = url
Car.objects.create(model=chosen)
AzureOpenAI(azure_endpoint=url)
client.moderations.create(input=prompt)
client.batches.create(input_file_id=file, endpoint="/v1/responses", completion_window="24h")
client.responses.create(model="ours", input=prompt)
""".replace("EU", EU),
    )
    tree.put("compose.yaml", "environment: {OPENAI_BASE_URL: '${URL}', OPENAI_API_KEY: '{{ key }}'}")
    document = tree.document("--strict")
    assert document["findings"] == []
    assert [(each["file"], each["line"], each["what"]) for each in document["not_known"]] == [
        ("app.py", 2, "base_url of OpenAI"),
        ("app.py", 3, "** of OpenAI"),
        ("app.py", 5, "base_url of OpenAI"),
        ("app.py", 5, "base_url of with_options"),
        ("app.py", 6, "model, store of client.responses"),
        ("app.py", 7, "model of client.responses"),
        ("app.py", 8, "OPENAI_BASE_URL"),
        ("app.py", 10, "azure_endpoint of AzureOpenAI"),
        ("app.py", 11, "model of client.moderations"),
        ("app.py", 12, "lines of the file of client.batches"),
        ("app.py", 13, "model, which may be a deployment of client.responses"),
        ("compose.yaml", 1, "OPENAI_BASE_URL"),
    ]
    assert "not known here" in tree.run().stdout


def test_a_comment_ignores_what_it_names(tree: Tree) -> None:
    """At its line or above it, by code and with a reason, which every format shows; else nothing."""
    line = f'OpenAI(base_url="https://{US}/v1")'
    ignore = "# otel-residency: ignore"
    tree.put("app.py", f"{IMPORT}{line}  {ignore}[host.region_mismatch] Customers of the US.\n")
    tree.put("compose.yaml", f"{ignore}[model.alias, host.global]: The tests.\nurl: https://{GLOBAL}/v1\n")
    tree.put(
        "book.ipynb",
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "source": [f"import openai; {line}  {ignore}[host.region_mismatch] Tried.\n"],
                    }
                ]
            }
        ),
    )
    assert tree.run().returncode == 0
    document = tree.document()
    assert (document["violations"], [each["ignored"] for each in document["findings"]]) == (
        0,
        ["Customers of the US.", "Tried.", "The tests."],
    )
    assert "ignored: Customers of the US." in tree.run().stdout
    (run,) = json.loads(tree.run("--format", "sarif").stdout)["runs"]
    justified = [each["suppressions"][0]["justification"] for each in run["results"]]
    assert justified == ["Customers of the US.", "Tried.", "The tests."]
    for wrong in ("", "[host.region_mismatch]", "[host.globl] Why.", "[] Why."):
        tree.put("app.py", f"{IMPORT}{line}  {ignore}{wrong}\n")
        document = tree.document()
        assert (document["violations"], document["not_known"][0]["line"]) == (1, 2)
    tree.put("app.py", f"{IMPORT}{line}  {ignore}[host.global] Another code.\n")
    assert tree.document()["violations"] == 1


def test_at_an_unknown_endpoint_the_model_is_judged_by_its_best_one(
    python: Callable[..., list[tuple[int, str, bool]]],
) -> None:
    """A model that some endpoint lists is not reported where the endpoint does not show."""
    assert python('EMBEDDING_MODEL = "text-embedding-3-small"\n') == []
    assert python('MODEL = "gpt-3.5-turbo"\n')[0][:1] == (1,)


def test_a_policy_s_hosts_and_regions_apply(tree: Tree) -> None:
    """A gateway of the policy is no finding, and another requirement has other findings."""
    tree.put("app.py", f'{IMPORT}OpenAI(base_url="https://{GATEWAY}/v1")\n')
    tree.put("residency.toml", f'[hosts."{GATEWAY}"]\nregion = "eu"\n')
    assert tree.found(OTEL_RESIDENCY_POLICY=str(tree.root / "residency.toml")) == []
    tree.put("app.py", IMPORT + HERE)
    assert tree.found("--require", "us") == [("app.py", 2, "host.region_mismatch", True)]
    assert tree.found("--require", "us,eu") == []


def test_files_of_variables_are_read(tree: Tree) -> None:
    """Base URL, model and our own settings, with their lines, in quotes or not."""
    lines = ["# ours", "", f'export OPENAI_API_BASE="https://{US}/v1"', "OPENAI_MODEL=gpt-4o", ""]
    tree.put(".env.local", "\n".join([*lines, "OTEL_RESIDENCY_REQUIRE=uk", "OTEL_RESIDENCY_ON_CALL=blok"]))
    assert tree.found() == [
        (".env.local", 3, "host.region_mismatch", True),
        (".env.local", 4, "model.alias", False),
        (".env.local", 6, "policy.unreadable", False),
        (".env.local", 7, "policy.unreadable", True),
    ]


def test_variables_that_no_setting_has_are_found(tree: Tree) -> None:
    """A misspelt one is a wrong setting; another one, which may be of a newer release, is a note."""
    link = "OTEL_RESIDENCY_GATE_SERVICE_HOST=h"
    tree.put(".env", f"OTEL_RESIDENCY_REQUIRED=eu\nOTEL_RESIDENCY_FLEET=x\n{link}\n")
    tree.put("job.yaml", "env:\n- name: OTEL_RESIDENCY_ON_CAL\n  value: block\n")
    tree.put("app.py", 'import os\nos.environ["OTEL_RESIDENCY_FLEET"] = "x"\n')
    assert tree.found() == [
        (".env", 1, "policy.unreadable", False),
        (".env", 2, "policy.unknown_variable", False),
        ("app.py", 2, "policy.unknown_variable", False),
        ("job.yaml", 3, "policy.unreadable", False),
    ]
    details = [each["detail"] for each in tree.document()["findings"]]
    assert details[1].startswith("OTEL_RESIDENCY_FLEET: unknown variable; known are: ")
    assert "OTEL_RESIDENCY_REQUIRE," in details[0]
    assert tree.run("--format", "sarif").returncode == 0


def test_a_deployment_of_azure_is_no_model(tree: Tree) -> None:
    """Its name is anybody's; other variables of Azure leave the vendor's models what they are."""
    tree.put(".env", "AZURE_OPENAI_MODEL=ours\nAZURE_STORAGE_KEY=x\nOPENAI_MODEL=gpt-4o-2024-05-13\n")
    assert tree.found() == [(".env", 3, "model.not_listed", True)]


def test_yaml_is_read_as_compose_and_kubernetes_write_it(tree: Tree) -> None:
    """Mappings, `NAME=value` in lists, name and value pairs, defaults, several documents, unknown tags."""
    tree.put(
        "deploy/compose.yaml",
        f"""
services:
  one: {{environment: [LOG=debug, "OPENAI_BASE_URL=https://{US}/v1"]}}
  two:
    environment:
      OPENAI_BASE_URL: ${{OPENAI_BASE_URL:-https://{GLOBAL}/v1}}
---
env: &env
- name: OPENAI_BASE_URL
  value: https://{BOGUS}/v1
again: *env
llm: !custom
  model: gpt-4o
  base_url: https://{EU}/v1
""",
    )
    assert tree.found() == [
        ("deploy/compose.yaml", 3, "host.region_mismatch", True),
        ("deploy/compose.yaml", 6, "host.global", True),
        ("deploy/compose.yaml", 10, "host.bogus", True),
        ("deploy/compose.yaml", 13, "model.alias", False),
    ]


def test_toml_is_read_with_its_lines(tree: Tree) -> None:
    """Tables, lists and inline tables; the same value twice has two lines."""
    url = f'url = "https://{US}/v1"'
    tree.put("config.toml", f'title = "x"\n[a]\n{url}\n[b]\n{url}\nm = [{{ model = "gpt-4o" }}]\n')
    assert tree.found() == [
        ("config.toml", 3, "host.region_mismatch", True),
        ("config.toml", 5, "host.region_mismatch", True),
        ("config.toml", 6, "model.alias", False),
    ]


def test_text_in_yaml_is_read_too(tree: Tree) -> None:
    """Scripts of workflows, files in config maps, options of commands; not descriptions and comments."""
    tree.put(
        "k8s.yaml",
        f"""
description: see https://{US}/v1 for more
data:
  app.env: |
    # OPENAI_BASE_URL=https://{US}/v1
    OPENAI_BASE_URL=https://{US}/v1
    MODEL=gpt-4o
run: |
  curl -s https://{GLOBAL}/v1/responses
command: [serve, "--base-url=https://{US}/v1"]
openaiModel: gpt-4o
host: {US}
""",
    )
    assert sorted(tree.found()) == [
        ("k8s.yaml", 6, "host.region_mismatch", True),
        ("k8s.yaml", 7, "model.alias", False),
        ("k8s.yaml", 9, "host.global", True),
        ("k8s.yaml", 10, "host.region_mismatch", True),
        ("k8s.yaml", 11, "model.alias", False),
        ("k8s.yaml", 12, "host.region_mismatch", True),
    ]


def test_a_template_of_helm_is_read_with_its_defaults(tree: Tree) -> None:
    """Control lines say nothing; what is in quotes stands for its value."""
    tree.put(
        "templates/deploy.yaml",
        f"""
env:
  {{{{- if .Values.x }}}}
  - name: {{{{ .Values.name }}}}
    value: x
  - name: OPENAI_BASE_URL
    value: {{{{ .Values.url | default "https://{US}/v1" }}}}
  {{{{- end }}}}
""",
    )
    assert tree.found() == [("templates/deploy.yaml", 7, "host.region_mismatch", True)]


def test_other_files_of_settings_are_read(tree: Tree) -> None:
    """JSON, .ini, shell and container files, and the code of notebooks, with their lines."""
    tree.put("a.json", f'{{\n"model": "gpt-4o",\n"baseUrl": "https://{US}/v1"}}')
    tree.put("b.ini", f"[llm]\n; url = https://{US}/v1\nurl = https://{US}/v1\nmodel: gpt-4o\n")
    tree.put("c.sh", f'export OPENAI_BASE_URL="https://{US}/v1" # as before\n')
    tree.put("Dockerfile", f"FROM python\nENV OPENAI_BASE_URL https://{US}/v1\nENV A=1 OPENAI_MODEL=gpt-4o\n")
    cells = [
        {"cell_type": "markdown", "source": [f"https://{US}/v1"]},
        {"cell_type": "code", "source": ["%pip install openai\n", "from openai import OpenAI\n"]},
        {"cell_type": "code", "source": f"%%bash\necho https://{US}/v1"},
        {
            "cell_type": "code",
            "source": [f'OpenAI(base_url="https://{US}/v1")'],
            "outputs": [f"https://{US}"],
        },
    ]
    tree.put("e.ipynb", json.dumps({"cells": cells}, indent=1))
    tree.put("f.ipynb", "[1]")
    tree.put("g.ipynb", "{")
    document = tree.document()
    line = next(
        n for n, line in enumerate((tree.root / "e.ipynb").read_text().splitlines(), 1) if "OpenAI(" in line
    )
    assert [(each["file"], each["line"], each["reason"]) for each in document["findings"]] == [
        ("Dockerfile", 2, "host.region_mismatch"),
        ("Dockerfile", 3, "model.alias"),
        ("a.json", 2, "model.alias"),
        ("a.json", 3, "host.region_mismatch"),
        ("b.ini", 3, "host.region_mismatch"),
        ("b.ini", 4, "model.alias"),
        ("c.sh", 1, "host.region_mismatch"),
        ("e.ipynb", line, "host.region_mismatch"),
    ]
    assert [each["file"] for each in document["unread"]] == ["f.ipynb", "g.ipynb"]


def test_variables_are_put_together_and_no_more_than_that(tree: Tree) -> None:
    """A value made of others of its file is judged; some that grow without end are left as they stand."""
    tree.put(
        ".env", f"HOST={US}\nOPENAI_URL=https://${{HOST}}/v1\nOPENAI_OTHER_URL=https://${{ELSEWHERE}}/v1\n"
    )
    tree.put(
        "more.env",
        "A=xxxxxxxxxx\n" + "".join(f"{b}={f'${{{a}}}' * 10}\n" for a, b in pairwise("ABCDEFGHIJKLM")),
    )
    document = tree.document()
    assert [each["line"] for each in document["findings"]] == [1, 2]
    assert [(each["line"], each["what"]) for each in document["not_known"]] == [(3, "OPENAI_OTHER_URL")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.env", "A=" + "${" * 200_000),
        ("a.ini", "a" * 900_000),
        ("a.conf", "a." * 400_000),
        ("a.yaml", '{{ "' * 200_000),
        ("a.sh", "# otel-residency: ignore[" * 30_000),
        ("a.py", "x = " + "+".join(['"a"'] * 600)),
    ],
)
def test_a_file_made_to_be_slow_is_not(tree: Tree, name: str, text: str) -> None:
    """The command ends within its time for files on which a pattern may try again and again."""
    tree.put(name, text)
    assert tree.document()["findings"] == []


def test_nothing_of_the_tree_is_imported(tree: Tree) -> None:
    """Modules that bear the names of libraries in use stay text."""
    for name in ("yaml", "dotenv", "rich", "typer", "json", "sitecustomize", "openai"):
        tree.put(f"{name}.py", "raise SystemExit('imported')\n")
    tree.put(".env", f"OPENAI_BASE_URL=https://{US}/v1\n")
    command = str(Path(sys.executable).parent / "otel-residency")
    done = subprocess.run(
        [command, "scan", ".", "--require", "eu"],
        cwd=tree.root,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "host.region_mismatch" in done.stdout


def test_the_exit_code_is_that_of_the_policy(tree: Tree) -> None:
    """A doubt fails only where the policy is strict, and so does a file that can't be read."""
    tree.put("app.py", f'{IMPORT}{HERE}client.responses.create(model="{SNAPSHOT}")\n')
    assert tree.run("--strict").returncode == 0
    tree.put("more.py", 'MODEL = "gpt-4o"\n')
    assert (tree.run().returncode, tree.run("--strict").returncode) == (0, 1)
    tree.put("more.py", "def (")
    assert (tree.run().returncode, tree.run("--strict").returncode) == (0, 1)
    tree.put("more.py", f'URL = "https://{US}/v1"\n')
    assert tree.run().returncode == 1


def test_a_file_that_can_t_be_read_is_reported_and_no_end(tree: Tree) -> None:
    """Templates, other languages, deep nests, pipes and what is too large leave the rest to be scanned."""
    tree.put("a.yaml", "{{ .Values.x }}\n- [")
    tree.put("b.py", "print 'x'")
    tree.put("c.toml", "a = ")
    tree.put("d.py", f"x = {'(' * 500}1{')' * 500}")
    tree.put("e.py", f"x = {'1+' * 50_000}1")
    tree.put("f.py", "#" * ((1 << 20) + 1))
    tree.put("g.py", "x = '\0'")
    tree.put("h.yaml", "a: &a [*a, b]\nc: !!python/object/apply:os.system [exit]")
    os.mkfifo(tree.root / "i.py")
    (tree.root / "j.py").symlink_to("nowhere")
    tree.put("k.txt", "named, and of no known kind")
    tree.put("z.py", f'URL = "https://{US}/v1"\n')
    document = tree.document("k.txt")
    assert [each["file"] for each in document["unread"]] == [
        *("a.yaml", "b.py", "c.toml", "d.py", "e.py", "f.py", "g.py", "i.py", "j.py", "k.txt"),
    ]
    assert [each["file"] for each in document["findings"]] == ["z.py"]
    assert "9 not read" in tree.run().stdout


def test_files_that_are_not_the_project_s_are_left_out(tree: Tree) -> None:
    """Version control, environments, packages and builds, links to directories, and what is excluded."""
    line = f'URL = "https://{US}/v1"\n'
    for place in (".git", "node_modules/x", ".venv/lib", "build", "src/__pycache__", "a.egg-info"):
        tree.put(f"{place}/a.py", line)
    tree.put("own-environment/pyvenv.cfg", "")
    tree.put("own-environment/a.py", line)
    tree.put("tests/test_a.py", line)
    tree.put("src/a.py", line)
    tree.put("src/a.txt", line)
    (tree.root / "link").symlink_to("src", target_is_directory=True)
    assert [each[0] for each in tree.found("--exclude", "tests/*")] == ["src/a.py"]
    assert [each[0] for each in tree.found()] == ["src/a.py", "tests/test_a.py"]


def test_nothing_of_a_file_is_printed_but_hosts_and_models(tree: Tree) -> None:
    """Keys, userinfo, paths, queries, prompts and control codes stay where they are, in every format."""
    url = f"https://user:{SECRET}@{US}/{SECRET}?key={SECRET}"
    call = f'client.responses.create(model="gpt-4o", input="{SECRET}", instructions="{SECRET}", store=True)'
    tree.put("app.py", f'{IMPORT}OpenAI(base_url="{url}", api_key="{SECRET}")\n{call}\n')
    tree.put(".env", f'OPENAI_MODEL={SECRET}\nOPENAI_BASE_URL="{url}"\nOTHER_OPENAI_MODEL="Frau Muster"\n')
    tree.put(
        "more.py", f'{IMPORT}ChatOpenAI(model="gpt\\x1b[2J")\nclient.responses.create(model="\\x1b[2J")\n'
    )
    for style in ("text", "json", "sarif"):
        done = tree.run("--format", style)
        assert US in done.stdout
        for document in ("geheim", "user", "Muster", "\x1b", "[2J"):
            assert document not in done.stdout + done.stderr


def test_sarif_has_what_the_standard_asks_for(tree: Tree) -> None:
    """Version, tool, a rule for each result, its level, message, place and a fingerprint that stays."""
    tree.put("a b/app.py", f'{IMPORT}\nOpenAI(base_url="https://{US}/v1")\nMODEL = "gpt-4o"\n')
    tree.put("bad.py", "def (")
    done = tree.run("--format", "sarif")
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert (document["version"], len(document["runs"])) == ("2.1.0", 1)
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"])
    places = []
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert unquote(place["artifactLocation"]["uri"]) == "a b/app.py"
        places.append((place["region"]["startLine"], place["region"]["startColumn"], result["level"]))
    assert places == [(3, 17, "error"), (4, 9, "warning")]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"]
    assert "is not Python" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    before = [each["partialFingerprints"] for each in run["results"]]
    tree.put("a b/app.py", f'{IMPORT}\n\n\nOpenAI(base_url="https://{US}/v1")\nMODEL = "gpt-4o"\n')
    moved = json.loads(tree.run("--format", "sarif").stdout)["runs"][0]["results"]
    assert [each["partialFingerprints"] for each in moved] == before
    same = f'OpenAI(base_url="https://{US}/v1")\n'
    tree.put("a b/app.py", f'{IMPORT}{same}{same}MODEL = "gpt-4o"\n')
    absolute = json.loads(
        start("scan", str(tree.root), "--require", "eu", "--format", "sarif", cwd=tree.root).stdout
    )
    (run,) = absolute["runs"]
    prints = [each["partialFingerprints"]["residency/v1"] for each in run["results"]]
    assert len({*prints}) == 3
    assert {each["residency/v1"] for each in before} < {*prints}
    for result in run["results"]:
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/app.py"


def test_people_read_place_code_and_fix(tree: Tree) -> None:
    """Plain when piped, no wider than 100, with a line that sums it up."""
    tree.put("app.py", f'URL = "https://{US}/v1"\nMODEL = "gpt-4o"\n')
    done = tree.run()
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "app.py:1:7  ineligible  host.region_mismatch\n" in done.stdout
    assert "Use the host of the required region." in done.stdout
    assert done.stdout.endswith("2 findings, 1 of them violations, in 1 files\n")


@pytest.mark.parametrize(
    ("arguments", "variables", "line"),
    [
        ((".",), {"OTEL_RESIDENCY_REQUIRE": ""}, "no region is required"),
        ((".",), {"OTEL_RESIDENCY_REQUIRE": "uk"}, "unknown region 'uk'"),
        (
            (".", "--require", "jp"),
            {"OTEL_RESIDENCY_CATALOGUE": "openai-2025-02"},
            "offers nothing in jp",
        ),
        (("no-such",), {}, "no-such: does not exist"),
        ((".", "--base-url", "eu"), {}, "the base URL is not one that the client can call"),
        ((".", "--format", "xml"), {}, "'xml' is not one of"),
        ((".", "--format", "sarif", "--json"), {}, "--json or --format sarif, not both"),
        ((".",), {}, "no file of a supported kind found"),
        ((), {}, "Missing argument"),
    ],
)
def test_what_can_t_be_scanned_is_a_usage_error(
    tree: Tree, arguments: tuple[str, ...], variables: dict[str, str], line: str
) -> None:
    """One line, exit code 2; a scan of nothing is no good news."""
    done = start("scan", *arguments, cwd=tree.root, **{"OTEL_RESIDENCY_REQUIRE": "eu", **variables})
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr
    assert "Traceback" not in done.stderr

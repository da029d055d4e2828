"""The subcommand `check-batch`, started as a person or a pipeline does."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_residency.calls.created_objects import CreatedObjects
from otel_residency.calls.created_store import CreatedStore
from tests.cli.command import read_document, start
from tests.frozen import FROZEN
from tests.internet import EU, US
from tests.vendor import SNAPSHOT

CHAT = "/v1/chat/completions"
SECRET = "Frau Muster, Konto 4711"
DOCS = Path(__file__).parent.parent.parent / "docs" / "batches.md"
ATTESTED = """
[attest]
modified_abuse_monitoring = { value = true, reference = "DPA annex 2" }
retention_amendment = { value = true, reference = "amendment 1" }
"""


def line(model: str = SNAPSHOT, path: str = CHAT, **body: Any) -> str:
    """One line of a batch's input file."""
    message = [{"role": "user", "content": SECRET}]
    return json.dumps({"custom_id": "r", "url": path, "body": {"model": model, "messages": message, **body}})


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Any]:
    """Has lines checked under a policy that attests what the EU asks for; `None`: there is no file."""

    def run(lines: list[str] | None, *options: str, **variables: str) -> Any:
        file, policy = tmp_path / "calls.jsonl", tmp_path / "residency.toml"
        policy.write_text(ATTESTED, encoding="utf-8")
        if lines is not None:
            file.write_text("\n".join(lines), encoding="utf-8")
        variables = {
            "OTEL_RESIDENCY_POLICY": str(policy),
            "OTEL_RESIDENCY_CATALOGUE": FROZEN,
            **variables,
        }
        return start("check-batch", str(file), *options, **variables)

    return run


GOOD = [line()] * 3
BAD = [line("text-embedding-3-small", "/v1/embeddings")] * 2


@pytest.mark.parametrize(
    ("lines", "options", "code"),
    [
        (GOOD, [], 0),
        (GOOD, ["--strict"], 0),
        ([*GOOD, *BAD], [], 1),
        ([*GOOD, "{"], [], 0),
        ([*GOOD, "{"], ["--strict"], 1),
        ([], ["--strict"], 1),
        (GOOD, ["--base-url", f"https://{US}/v1"], 1),
        (GOOD, ["--base-url", f"https://{EU}/v1/"], 0),
        (GOOD, ["--require", "us", "--base-url", f"https://{EU}/v1"], 1),
        (GOOD, ["--require", "us"], 0),
    ],
)
def test_the_exit_code_is_that_of_the_policy(
    check: Callable[..., Any], lines: list[str], options: list[str], code: int
) -> None:
    """0 where nothing violates the policy, 1 where something does, whatever said the policy."""
    done = check(lines, *options, OTEL_RESIDENCY_REQUIRE="eu")
    assert (done.returncode, done.stderr) == (code, "")


def test_what_lines_use_is_looked_up_where_the_services_remember_it(
    check: Callable[..., Any], tmp_path: Path
) -> None:
    """The store of the policy tells of a response of another region; what it does not know is a doubt."""
    path, policy = tmp_path / "state.sqlite", tmp_path / "own.toml"
    policy.write_text(f'require = ["eu"]\nstate = "{path}"\n{ATTESTED}', encoding="utf-8")
    store = CreatedStore(str(path), print)
    CreatedObjects(store).remember("resp_1", "us")
    store.flush()
    lines = [line(path="/v1/responses", previous_response_id=name) for name in ("resp_1", "resp_2")]
    done = read_document(check(lines, "--json", OTEL_RESIDENCY_POLICY=str(policy)).stdout)
    assert done["reasons"] == ["state.region_mismatch", "state.unseen"]


def test_the_document_counts_lines_by_model_and_endpoint(check: Callable[..., Any]) -> None:
    """The worst comes first; each row has its verdict, and how many of its lines have each reason."""
    tool = line(tools=[{"type": "teleport"}])
    document = read_document(check([*GOOD, tool, *BAD, "{", "[]"], "--json", "--require", "eu").stdout)
    assert document.pop("otel_residency")
    assert document.pop("command") == "check-batch"
    assert document.pop("catalogue").startswith("openai-")
    assert document == {
        "base_url": f"https://{EU}/v1",
        "required": ["eu"],
        "verdict": "ineligible",
        "violation": True,
        "reasons": ["batch.line_ineligible", "feature.tool", "batch.contents_unseen", "batch.model_mixed"],
        "lines": 8,
        "kinds": [
            {
                "endpoint": "/v1/embeddings",
                "model": "text-embedding-3-small",
                "lines": 2,
                "verdict": "ineligible",
                "reasons": {"batch.line_ineligible": 2},
            },
            {
                "endpoint": CHAT,
                "model": SNAPSHOT,
                "lines": 4,
                "verdict": "indeterminate",
                "reasons": {"feature.tool": 1},
            },
            {
                "endpoint": "unknown",
                "model": None,
                "lines": 2,
                "verdict": "indeterminate",
                "reasons": {"batch.contents_unseen": 2},
            },
        ],
    }


def test_the_table_has_the_same_as_text(check: Callable[..., Any]) -> None:
    """It is plain, not wider than 100, tells the fix of each reason, and no content."""
    done = check([*GOOD, line(tools=[{"type": "teleport"}]), *BAD], "--require", "eu")
    rows = done.stdout.splitlines()
    assert max(map(len, rows)) <= 100
    assert "\x1b" not in done.stdout
    assert "Muster" not in done.stdout
    assert re.search(rf"4  {CHAT} +{SNAPSHOT} +indeterminate +feature\.tool \(1\)", done.stdout)
    assert "Write one file per model." in done.stdout
    assert "6 lines: ineligible, a violation" in done.stdout


def test_a_path_with_content_is_not_shown(check: Callable[..., Any]) -> None:
    """What stands where a path should be is not repeated."""
    done = check([line(path=f"/v1/{SECRET}")], "--require", "eu")
    assert done.returncode == 1
    assert "Muster" not in done.stdout + done.stderr


def test_the_base_url_of_the_environment_holds(check: Callable[..., Any]) -> None:
    """OPENAI_BASE_URL is where the batch would be created, unless the option says otherwise."""
    elsewhere = {"OPENAI_BASE_URL": f"https://me:pw@{US}/v1?key=1", "OTEL_RESIDENCY_REQUIRE": "eu"}
    done = check(GOOD, **elsewhere)
    assert done.returncode == 1
    assert f"https://{US}/v1," in done.stdout
    assert "pw" not in done.stdout
    assert check(GOOD, "--base-url", f"https://{EU}/v1", **elsewhere).returncode == 0


@pytest.mark.parametrize(
    ("options", "variables", "part"),
    [
        ([], {}, "no region is required: pass --require or --base-url, or set OPENAI_BASE_URL"),
        (["--require", "uk"], {}, "--require: unknown region 'uk'"),
        (["--base-url", "eu"], {}, "write it like https://HOST/v1"),
        (["--base-url", "https://h:port/v1"], {}, "write it like https://HOST/v1"),
        (["--require", "eu"], {"OTEL_RESIDENCY_POLICY": "/no/such.toml"}, "/no/such.toml"),
        (["--require", "eu"], {"OTEL_RESIDENCY_STRICT": "maybe"}, "OTEL_RESIDENCY_STRICT"),
    ],
)
def test_what_cannot_be_carried_out_is_one_line(
    check: Callable[..., Any], options: list[str], variables: dict[str, str], part: str
) -> None:
    """A setting that can't be read ends with 2 and says which; there is no traceback."""
    done = check(GOOD, *options, **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("otel-residency: ")
    assert done.stderr.count("\n") == 1
    assert part in done.stderr


@pytest.mark.parametrize("file", [".", "no-such.jsonl", "/dev/stdin"])
def test_a_file_that_cannot_be_read_is_one_line(file: str) -> None:
    """A directory, no file at all, and a pipe end with 2."""
    done = start("check-batch", file, "--require", "eu", given=line())
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"otel-residency: {re.escape(file)}: can't be read: .+\n", done.stderr)


def test_every_option_is_documented() -> None:
    """The page names each option that the help names, and the other way round."""
    helped = set(re.findall(r"--[a-z-]+", start("check-batch", "--help").stdout)) - {"--help"}
    rows = set(re.findall(r"^\| `(--[a-z-]+)", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert helped == rows

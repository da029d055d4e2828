"""The readers of `scan` take time in proportion to a file's size, whatever stands in it."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from otel_residency.cli.scan.files import reader_of
from otel_residency.cli.scan.ignored import read_ignored
from otel_residency.cli.scan.literals import UnreadableError
from tests.counted import ALLOWED, FEW, TIMES, steps

SHAPES: dict[str, tuple[str, Callable[[int], str]]] = {
    "toml lines": ("a.toml", lambda n: "".join(f'key{each} = "value{each}"\n' for each in range(n))),
    "toml same": (
        "a.toml",
        lambda n: "".join(f'[t{each}]\nother = "a"\nkey = "same"\n' for each in range(n)),
    ),
    "toml array": ("a.toml", lambda n: "a = [" + '"x",\n' * n + "]"),
    "toml escapes": ("a.toml", lambda n: "".join(f'k{each} = "\\u0041{each}"\n' for each in range(n))),
    "dotenv": (".env", lambda n: "".join(f"V{each}=${{V{each - 1}:-a}}\n" for each in range(n))),
    "dotenv unset": (".env", lambda n: "".join(f"V{each}=${{W{each}}}\n" for each in range(n))),
    "sum": ("a.py", lambda n: "x = " + " + ".join('"https://a"' for _ in range(n))),
    "sum of a name": ("a.py", lambda n: "x = y() + " + " + ".join('"https://a"' for _ in range(n))),
    "sum of sums": ("a.py", lambda n: f'a = "b"\n{"x = a + " * 1}' + " + ".join("(a + a)" for _ in range(n))),
    "text of names": ("a.py", lambda n: "".join(f'a{e} = f"{{a{e - 1}}}b"\n' for e in range(n))),
    "attributes": ("a.py", lambda n: "x = a" + ".b" * n),
    "calls": ("a.py", lambda n: "import openai\n" + "openai.OpenAI(base_url=a, model='b')\n" * n),
    "dictionaries": ("a.py", lambda n: "x = {" + "'a': 'b'," * n + "}"),
    "yaml": ("a.yaml", lambda n: "".join(f"key{each}: value\n" for each in range(n))),
    "yaml aliases": ("a.yaml", lambda n: "a: &a [b]\nc: [" + "*a," * n + "]\n"),
    "json": ("a.json", lambda n: "[" + ",".join('{"name": "A", "value": "b"}' for _ in range(n)) + "]"),
    "text": ("a.sh", lambda n: "export A=https://eu.api.openai.com/v1\n" * n),
    "one line": ("a.sh", lambda n: "a=b " * n),
    "open quotes": ("a.sh", lambda n: "a=\"b c='d " * n),
    "ignored": ("a.sh", lambda n: "# otel-residency: ignore host.global - a\n" * n),
    "notebook": (
        "a.ipynb",
        lambda n: (
            '{"cells": [{"cell_type": "code", "source": [' + ",".join('"x = 1\\n"' for _ in range(n)) + "]}]}"
        ),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reader_is_linear(shape: str) -> None:
    """Eight times the input takes at most some eight times the steps."""
    name, text = SHAPES[shape]
    read = reader_of(Path(name))

    def count(size: int) -> int:
        content = text(size).encode()

        def work() -> Iterable[object]:
            return [*read(content), *read_ignored(content)]

        work()  # what is imported and compiled once
        return steps(work)

    few = count(FEW)
    assert count(FEW * TIMES) <= few * TIMES * ALLOWED + 100


def test_a_key_of_very_many_parts_is_refused() -> None:
    """The TOML parser takes the square of the parts of one key, so such a file counts as unread."""
    with pytest.raises(UnreadableError, match="nested too deeply"):
        list(reader_of(Path("a.toml"))((".".join("a" * 100_000) + " = 1").encode()))

"""The example of two customers, run as its reader runs it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOREIGN = ("OTEL_", "OPENAI_", "SSL_CERT_", "HTTP", "NO_PROXY", "ALL_PROXY")


def test_each_customer_is_served_in_his_region_or_not_at_all() -> None:
    """The EU customer's call to a US client sends nothing; all others reach the host of their customer."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    command = [sys.executable, "-m", "examples.tenants"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "token-rossi  /summary  200  eu.api.openai.com",
        "token-smith  /summary  200  us.api.openai.com",
        "token-rossi  /letter   451  nothing sent",
        "token-smith  /letter   200  us.api.openai.com",
    ], done.stderr
    assert (done.returncode, done.stderr) == (0, "")

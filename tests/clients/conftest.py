"""These tests need the environment of a library; the nox session `clients` says which one it made."""

import os
from pathlib import Path

NAME = os.environ.get("CLIENT")
WANTED = {"test_table.py"} if NAME is None else {"test_clients.py", f"test_{NAME.replace('-', '_')}.py"}

collect_ignore = [file.name for file in Path(__file__).parent.glob("test_*.py") if file.name not in WANTED]

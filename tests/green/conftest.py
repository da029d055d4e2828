"""These tests need the library that the nox session `green` installs."""

import os

collect_ignore_glob = [] if "GREEN" in os.environ else ["test_*.py"]

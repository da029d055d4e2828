"""Keys, made as the documentation says."""

import subprocess


def openssl(*arguments: str) -> None:
    """Run openssl."""
    subprocess.run(["/usr/bin/openssl", *arguments], check=True, capture_output=True)

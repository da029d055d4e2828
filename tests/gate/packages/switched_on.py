"""What `run.py` calls first: the gate in front of whatever the package sets up.

Its calls go to a host that the policy says is in the US.
"""

import os

from otel_residency import ResidencyInstrumentor


def required_elsewhere() -> None:
    """Require the EU: every call violates the policy."""
    switch_on("eu")


def required_there() -> None:
    """Require the US: every call keeps the policy, as far as where it goes."""
    switch_on("us")


def switch_on(region: str) -> None:
    """Put the gate in front, in the mode that the environment says."""
    ResidencyInstrumentor().instrument(
        require=[region],
        on_export=os.environ["ON_EXPORT"],
        hosts={"127.0.0.1": {"region": "us"}},
    )

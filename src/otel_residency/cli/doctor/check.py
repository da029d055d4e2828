"""What the doctor says: one check, its status, what was found, and the fix."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Check(NamedTuple):
    """One thing that was looked at. A check of several parts, such as exporters, stands there once each."""

    id: str
    status: Status
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Check:
    """All is well with `name`."""
    return Check(name, Status.OK, found)


def warning(name: str, found: str, fix: str) -> Check:
    """Something to look at, that leaves calls guarded."""
    return Check(name, Status.WARNING, found, fix)


def failure(name: str, found: str, fix: str) -> Check:
    """Something that has to be mended for the guard to keep its promise."""
    return Check(name, Status.FAILURE, found, fix)


MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "version.python": "Python is a version that the package supports.",
        "version.openai": "The openai client is one that the patches are made for.",
        "version.opentelemetry": "API and SDK of OpenTelemetry are new enough and of the same release.",
        "version.instrumentation": "opentelemetry-instrumentation is new enough.",
        "version.wrapt": "wrapt is in the range that the patches need.",
        "start.probe": "A program started by opentelemetry-instrument, as a service is, came up.",
        "start.telemetry": "Distro, configurator and instrumentors went through without an error.",
        "guard.installed": "The call guard is in force in such a program.",
        "guard.patches": "Every place of the client that the guard patches exists in the installed release.",
        "guard.clients": "Every place of other installed HTTP clients that the guard patches exists.",
        "guard.dependency": "OpenTelemetry finds the client in the range that our instrumentor asks for.",
        "guard.unseen": "No library is installed that calls the vendor by sockets of its own.",
        "policy.readable": "Every setting and the policy file can be read and are sound.",
        "policy.require": "A region is required; without one only `require()` makes violations.",
        "policy.modes": "What happens to a violating call, and to its telemetry.",
        "policy.attestations": "The policy states what the vendor's table asks for in the required regions.",
        "catalogue.revision": "Which of the vendor's tables calls are judged by today, and its age.",
        "ledger.kept": "Whether every call leaves a record, and where.",
        "ledger.writable": "This user can write to the ledger, and to the checkpoints beside it.",
        "ledger.private": "Nobody else can.",
        "ledger.space": "There is room for a while.",
        "ledger.checkpoints": "A ledger that was begun has its checkpoints beside it.",
        "ledger.key": "The key that the checkpoints are signed with can be used, and is its owner's.",
        "ledger.required": "A call without a record is refused, where the policy asks for that.",
        "client.base_url": "The host that a client made without arguments calls, judged by the policy.",
        "client.api_base": "OPENAI_API_BASE, which the client has ignored since 1.0, is not set.",
        "client.log": "OPENAI_LOG does not write prompts to the log.",
        "neighbours.openai": "No two instrumentations share the name openai.",
        "gate.installed": "The export gate stands in front of the exporters, where on_export asks for it.",
        "gate.bypass": "No provider or processor lets spans or logs out around the gate.",
        "gate.upload": "No hook of another package uploads prompts by a way of its own.",
        "telemetry.exporter": "Where each exporter sends to, and whether content may go there by the policy.",
        "telemetry.sampler": "Whether the sampler lets spans be recorded.",
    }
)
"""Every check by its id, which does not change."""

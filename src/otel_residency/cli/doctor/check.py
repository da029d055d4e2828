"""A check of the doctor: its status, what was found, and the fix."""

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
    """The result of one check. A check of several parts, such as exporters, has a result for each."""

    id: str
    status: Status
    found: str
    fix: str = ""


def ok(check_id: str, found: str) -> Check:
    """Nothing is wrong."""
    return Check(id=check_id, status=Status.OK, found=found)


def warning(check_id: str, found: str, fix: str) -> Check:
    """Something that needs attention; calls are guarded."""
    return Check(id=check_id, status=Status.WARNING, found=found, fix=fix)


def failure(check_id: str, found: str, fix: str) -> Check:
    """Something that leaves calls or telemetry unguarded."""
    return Check(id=check_id, status=Status.FAILURE, found=found, fix=fix)


MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "version.python": "Python is a version that the package supports.",
        "version.openai": "The openai client is one that the patches are made for.",
        "version.opentelemetry": "API and SDK of OpenTelemetry are new enough and of the same release.",
        "version.instrumentation": "opentelemetry-instrumentation is new enough.",
        "version.wrapt": "wrapt is in the range that the patches need.",
        "start.probe": "A program started by opentelemetry-instrument runs.",
        "start.telemetry": "Distro, configurator and instrumentors started without an error.",
        "guard.installed": "The call guard is active in such a program.",
        "guard.patches": "Every function of openai that the guard patches exists in the installed release.",
        "guard.clients": "Every function of other installed HTTP clients that the guard patches exists.",
        "guard.dependency": "The version of the client is in the range that our instrumentor requires.",
        "guard.unseen": "No library is installed that calls the vendor through its own sockets.",
        "policy.readable": "Every setting and the policy file can be read and are valid.",
        "policy.require": "A region is required; without one only `require()` causes violations.",
        "policy.modes": "What happens to a violating call, and to its telemetry.",
        "policy.attestations": "Policy or projects state what the required regions ask for.",
        "catalogue.revision": "Which of the vendor's tables is in force today, and its age.",
        "ledger.kept": "Whether every call is recorded, and where.",
        "ledger.writable": "This user can write to the ledger, and to the checkpoints beside it.",
        "ledger.private": "No other user can.",
        "ledger.space": "There is disk space for at least one file.",
        "ledger.checkpoints": "A ledger with records has its checkpoints file.",
        "ledger.key": "The key that signs the checkpoints can be used, and only its owner can read it.",
        "ledger.required": "A call without a record is refused, if the policy requires records.",
        "client.base_url": "The host that a client without arguments calls, checked against the policy.",
        "client.api_base": "OPENAI_API_BASE, which the client has ignored since 1.0, is not set.",
        "client.log": "OPENAI_LOG does not write prompts to the log.",
        "neighbours.openai": "No two instrumentations have the name openai.",
        "gate.installed": "The export gate is active, if on_export needs it.",
        "gate.bypass": "No provider or processor exports spans or logs past the gate.",
        "gate.upload": "No hook of another package uploads prompts.",
        "telemetry.exporter": "The host of each exporter, and whether the policy allows content there.",
        "telemetry.sampler": "Whether the sampler records spans.",
    }
)
"""Every check by its id, which does not change."""

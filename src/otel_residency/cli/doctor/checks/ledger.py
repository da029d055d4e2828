"""The ledger: whether there is one, and whether this user alone can write to it."""

import stat
from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.environment import Environment
from otel_residency.cli.doctor.probe_report import LedgerKey, LedgerPath, LedgerState, ProbeReport
from otel_residency.core.policy import LedgerPolicy
from otel_residency.runtime.private_file import READ

_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_KEY_ACCESS = stat.S_IWGRP | stat.S_IRWXO
"""A group may read a key: Kubernetes mounts secrets so."""


def checks(env: Environment) -> Iterator[Check]:
    """Whether it can be written, by whom else, the disk space, and the key."""
    configured = env.settings.policy.ledger
    if not configured.path:
        yield _none(configured)
        return
    ledger = env.report.ledger if env.report is not None else None
    if ledger is not None and env.report is not None:
        yield _kept(ledger)
        yield from _writable(env, ledger)
        yield from _private(ledger, env.report)
        yield _space(configured, ledger)
        yield _checkpoints(ledger)
        yield _key(env, ledger.key)
    elif env.report is not None:
        fix = "Fix start.telemetry and guard.installed first."
        yield failure("ledger.kept", "there is none: the guard is not active", fix)
    if configured.required:
        yield _required(env)


def _none(configured: LedgerPolicy) -> Check:
    if configured.required:
        fix = "Set OTEL_RESIDENCY_LEDGER, or ledger.path in the policy."
        return failure("ledger.kept", "ledger.required is true, and no ledger is configured", fix)
    return ok("ledger.kept", "there is none: calls that are not sampled or exported are not recorded")


def _kept(ledger: LedgerState) -> Check:
    state = "it has records" if ledger.has_records else "no record yet"
    return ok("ledger.kept", f"in {ledger.written.path}, {state}")


def _writable(env: Environment, ledger: LedgerState) -> Iterator[Check]:
    errors = [each for each in (ledger.written, ledger.checkpoints) if each.error]
    if ledger.written.error and not ledger.written.exists:
        errors = errors[:1]  # the checkpoints have the same error
    for each in errors:
        verb = "be written" if each.exists else "be created"
        fix = "Give the user of the service the permission, or set OTEL_RESIDENCY_LEDGER to another path."
        yield failure("ledger.writable", f"{each.path} can't {verb}: {each.error}{_consequence(env)}", fix)
    if not errors:
        yield ok("ledger.writable", "it can be written")


def _consequence(env: Environment) -> str:
    """What happens to calls."""
    policy = env.settings.policy
    refused = policy.ledger.required and policy.strictest("on_call") == "block"
    return "; every call is refused" if refused else "; no call is recorded"


def _private(ledger: LedgerState, report: ProbeReport) -> Iterator[Check]:
    findings = [
        *(
            each
            for path in (ledger.written, ledger.checkpoints)
            for each in _other_writers(path, report.user)
        ),
        *_folder_writers(ledger.folder),
    ]
    yield from findings or [ok("ledger.private", "no other user can write to it")]


def _other_writers(path: LedgerPath, user: int) -> Iterator[Check]:
    if not path.exists or path.error:
        return
    if path.folder:
        yield from _folder_writers(path)
    elif path.mode & 0o077 & ~READ:
        found = f"others can write to {path.path}, so that it is not used"
        yield failure("ledger.private", found, f"chmod 600 {path.path}")
    if path.owner != user:
        found = f"{path.path} belongs to user {path.owner}, so that it is not used; the service is {user}"
        yield failure("ledger.private", found, "Make the user of the service its owner.")


def _folder_writers(folder: LedgerPath) -> Iterator[Check]:
    if folder.mode & _WRITABLE and not folder.mode & stat.S_ISVTX:
        found = f"others can rename and delete the files in {folder.path}"
        yield warning("ledger.private", found, f"chmod go-w {folder.path}")


def _space(configured: LedgerPolicy, ledger: LedgerState) -> Check:
    wanted = configured.rotate_bytes or LedgerPolicy().rotate_bytes
    found = f"{ledger.free >> 20} MiB are free"
    if ledger.free >= wanted:
        return ok("ledger.space", found)
    fix = "Free space, or use another path; alert on residency.ledger.records with any outcome but written."
    return warning("ledger.space", f"{found}, less than one file of {wanted >> 20} MiB", fix)


def _checkpoints(ledger: LedgerState) -> Check:
    if ledger.checkpoints.exists or ledger.checkpoints.error:
        return ok("ledger.checkpoints", f"in {ledger.checkpoints.path}")
    if not ledger.has_records:
        return ok("ledger.checkpoints", "they are written with the first record")
    fix = "Find out who removed it; without it nobody can tell whether the end of the ledger was cut."
    return warning("ledger.checkpoints", f"there is a ledger, but no {ledger.checkpoints.path}", fix)


def _key(env: Environment, key: LedgerKey | None) -> Check:
    if key is None:
        return ok("ledger.key", "none: whoever can write to ledger and checkpoints can forge both")
    if key.error is not None:
        required = env.settings.policy.ledger.required
        fix = "Set OTEL_RESIDENCY_LEDGER_KEY to a private Ed25519 key that the service can read."
        consequence = _consequence(env) if required else "; records are not signed"
        return failure("ledger.key", f"{key.error}{consequence}", fix)
    if key.mode & _KEY_ACCESS:
        return warning("ledger.key", f"others can read or change {key.path}", f"chmod 400 {key.path}")
    return ok("ledger.key", f"signs with {key.path or 'a key in OTEL_RESIDENCY_LEDGER_KEY'}")


def _required(env: Environment) -> Check:
    mode = env.settings.policy.strictest("on_call")
    if mode == "block":
        return ok("ledger.required", "no record, no call")
    fix = 'Set on_call to "block", or remove required.'
    return warning("ledger.required", f"required has no effect while on_call is {mode}", fix)

"""The ledger: whether one is kept, and what could keep calls out of it or let others at it."""

import stat
from collections.abc import Iterator

from otel_residency.cli.doctor.check import Check, failure, ok, warning
from otel_residency.cli.doctor.report import Key, Ledger, Place, Report
from otel_residency.cli.doctor.seen import Seen
from otel_residency.core.policy import LedgerPolicy
from otel_residency.runtime.private_file import READ

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_KEY_OTHERS = stat.S_IWGRP | stat.S_IRWXO
"""A group may read a key: so secrets are handed to a container."""


def checks(seen: Seen) -> Iterator[Check]:
    """Where there is one: whether it can be written, by whom else, for how long, and signed."""
    told = seen.settings.policy.ledger
    if not told.path:
        yield _none(told)
        return
    ledger = seen.report.ledger if seen.report is not None else None
    if ledger is not None and seen.report is not None:
        yield _kept(ledger)
        yield from _writable(seen, ledger)
        yield from _private(ledger, seen.report)
        yield _space(told, ledger)
        yield _checkpoints(ledger)
        yield _key(seen, ledger.key)
    elif seen.report is not None:
        fix = "Mend what start.telemetry and guard.installed tell."
        yield failure("ledger.kept", "none is kept: the guard is not in force", fix)
    if told.required:
        yield _required(seen)


def _none(told: LedgerPolicy) -> Check:
    if told.required:
        fix = "Set OTEL_RESIDENCY_LEDGER, or ledger.path in the policy."
        return failure("ledger.kept", "ledger.required is true, and there is none", fix)
    return ok("ledger.kept", "none is kept: what is not sampled or exported leaves no record")


def _kept(ledger: Ledger) -> Check:
    state = "records are there" if ledger.begun else "no record yet"
    return ok("ledger.kept", f"in {ledger.written.path}, {state}")


def _writable(seen: Seen, ledger: Ledger) -> Iterator[Check]:
    errors = [each for each in (ledger.written, ledger.beside) if each.error]
    if ledger.written.error and not ledger.written.exists:
        errors = errors[:1]  # the same is wrong with what would stand beside
    for each in errors:
        verb = "be written to" if each.exists else "be made"
        fix = "Give the user of the service the right to, or name another place by OTEL_RESIDENCY_LEDGER."
        yield failure("ledger.writable", f"{each.path} can't {verb}: {each.error}{_so(seen)}", fix)
    if not errors:
        yield ok("ledger.writable", "it can be written to")


def _so(seen: Seen) -> str:
    """What becomes of calls meanwhile."""
    policy = seen.settings.policy
    refused = policy.ledger.required and policy.on_call == "block"
    return "; every call is refused" if refused else "; no call is recorded"


def _private(ledger: Ledger, report: Report) -> Iterator[Check]:
    told = [
        *(each for place in (ledger.written, ledger.beside) for each in _others(place, report.user)),
        *_others_around(ledger.around),
    ]
    yield from told or [ok("ledger.private", "nobody else can write to it")]


def _others(place: Place, user: int) -> Iterator[Check]:
    if not place.exists or place.error:
        return
    if place.folder:
        yield from _others_around(place)
    elif place.mode & 0o077 & ~READ:
        found = f"others can write to {place.path}, so that we do not"
        yield failure("ledger.private", found, f"chmod 600 {place.path}")
    if place.owner != user:
        found = f"{place.path} belongs to user {place.owner}, who can change it; the service is {user}"
        yield warning("ledger.private", found, "Let it belong to the user of the service.")


def _others_around(folder: Place) -> Iterator[Check]:
    if folder.mode & _OTHERS_WRITE and not folder.mode & stat.S_ISVTX:
        found = f"others can rename and delete what is in {folder.path}"
        yield warning("ledger.private", found, f"chmod go-w {folder.path}")


def _space(told: LedgerPolicy, ledger: Ledger) -> Check:
    wanted = told.rotate_bytes or LedgerPolicy().rotate_bytes
    found = f"{ledger.free >> 20} MiB are free"
    if ledger.free >= wanted:
        return ok("ledger.space", found)
    fix = "Make room, or name another place; alert on residency.ledger.records with any outcome but written."
    return warning("ledger.space", f"{found}, less than one file of {wanted >> 20} MiB", fix)


def _checkpoints(ledger: Ledger) -> Check:
    if ledger.beside.exists or ledger.beside.error:
        return ok("ledger.checkpoints", f"in {ledger.beside.path}")
    if not ledger.begun:
        return ok("ledger.checkpoints", "they come with the first record")
    fix = "Find out who took it away; whether the ledger was cut at its end can't be told without it."
    return warning("ledger.checkpoints", f"there is a ledger, and no {ledger.beside.path}", fix)


def _key(seen: Seen, key: Key | None) -> Check:
    if key is None:
        return ok("ledger.key", "none: who can write to ledger and checkpoints can make both anew unnoticed")
    if key.error is not None:
        required = seen.settings.policy.ledger.required
        fix = "Name a private Ed25519 key by OTEL_RESIDENCY_LEDGER_KEY, in a file that the service can read."
        so = _so(seen) if required else "; records are not signed"
        return failure("ledger.key", f"{key.error}{so}", fix)
    if key.mode & _KEY_OTHERS:
        return warning("ledger.key", f"others can read or change {key.path}", f"chmod 400 {key.path}")
    return ok("ledger.key", f"signs by {key.path or 'a key in OTEL_RESIDENCY_LEDGER_KEY'}")


def _required(seen: Seen) -> Check:
    mode = seen.settings.policy.on_call
    if mode == "block":
        return ok("ledger.required", "no record, no call")
    fix = 'Set on_call to "block", or take required out.'
    return warning("ledger.required", f"required has no effect while on_call is {mode}", fix)

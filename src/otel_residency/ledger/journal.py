"""Makes the records of one process, links them, and writes them to its files. For one thread at a time."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from time import monotonic, time_ns
from typing import TYPE_CHECKING

from otel_residency.core.facts import CallFacts
from otel_residency.guard import REMEMBERED
from otel_residency.ledger.process import Process
from otel_residency.ledger.recorded_call import RecordedCall
from otel_residency.ledger.shared_file import SharedFile
from otel_residency.records.chain import CHECKPOINT_RECORDS, Chain, Sign, digest
from otel_residency.records.files import paths_to_write
from otel_residency.records.record import FactsRedactor, Record, write_facts, write_policy, write_revision
from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import counters

if TYPE_CHECKING:
    from opentelemetry.trace import Span

FORMAT = 2
"""Of the records; the first format had no digests, and no text of the catalogue."""
_DIGESTS = {names.POLICY_DOCUMENT: names.POLICY_DIGEST, names.CATALOGUE_DOCUMENT: names.CATALOGUE_DIGEST}
CHECKPOINT_SECONDS = 60.0
"""A checkpoint is added after this many seconds, or after `CHECKPOINT_RECORDS`, whatever comes first."""


class Journal:
    """One chain, and its files."""

    def __init__(self, path: str, rotate_bytes: int, process: Process, sign: Sign | None) -> None:
        """Begin a chain.

        Args:
            path: a file, or a directory in which this chain gets its own file.
            rotate_bytes: size at which a file is rotated; 0: never.
            process: the attributes of its records that are the same in the whole process.
            sign: signs checkpoints.

        Raises:
            OSError: the file can't be opened.
            PolicyError: it is not private, see `open_private`.
        """
        self._chain = Chain()
        paths = paths_to_write(path, self._chain.writer)
        self._file = SharedFile(paths.ledger, rotate_bytes)
        self._checkpoint_file = SharedFile(paths.checkpoints)
        self._file.open()
        self._process = process
        self._sign = sign
        self._lines: list[bytes] = []
        self._checkpoints: list[bytes] = []
        self.waiting = 0
        """Calls whose records are made and not yet in the file."""
        self.closed = False
        """Whether its files were closed, and nothing was added since."""
        self._digests: dict[str, Mapping[str, str]] = {}
        """By revision of the catalogue."""
        self._since = 0
        self._last: float | None = None

    def prepare(self) -> None:
        """Read the resource of the process, and what its first record needs."""
        self._resource = self._process.resource()
        if self._last is not None:
            return
        guard = self._process.guard()
        redact = FactsRedactor(guard.catalogue, guard.settings.policy)

        @lru_cache(REMEMBERED)
        def facts_as_text(facts: CallFacts) -> str:
            return write_facts(redact(facts))

        self._facts_as_text = facts_as_text
        # The first checkpoint is written with the first records: a chain without one was made up.
        self._since, self._last = CHECKPOINT_RECORDS, monotonic()

    def take(self, calls: Iterable[RecordedCall]) -> None:
        """Make the records of `calls`."""
        now = time_ns()
        for call in calls:
            try:
                digests = self._digests_of(call.judgement.decision.catalogue, now)
                self._add(self._record(call, now, digests), call.span)
            except Exception as error:  # noqa: BLE001 - the next record may succeed
                counters().records.add(((names.LEDGER_OUTCOME, names.FAILED),))
                self._process.failed("recording a call", error)
                continue
            self.waiting += 1
            self._since += 1

    @property
    def due_in(self) -> float | None:
        """Seconds until the next checkpoint is due; `None` without a record since the last one."""
        if not self._since or self._last is None:
            return None
        if self._since >= CHECKPOINT_RECORDS:
            return 0
        return max(0, self._last + CHECKPOINT_SECONDS - monotonic())

    def check(self, *, closed: bool, dropped: int) -> None:
        """Make a checkpoint."""
        if self._last is None:
            return
        now = time_ns()
        self._take(*self._chain.checkpoint(now, self._resource, self._sign, closed=closed, dropped=dropped))
        # The very line: `verify` compares digests.
        self._checkpoints.append(self._lines[-1])
        self._since, self._last = 0, monotonic()

    def write(self) -> None:
        """Write the records that were made to the files. What can't be written is kept for the next time.

        Raises:
            OSError: it can't be written now.
            PolicyError: a file is not private.
        """
        if self._lines:
            self._file.append(b"\n".join((*self._lines, b"")))
            counters().records.add(((names.LEDGER_OUTCOME, names.WRITTEN),), self.waiting)
            self._lines.clear()
            self.waiting = 0
        # The ledger first. Killed in between, a process leaves a checkpoint that the file beside it lacks,
        # which `verify` only notes; the other way round it would look like a cut.
        if self._checkpoints:
            self._checkpoint_file.append(b"\n".join((*self._checkpoints, b"")))
            self._checkpoints.clear()

    def check_files(self) -> None:
        """Check that more can be written to the files; raises as `write` does."""
        self._file.check()
        self._checkpoint_file.check()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._checkpoint_file.close()
        self.closed = True

    def _add(self, record: Record, span: "Span | None" = None) -> None:
        self._take(*self._chain.add(record._replace(resource=self._resource)), span)

    def _take(self, record: Record, line: bytes, span: "Span | None" = None) -> None:
        self.closed = False
        # Kept until they are in the file: a line that was linked can't be left out, as the next one has its
        # hash.
        self._lines.append(line)
        emit = self._process.emit
        if emit is not None:
            try:
                emit(record.event, record.time, record.observed, record.attributes, span)
            except Exception as error:  # noqa: BLE001 - processors and exporters of the application
                self._process.failed("emitting a record", error)

    def _digests_of(self, revision: str, now: int) -> Mapping[str, str]:
        """The digests of the policy and of a revision of the catalogue; their texts are recorded once."""
        if revision in self._digests:
            return self._digests[revision]
        guard = self._process.guard()
        texts = {names.POLICY_DOCUMENT: write_policy(guard.settings.policy)}
        found = next((each for each in guard.catalogue.revisions if each.id == revision), None)
        if found is not None:  # `None`: the call was not judged, or is older than every table
            texts[names.CATALOGUE_DOCUMENT] = write_revision(found)
        digests = {_DIGESTS[name]: digest(text.encode()) for name, text in texts.items()}
        attributes = {**self._process.info(), names.CATALOGUE: revision, names.LEDGER_FORMAT: FORMAT}
        attributes |= digests | texts
        self._add(Record(event=names.EVENT_POLICY, time=now, observed=now, attributes=attributes))
        self._digests[revision] = digests
        return digests

    def _record(self, call: RecordedCall, now: int, digests: Mapping[str, str]) -> Record:
        attributes = {**call.attributes, **call.judgement.span, **call.outcome}
        attributes[names.DURATION] = call.ended - call.started
        if call.judgement.facts is not None:
            attributes |= digests
            attributes[names.FACTS] = self._facts_as_text(call.judgement.facts)
        trace_id = span_id = ""
        if call.span is not None:
            context = call.span.get_span_context()
            if context.is_valid:
                trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        return Record(
            event=names.EVENT_CALL,
            time=call.started,
            observed=now,
            attributes=attributes,
            trace_id=trace_id,
            span_id=span_id,
        )

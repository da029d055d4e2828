"""The records of a report: files, counted into DuckDB, or a ClickHouse. Both answer the same statements."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from otel_residency.audit.read import ReadPart, ReadTask, UnreadLine, read_part
from otel_residency.audit.sql import TABLES, clickhouse_lines, clickhouse_records, duckdb_records
from otel_residency.errors import AuditError
from otel_residency.records.compressed import is_compressed
from otel_residency.records.files import find_readable_ledgers

SMALL: Final = 1 << 25
"""Bytes of input that one process reads alone: starting others would take longer."""
SHARE: Final = 1 << 28
"""Bytes of a file that one process reads at a time."""
_MEMORY: Final = "400MB"
_BATCH: Final = 10_000

Query = Callable[[str], Iterable[Sequence[Any]]]
"""Runs a statement, and returns its rows."""
Progress = Callable[[int, int], None]
"""Called with the number of bytes that were read, and of all bytes."""


class Input(NamedTuple):
    """A file, or a database, and the lines in it."""

    name: str
    bytes: int
    lines: int
    unread: int
    """Lines that could not be read."""
    others: int
    """Lines with telemetry of other libraries only."""


class RecordSource(NamedTuple):
    """Records that can be queried."""

    query: Query
    inputs: tuple[Input, ...]
    unread: tuple[UnreadLine, ...] = ()
    """The first lines of each file that could not be read."""


@contextmanager
def over_files(paths: list[Path], vendors: AbstractSet[str], progress: Progress) -> Iterator[RecordSource]:
    """Read files, and keep the counted rows in a DuckDB while the report queries it.

    Args:
        paths: files, plain or compressed, and folders of them.
        vendors: as `rows_of` takes them.
        progress: called as it advances.

    Raises:
        AuditError: there is no file, one can't be opened, or DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        raise AuditError("a report needs duckdb: pip install 'otel-residency[audit]'") from None
    files = find_readable_ledgers(paths)
    with TemporaryDirectory(prefix="otel-residency-") as folder:
        parts = _read(_tasks(files), Path(folder), vendors, progress)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": _processes(),
            "memory_limit": _MEMORY,
            "temp_directory": folder,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=settings) as connection:
            connection.execute(duckdb_records(f"{folder}/*.rows"))

            def query(statement: str) -> Iterator[Sequence[Any]]:
                cursor = connection.cursor().execute(statement)
                while rows := cursor.fetchmany(_BATCH):
                    yield from rows

            inputs, unread = _inputs(files, parts)
            yield RecordSource(query=query, inputs=inputs, unread=unread)


def over_clickhouse(name: str, query: Query, vendors: AbstractSet[str]) -> RecordSource:
    """A ClickHouse with the tables of the Collector's exporter.

    Args:
        name: its name in the report, without a password.
        query: runs a statement.
        vendors: as `rows_of` takes them.

    Raises:
        AuditError: the tables are not there.
    """
    tables: dict[str, list[str]] = {}
    collected = f"database = currentDatabase() AND table IN {TABLES}"
    columns = f"SELECT table, name FROM system.columns WHERE {collected}"  # noqa: S608 - names of our own
    for table, column in query(columns):
        tables.setdefault(table, []).append(column)
    if not tables.keys() & set(TABLES[:2]):
        raise AuditError(f"{name}: has neither a table {TABLES[0]} nor {TABLES[1]}")
    records = clickhouse_records(tables, vendors)
    lines = unread = 0
    if TABLES[0] in tables:
        ((lines, unread),) = query(clickhouse_lines(tables[TABLES[0]]))
    return RecordSource(
        lambda statement: query(f"{records} {statement}"),
        (Input(name=name, bytes=0, lines=lines, unread=unread, others=0),),
    )


def _processes() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tasks(files: list[Path]) -> list[ReadTask]:
    tasks = []
    for file in files:
        try:
            size = file.stat().st_size
            if is_compressed(file):
                tasks.append(ReadTask(file, 0, None))
            else:
                starts = range(0, size, SHARE)
                tasks += [ReadTask(file, start, min(start + SHARE, size)) for start in starts]
        except OSError as error:
            raise AuditError(f"{file}: can't be read: {error.strerror}") from None
    return tasks


def _size(task: ReadTask) -> int:
    return task.path.stat().st_size if task.end is None else task.end - task.start


def _read(
    tasks: list[ReadTask], folder: Path, vendors: AbstractSet[str], progress: Progress
) -> list[ReadPart]:
    total, done = sum(map(_size, tasks)), 0
    targets = [folder / f"{number:06}.rows" for number in range(len(tasks) or 1)]
    # DuckDB raises where a pattern names no file.
    targets[0].touch()
    if total <= SMALL or _processes() == 1:

        def step(size: int) -> None:
            nonlocal done
            done += size
            progress(done, total)

        return [read_part(task, target, vendors, step) for task, target in zip(tasks, targets, strict=False)]
    # Not forked: a copy of the threads and locks of whoever calls this may hang.
    context = get_context("spawn")
    read = context.Value("q", 0)
    with ProcessPoolExecutor(_processes(), context, _share, (read,)) as pool:
        futures = [pool.submit(_read_counted, *each, vendors) for each in zip(tasks, targets, strict=True)]
        waiting: set[Future[ReadPart]] = set(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            progress(read.value, total)
        return [future.result() for future in futures]


_read_bytes: Any = None


def _share(read: Any) -> None:
    """Keep, in a process of the pool, the number of bytes that all of them have read."""
    global _read_bytes  # noqa: PLW0603
    _read_bytes = read


def _read_counted(task: ReadTask, target: Path, vendors: AbstractSet[str]) -> ReadPart:
    def step(size: int) -> None:
        with _read_bytes.get_lock():
            _read_bytes.value += size

    return read_part(task, target, vendors, step)


def _inputs(files: list[Path], parts: list[ReadPart]) -> tuple[tuple[Input, ...], tuple[UnreadLine, ...]]:
    """The lines of each file, and those that could not be read, numbered from its start."""
    inputs, unread = [], []
    for file in files:
        lines = unread_lines = foreign = 0
        for part in (part for part in parts if part.path == file):
            unread += [each._replace(line=each.line + lines) for each in part.unread]
            lines += part.lines
            unread_lines += part.unread_lines
            foreign += part.foreign
        inputs.append(
            Input(name=str(file), bytes=file.stat().st_size, lines=lines, unread=unread_lines, others=foreign)
        )
    return tuple(inputs), tuple(unread)

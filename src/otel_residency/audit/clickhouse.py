"""Queries a ClickHouse over HTTP."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging import NullHandler, getLogger
from typing import Any
from urllib.parse import urlsplit

from otel_residency.audit.engines import Query
from otel_residency.errors import AuditError


@contextmanager
def connected(url: str, password: str) -> Iterator[tuple[str, Query]]:
    """Connect to a ClickHouse.

    Args:
        url: like `https://USER@HOST:8443/DATABASE`.
        password: of the user.

    Yields:
        Its name, without the user, and a function that runs a statement.

    Raises:
        AuditError: it can't be queried, or its client library is not installed.
    """
    try:
        import clickhouse_connect  # noqa: PLC0415 - an extra
        from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415
    except ImportError:
        raise AuditError(
            "to query a ClickHouse install clickhouse-connect: pip install 'otel-residency[audit]'"
        ) from None
    getLogger("clickhouse_connect").addHandler(NullHandler())  # its message is in the error that is raised
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AuditError("the URL of a ClickHouse is like https://USER@HOST:8443/DATABASE")
    database = parts.path.strip("/") or "default"
    name = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}/{database}"
    try:
        with clickhouse_connect.get_client(
            host=parts.hostname,
            port=port or 0,
            username=parts.username or "default",
            password=password or parts.password or "",
            database=database,
            interface=parts.scheme,
        ) as client:

            def query(statement: str) -> Iterator[Sequence[Any]]:
                with client.query_rows_stream(statement) as rows:
                    yield from rows

            yield name, query
    except ClickHouseError as error:
        reason = str(error).partition("\n")[0]  # a stack trace of the server follows
        raise AuditError(f"{name}: can't be queried: {reason}") from None

"""Fetches a statement's rows in pieces, so that only a few pieces are in memory at a time.

psycopg streams without a server-side cursor, which would cost a round trip for each piece and a plan made for the first
rows only. The other drivers use server-side cursors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

Row = tuple[Any, ...]
# How many pieces psycopg fetches at once, because each fetch costs an allocation of its own.
PIECES_AT_ONCE = 4
_SERVERS = frozenset({"postgresql", "mysql", "mariadb"})


class _Stream:
    """Carries the rows from `_execute`, where SQLAlchemy runs the statement, to `fetched`."""

    def __init__(self, chunk_rows: int) -> None:
        self.chunk_rows = chunk_rows
        self.rows: Iterator[Row] = iter(())


def prepare(engine: sa.Engine) -> None:
    """Let `fetched` stream from `engine`; needed once."""
    if engine.dialect.driver == "psycopg":
        sa.event.listen(engine, "do_execute", _execute)


def fetched(  # noqa: C901, PLR0912  # one branch a way of drivers
    connection: sa.Connection, statement: sa.Executable, *, piece_rows: int
) -> Iterator[tuple[Sequence[Row], Sequence[Any]]]:
    """Pieces of at most `piece_rows` rows of `statement`, none empty, each with the driver's description of them.

    Closing it early ends the statement without waiting for the remaining rows.
    """
    name, stream = connection.dialect.name, None
    options: dict[str, Any] = {}
    if connection.dialect.driver == "psycopg":
        # Rows that may be wide are fetched one by one.
        options["etl_stream"] = stream = _Stream(piece_rows * PIECES_AT_ONCE if piece_rows > 1 else 1)
    elif name in _SERVERS and connection.dialect.supports_server_side_cursors:
        options["stream_results"] = True
        if name == "postgresql":
            # Plan for all rows, not for getting the first tenth soon.
            connection.exec_driver_sql("SET LOCAL cursor_tuple_fraction = 1")
    result = connection.execute(statement, execution_options=options)
    cursor = result.cursor
    whole = cursor is None
    try:
        if cursor is None:
            return
        # As tuples, because every access to psycopg's description computes it anew, and each piece needs it.
        description = [tuple(column) for column in cursor.description or ()]
        if stream is not None:
            while piece := list(islice(stream.rows, piece_rows)):
                yield piece, description
        else:
            if "stream_results" in options:
                # SQLAlchemy has already fetched one row of a server-side cursor, to get the description.
                first = result.fetchone()
                if first is None:
                    whole = True
                    return
                yield [tuple(first)], description
            while rows := cursor.fetchmany(piece_rows):
                yield rows, description
        whole = True
    finally:
        if stream is not None and (close := getattr(stream.rows, "close", None)) is not None:
            close()
        if not whole and name in {"mysql", "mariadb"}:
            # MySQL's protocol cannot stop early: without this the driver would read all remaining rows.
            unread: Any = getattr(cursor, "_result", None)  # PyMySQL's
            if getattr(unread, "unbuffered_active", False):
                unread.unbuffered_active = False
            connection.invalidate()
        result.close()


def _execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:  # noqa: ANN401  # the driver's
    stream = None if context is None else context.execution_options.get("etl_stream")
    if stream is None:
        return False
    rows = cursor.stream(statement, parameters, size=stream.chunk_rows if _in_chunks() else 1)
    # The description is available only with the first row.
    first = next(rows, None)
    stream.rows = iter(()) if first is None else _continued(first, rows)
    return True


def _continued(first: Row, rest: Any) -> Iterator[Row]:  # noqa: ANN401  # the driver's generator
    try:
        yield from chain((first,), rest)
    finally:
        rest.close()


def _in_chunks() -> bool:
    from psycopg import pq  # noqa: PLC0415  # the driver is an extra

    return pq.version() >= 170000  # libpq of PostgreSQL 17

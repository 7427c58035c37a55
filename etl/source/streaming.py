"""A statement's rows piece by piece, as the server sends them: no more of them is in memory than a few pieces.

psycopg streams without a cursor of the server, which would cost an exchange of messages a piece and be planned as if
only its first rows were wanted. The other drivers have cursors that leave the rows with the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

Row = tuple[Any, ...]
# How many pieces the server sends at once: each costs an allocation, whatever is in it.
PIECES_AT_ONCE = 4
_SERVERS = frozenset({"postgresql", "mysql", "mariadb"})


class _Stream:
    """Carries the rows from the place where the statement is executed to the place where they are fetched."""

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

    Closed early, it ends the statement; what the server still sends is not waited for.
    """
    name, stream = connection.dialect.name, None
    options: dict[str, Any] = {}
    if connection.dialect.driver == "psycopg":
        # Rows are asked for one by one where they may be wide.
        options["etl_stream"] = stream = _Stream(piece_rows * PIECES_AT_ONCE if piece_rows > 1 else 1)
    elif name in _SERVERS and connection.dialect.supports_server_side_cursors:
        options["stream_results"] = True
        if name == "postgresql":
            # All rows are wanted, not the first tenth of them soon.
            connection.exec_driver_sql("SET LOCAL cursor_tuple_fraction = 1")
    result = connection.execute(statement, execution_options=options)
    cursor = result.cursor
    whole = cursor is None
    try:
        if cursor is None:
            return
        # As tuples: psycopg looks each of its parts up anew, and each piece is looked at by it.
        description = [tuple(column) for column in cursor.description or ()]
        if stream is not None:
            while piece := list(islice(stream.rows, piece_rows)):
                yield piece, description
        else:
            if "stream_results" in options:
                # SQLAlchemy has fetched one row of a server's cursor already, to see the description.
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
            # Their protocol cannot break off: the driver would read all the rest.
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
    # The description is there with the first row.
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

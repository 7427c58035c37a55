"""The state in a shared PostgreSQL database: the same tables, in the first schema of the user's search path.

It alone in this room needs SQLAlchemy, so it is imported for a URL only: that takes as long as a whole `status` of a
file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from etl.errors import StateUnusable
from etl.state.database import Database
from etl.state.schema import SCHEMA_VERSION, refuse_newer, refuse_older, upgrade
from etl.state.trouble import DriverErrors, explain, told_as_state

_LOST_HINT = (
    "the lock on the mapping went with it, so another run may have begun, and this one wrote nothing more; "
    "run again: it goes on where it stopped"
)

# Keys of advisory locks that guard the making of the tables; any fixed number will do.
_SETUP_LOCK = 0x53717A45


def open_postgresql(location: str, *, write: bool) -> Database | None:
    """The state behind the URL `location`, made or brought up to date when `write`; None when there is none to look at.

    Raises `StateUnusable`, also for the URL of another sort of database.
    """
    url = _server_url(location)
    # Neither user nor password, nor the options: some of those are secrets too.
    bare = sa.URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    place = bare.render_as_string()
    options = "-c timezone=UTC -c client_encoding=UTF8" + ("" if write else " -c default_transaction_read_only=on")
    # Keepalives: the connection may be silent for hours while it holds a lock; the server must notice a dead one.
    arguments = {"options": options, "connect_timeout": 10, "keepalives_idle": 30, "application_name": "squeezely-etl"}
    with told_as_state("reach", place, _SERVER_ERRORS):
        engine = sa.create_engine(
            url, connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        database = Database(
            lambda: _ServerConnection(engine.connect()),
            place=place,
            writable=write,
            postgresql=True,
            errors=_SERVER_ERRORS,
        )
    try:
        found = _version(database)
        refuse_newer(found, place)
        if write:
            with database.transaction("make") as transaction:
                transaction.run("SELECT pg_advisory_xact_lock(?)", (_SETUP_LOCK,))
                found = _version(database)
                if found < SCHEMA_VERSION:
                    upgrade(transaction, found, postgresql=True)
        elif found == 0:
            database.close()
            return None
        else:
            refuse_older(found, place)
    except BaseException:
        database.close()
        raise
    return database


class _ServerConnection:
    """A connection of SQLAlchemy, asked as SQLite's own is."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection: Final = connection

    def execute(self, sql: str, parameters: Sequence[Any], /) -> sa.CursorResult[Any]:
        return self._connection.exec_driver_sql(_translated(sql), tuple(parameters))

    def executemany(self, sql: str, rows: Sequence[tuple[object, ...]], /) -> None:
        self._connection.exec_driver_sql(_translated(sql), rows)

    def close(self) -> None:
        self._connection.close()


def _translated(sql: str) -> str:
    return sql.replace("?", "%s")


def _explain(error: Exception) -> tuple[str, str]:
    # Once lost, it is not made anew: the lock on the mapping was its, and another run may have begun.
    if isinstance(error, sa.exc.PendingRollbackError) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    ):
        return "the connection to it was lost", _LOST_HINT
    origin = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        return f"the server says {type(origin).__name__} ({state})", "check the server and this user's rights"
    return explain(origin)


_SERVER_ERRORS: Final = DriverErrors((sa.exc.SQLAlchemyError, OSError, UnicodeDecodeError), _explain)


def _server_url(location: str) -> sa.URL:
    try:
        url = sa.make_url(location)
    except sa.exc.ArgumentError:
        raise StateUnusable("the state's URL cannot be read", hint="postgresql://user@host/database") from None
    if url.get_backend_name() != "postgresql":
        raise StateUnusable(
            f"the state cannot be kept in {url.get_backend_name()}",
            hint="give the path of a file, or the URL of a PostgreSQL database",
        )
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _version(database: Database) -> int:
    if database.rows("SELECT to_regclass('etl_meta')")[0][0] is None:
        return 0
    found = database.rows("SELECT value FROM etl_meta WHERE name = 'schema_version'")
    if not found or not str(found[0][0]).isdigit():
        raise StateUnusable(
            f"the tables etl_… in {database.place} are not a state", hint="give the URL of another database or schema"
        )
    return int(found[0][0])

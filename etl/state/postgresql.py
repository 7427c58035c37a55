"""The state in a shared PostgreSQL database: the same tables, in the first schema of the user's search path.

Imported only for a URL, because it needs SQLAlchemy, whose import takes as long as a whole `status` of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from etl.errors import StateUnusable
from etl.install import pip_install
from etl.secret import holds_stray_at, shown_name, stray_words
from etl.state.database import Database
from etl.state.pooler import refuse_transaction_pooler
from etl.state.restored import distrust_restored
from etl.state.schema import SCHEMA_VERSION, refuse_newer, refuse_older, upgrade
from etl.state.server_trouble import SERVER_ERRORS, URL
from etl.state.trouble import told_as_state
from etl.unreachable import ESCAPED, repeated_option, url_hint

# Settings of each connection, with the server version that knows them. Keepalives: the server notices within a minute,
# not two hours, that the silent holder of a lock is gone. Time limits that an administrator set for a user or a
# database are switched off: a run may be idle for long, and must not be interrupted while it records.
_TOLD = (
    (9, "timezone", "'UTC'"),
    (9, "tcp_keepalives_idle", "20"),
    (9, "tcp_keepalives_interval", "10"),
    (9, "tcp_keepalives_count", "3"),
    (12, "tcp_user_timeout", "'50s'"),
    (9, "statement_timeout", "0"),
    (9, "lock_timeout", "0"),
    (9, "idle_in_transaction_session_timeout", "0"),
    (14, "idle_session_timeout", "0"),
    (17, "transaction_timeout", "0"),
    (9, "default_transaction_isolation", "'read committed'"),
)
_READ_ONLY = "default_transaction_read_only"
# With synchronous_commit off a crash of the server may lose the last transactions, and with them the record that an
# event was about to leave: a row that changes back would count as unchanged. Any other setting is kept.
_DURABLE = "synchronous_commit"
_WAIT_FOR_THE_DISK = f"SELECT set_config('{_DURABLE}', 'local', false) WHERE current_setting('{_DURABLE}') = 'off'"

# Drivers that take libpq's options; the first is the default.
_DRIVERS = ("psycopg", "psycopg2")

# The key of the advisory lock held while tables are created; any fixed number will do.
_SETUP_LOCK = 0x53717A45


def shown_place(location: str) -> str:
    """The URL `location` for people. Raises `StateUnusable` where it is no URL of a PostgreSQL database."""
    url = _server_url(location)
    # Without user, password and options: some options are secrets too.
    return sa.URL.create("postgresql", host=url.host, port=url.port, database=url.database).render_as_string()


def open_postgresql(location: str, *, write: bool) -> Database | None:
    """The state at the URL `location`, created or upgraded when `write`; None when there is none and not `write`.

    Raises `StateUnusable`, also for another kind of database and behind a pooler in transaction mode; `StateAway` when
    the server cannot be reached.
    """
    url, place = _server_url(location), shown_place(location)
    # Keepalives: the connection may be silent for hours while it holds a lock, and both ends must notice if it dies.
    ours: dict[str, object] = {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "application_name": "squeezely-etl",
        "client_encoding": "utf8",
    }
    if url.drivername == "postgresql+psycopg":
        ours["prepare_threshold"] = None
    # Options of the URL win; its `options` (such as a search_path) are passed unchanged.
    arguments = {name: value for name, value in ours.items() if name not in url.query}
    repeated = repeated_option(url.query, url=URL, several=True)
    if repeated is not None:
        raise StateUnusable(repeated.words, hint=repeated.hint)
    with told_as_state("open", place, SERVER_ERRORS):
        try:
            engine = sa.create_engine(
                url,
                connect_args=arguments,
                poolclass=NullPool,
                isolation_level="AUTOCOMMIT",
                hide_parameters=True,
                # With it psycopg2 would begin a transaction at each connection, before our settings are made.
                use_native_hstore=False,
            )
        except ImportError:
            raise StateUnusable(
                f"the driver for the state {place} is not installed", hint=pip_install("psycopg[binary]")
            ) from None
        refuse_transaction_pooler(engine, place)
        database = Database(
            lambda: _ServerConnection(engine.connect(), write=write),
            place=place,
            writable=write,
            postgresql=True,
            errors=SERVER_ERRORS,
        )
    try:
        found = _version(database)
        refuse_newer(found, place)
        if write:
            with database.transaction("make") as transaction:
                transaction.run("SELECT pg_advisory_xact_lock(?)", (_SETUP_LOCK,))
                found = _version(database)
                database.made = found == 0
                if found < SCHEMA_VERSION:
                    upgrade(transaction, found, postgresql=True)
                distrust_restored(transaction, place)
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
    """Gives a connection of SQLAlchemy the interface of SQLite's own.

    It is not shared until it is closed, so settings for the whole session are safe.
    """

    def __init__(self, connection: sa.Connection, *, write: bool) -> None:
        self._connection: Final = connection
        version = int((connection.dialect.server_version_info or (0,))[0])
        settings = {name: value for since, name, value in _TOLD if version >= since}
        if not write:
            settings[_READ_ONLY] = "on"
        self._reset: Final = "; ".join(f"RESET {name}" for name in (*settings, _DURABLE))
        try:
            connection.exec_driver_sql("; ".join(f"SET {name} = {value}" for name, value in settings.items()))
            if write:
                connection.exec_driver_sql(_WAIT_FOR_THE_DISK)
        except BaseException:
            connection.close()
            raise

    def execute(self, sql: str, parameters: Sequence[Any], /) -> sa.CursorResult[Any]:
        return self._connection.exec_driver_sql(_translated(sql), tuple(parameters))

    def executemany(self, sql: str, rows: Sequence[tuple[object, ...]], /) -> None:
        self._connection.exec_driver_sql(_translated(sql), rows)

    def close(self) -> None:
        # A pooler in session mode hands the session on to another program, perhaps without a reset.
        with suppress(sa.exc.SQLAlchemyError, OSError):
            self._connection.exec_driver_sql(self._reset)
        self._connection.close()


def _translated(sql: str) -> str:
    return sql.replace("?", "%s")


def _server_url(location: str) -> sa.URL:
    try:
        url = sa.make_url(location)
    except (sa.exc.ArgumentError, ValueError):
        raise StateUnusable(
            "the state's URL cannot be read", hint=url_hint(location, example="postgresql://user@host/database")
        ) from None
    if holds_stray_at(location, has_user=url.username is not None or url.password is not None):
        raise StateUnusable(
            f"the state's URL has {stray_words(location)}",
            hint=ESCAPED,
        )
    backend, _, driver = url.drivername.partition("+")
    # `postgres://` is accepted as in `source.url`, because many shops write it.
    if backend not in ("postgresql", "postgres"):
        raise StateUnusable(
            f"the state cannot be kept in {shown_name(backend)}",
            hint="give the path of a file, or the URL of a PostgreSQL database",
        )
    if driver and driver not in _DRIVERS:
        raise StateUnusable(
            f"the state's URL names the driver {shown_name(driver)}, which does not keep a state; "
            f"{' and '.join(_DRIVERS)} do",
            hint="write postgresql://…" + ("" if find_spec("psycopg") else f", and {pip_install('psycopg[binary]')}"),
        )
    return url.set(drivername=f"postgresql+{driver or _DRIVERS[0]}")


def _version(database: Database) -> int:
    if database.rows("SELECT current_schema()")[0][0] is None:
        _refuse_closed_schema(database)
        # Otherwise no tables would be found, as if nothing had run yet.
        raise StateUnusable(
            f"no schema that the state's URL names in its search_path is there, in {database.place}",
            hint="CREATE SCHEMA makes it; or correct options=-csearch_path=… in the URL",
        )
    if database.rows("SELECT to_regclass('etl_meta')")[0][0] is None:
        return 0
    found = database.rows("SELECT value FROM etl_meta WHERE name = 'schema_version'")
    if not found or not str(found[0][0]).isdigit():
        raise StateUnusable(
            f"the tables etl_… in {database.place} are not a state", hint="give the URL of another database or schema"
        )
    return int(found[0][0])


def _refuse_closed_schema(database: Database) -> None:
    """Raise `StateUnusable` when a schema of the search path is there, but this user has no USAGE on it."""
    for part in str(database.rows("SELECT current_setting('search_path')")[0][0]).split(","):
        name = part.strip().strip('"')
        if database.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", (name,)):
            raise StateUnusable(
                f"this user may not use the schema {shown_name(name)}, which the state's URL names in its search_path, "
                f"in {database.place}",
                hint=f"let its owner GRANT USAGE, CREATE ON SCHEMA {shown_name(name)} TO this user",
            )

"""Connects to source databases, read-only; a database file is never created."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import sqlalchemy.exc
import sqlalchemy.pool

from etl.clock import Clock
from etl.errors import SourceFailed, UsageProblem
from etl.secret import holds_stray_at, shown_path, stray_words
from etl.source import drivers, session, tls
from etl.source.database import FIRST_CONNECT_SECONDS, Database, Habits
from etl.source.fault import DatabaseFault, Fault
from etl.source.lenient import refuse_other_dates
from etl.source.plan import ReadLimits
from etl.unreachable import ESCAPED, STATEMENT_POOLER, url_hint

FILES = frozenset({"sqlite", "duckdb"})
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}


def connect(url: str, *, clock: Clock, limits: ReadLimits | None = None, zone: str = "UTC") -> Database:
    """The database of `url`, reached at least once; `zone` is that of its transactions (`source.session_timezone`).

    Raises:
        UsageProblem: `url` is not a URL, names an option that its driver does not know, or its driver is not installed.
        SourceFailed: the database is unreachable or refuses the login; its file is missing.
    """
    limits = limits or ReadLimits()
    parsed = drivers.with_driver(_with_host(parse_database_url(url, what="source.url")))
    try:
        instants = _zone_of_instants(parsed, limits, zone, clock=clock)
        database = _opened(parsed, limits, instants, clock=clock)
    except (ImportError, sqlalchemy.exc.NoSuchModuleError) as error:
        raise drivers.driver_missing(parsed, error) from None
    session.prepare(database.engine, limits, zone=zone)
    try:
        rows = _first_read(database, session.zone_statement(database.dialect), parsed, limits)
        session.check_zone(rows[0][0], dialect=database.dialect, zone=zone)
        tls.refuse_cleartext(database, parsed)
    except BaseException:
        database.close()
        raise
    return database


def parse_database_url(url: str, *, what: str) -> sa.URL:
    """`url`, read; `what` names it in messages, which show nothing of it.

    Raises:
        UsageProblem: it is not a URL, or it is not clear where its password ends.
    """
    hint = "for example postgresql://user@host/shop or sqlite:///shop.db"
    try:
        parsed = sa.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UsageProblem(f"{what} is not a database URL", hint=url_hint(url, example=hint)) from None
    has_user = parsed.username is not None or parsed.password is not None
    if parsed.get_backend_name() in FILES:
        # An @ in a path is part of the path.
        if has_user or parsed.host:
            raise UsageProblem(f"{what}: the URL of a file has three slashes and neither user nor host", hint=hint)
    elif holds_stray_at(url, has_user=has_user):
        raise UsageProblem(
            f"{what} has {stray_words(url)}",
            hint=ESCAPED,
        )
    return parsed


def place_of(url: sa.URL) -> str:
    """`postgresql://host:port/name` for people and for the fingerprint: no user, no password, no options.

    The port is always shown, also when the URL leaves it to the database's default.
    """
    url = _with_host(url)
    backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    if backend in FILES:
        return f"{backend}:///{Path(url.database or '').absolute()}"
    host = url.host or "localhost"
    hosts = url.query.get("host") or url.query.get("unix_socket") or url.query.get("unix_sock")
    if hosts is not None and url.host is None:
        host = hosts if isinstance(hosts, str) else ",".join(hosts)
        return f"{backend}://{host}/{url.database or ''}"
    if ":" in host:
        host = f"[{host}]"  # IPv6
    port = url.port or _PORTS.get(backend)
    return f"{backend}://{host}{f':{port}' if port else ''}/{url.database or ''}"


def _with_host(url: sa.URL) -> sa.URL:
    """`url` with host and port moved from its query part to their usual place; the path of a socket stays."""
    host, port = url.query.get("host"), url.query.get("port")
    if url.host is not None or not isinstance(host, str) or host.startswith("/") or "," in host:
        return url
    name, colon, own_port = host.rpartition(":")
    if colon and own_port.isdecimal() and not host.endswith("]"):
        host, port = name, own_port
    url = url.set(host=host.strip("[]")).difference_update_query(["host", "port"])
    if not isinstance(port, str):
        return url
    if not port.isdecimal():
        raise UsageProblem("source.url has an option port that is no number", hint="such as port=5432")
    return url.set(port=int(port))


def _opened(url: sa.URL, limits: ReadLimits, instants: tzinfo, *, clock: Clock) -> Database:
    match url.get_backend_name():
        case "sqlite":
            engine = _sqlite(url, limits)
        case "duckdb":
            _existing(url, "DuckDB")
            engine = sa.create_engine(url, connect_args={"read_only": True}, **_pooling())
        case _:
            engine = _engine(url, limits, instants)
    drivers.refuse_waiting(engine)
    drivers.wait_for_rows(engine, url, limits)
    refuse_other_dates(engine)
    habits = Habits(drivers.amendment(url, instants), instants)
    return Database(engine, clock=clock, place=place_of(url), patient=limits.patient, habits=habits)


def _engine(url: sa.URL, limits: ReadLimits, instants: tzinfo, **more: Any) -> sa.Engine:  # noqa: ANN401  # SQLAlchemy's
    told, exact = drivers.arguments(url, limits, instants), drivers.exact_json(url)
    drivers.refuse_repeated(url)
    tls.refuse_unreadable_files(url)
    try:
        return sa.create_engine(drivers.without_renamed(url), connect_args=told, **exact, **_pooling(), **more)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        # SQLAlchemy parses some options itself: integers and booleans.
        if isinstance(error, sqlalchemy.exc.NoSuchModuleError) or not url.query:
            raise
        raise drivers.wrong_option(url, error) from None


def _zone_of_instants(url: sa.URL, limits: ReadLimits, zone: str, *, clock: Clock) -> tzinfo:
    """The zone of the instants that the driver gets without an offset: TIMESTAMP of MySQL and MariaDB."""
    if url.get_backend_name() not in {"mysql", "mariadb"} or zone == "UTC":
        return UTC
    if zone != session.SERVER:
        return ZoneInfo(zone)
    database = _opened(url, limits, UTC, clock=clock)
    try:
        ((found, system),) = _first_read(
            database, sa.text("SELECT @@session.time_zone, @@system_time_zone"), url, limits
        )
    finally:
        database.close()
    return session.zone_of_server(found, system)


def _first_read(
    database: Database, statement: sa.Executable, url: sa.URL, limits: ReadLimits
) -> Sequence[tuple[Any, ...]]:
    def attempt() -> Sequence[tuple[Any, ...]]:
        try:
            database.reach()
            return database.read(statement).rows
        except (TypeError, AttributeError, ValueError) as error:
            # Some drivers take the URL's options as arguments of a function, so a wrong option raises TypeError and the
            # like.
            if not url.query:
                raise
            raise drivers.wrong_option(url, error) from None
        except DatabaseFault as fault:
            if fault.fault is Fault.OPTION:
                raise UsageProblem(fault.words, hint=fault.hint) from None
            if fault.fault is Fault.ZONE:
                raise session.unknown_zone() from None
            if fault.fault is Fault.LOST and fault.hint is None and _pools_statements(url, limits):
                raise SourceFailed(
                    f"could not connect to {database.place}: {STATEMENT_POOLER.words}", hint=STATEMENT_POOLER.hint
                ) from None
            raise

    return database.patiently(attempt, purpose="connect", waits=FIRST_CONNECT_SECONDS)


def _pools_statements(url: sa.URL, limits: ReadLimits) -> bool:
    """Whether a statement succeeds but the beginning of a transaction fails: a pooler in statement mode.

    Such a pooler says so and closes the connection, but not every driver passes its message on.
    """
    if url.get_backend_name() != "postgresql":
        return False
    # psycopg2 would look for the type hstore at each connection, in a transaction.
    plain = {"use_native_hstore": False} if url.get_driver_name() == "psycopg2" else {}
    engine = _engine(url, limits, UTC, isolation_level="AUTOCOMMIT", **plain)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
            try:
                connection.exec_driver_sql("BEGIN")
            except sqlalchemy.exc.DBAPIError:
                return True
            connection.exec_driver_sql("ROLLBACK")
    except (sqlalchemy.exc.SQLAlchemyError, OSError):
        pass
    finally:
        engine.dispose()
    return False


def _sqlite(url: sa.URL, limits: ReadLimits) -> sa.Engine:
    path = _existing(url, "SQLite")

    def open_file() -> sqlite3.Connection:
        # mode=ro opens, never creates and never writes; SQLAlchemy's pool hands connections between threads.
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, timeout=limits.lock_seconds, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        return connection

    return sa.create_engine(url.set(query={}), creator=open_file, **_pooling())


def _existing(url: sa.URL, kind: str) -> Path:
    if not url.database or url.database == ":memory:":
        scheme = kind.lower()
        raise UsageProblem(
            f"source.url names no {kind} file", hint=f"for example {scheme}:///shop.db, from the folder of the call"
        )
    path = Path(url.database).absolute()
    if not path.is_file():
        raise SourceFailed(
            f"could not open the {kind} database {shown_path(str(path))}: no such file",
            hint="a relative path counts from the folder of the call; check source.url",
        )
    return path


def _pooling() -> dict[str, Any]:
    return {
        "poolclass": sqlalchemy.pool.QueuePool,
        "pool_size": 1,
        "max_overflow": 8,
        "pool_pre_ping": True,
        "hide_parameters": True,
        "echo": False,
    }

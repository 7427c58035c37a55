"""Engines for source databases: how to connect, and what every session is told before its first query.

Sessions cannot write, think in UTC and end overlong statements; a SQLite file is never created.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
import sqlalchemy.exc
import sqlalchemy.pool

from etl.clock import Clock
from etl.errors import SourceFailed, UsageProblem
from etl.source.database import FIRST_CONNECT_SECONDS, Database

APPLICATION = "squeezely-etl"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the database may keep us waiting, in seconds; `patient`: failures that may pass are tried again."""

    connect_seconds: int = 10
    statement_seconds: int = 300
    lock_seconds: int = 30
    patient: bool = True


# For a person who looks, and would rather hear that the database does not answer.
GLANCE = Limits(connect_seconds=4, statement_seconds=8, lock_seconds=2, patient=False)


def connect(url: str, *, clock: Clock, limits: Limits | None = None) -> Database:
    """The database of `url`, reached at least once.

    Raises:
        UsageProblem: `url` is not a URL, or its driver is not installed.
        SourceFailed: the database is unreachable or refuses the login; a SQLite file is missing.
    """
    limits = limits or Limits()
    try:
        parsed = _with_driver(sa.make_url(url))
    except sqlalchemy.exc.ArgumentError:
        raise UsageProblem(
            "source.url is not a database URL", hint="for example postgresql://user@host/shop or sqlite:///shop.db"
        ) from None
    place = place_of(parsed)
    try:
        engine = _sqlite(parsed, limits) if parsed.get_backend_name() == "sqlite" else _server(parsed, limits)
    except (ModuleNotFoundError, sqlalchemy.exc.NoSuchModuleError):
        raise _driver_missing(parsed) from None
    database = Database(engine, clock=clock, place=place, patient=limits.patient)
    try:
        database.patiently(
            lambda: database.read(sa.select(sa.literal_column("1"))), purpose="connect", waits=FIRST_CONNECT_SECONDS
        )
    except BaseException:
        database.close()
        raise
    return database


def place_of(url: sa.URL) -> str:
    """`postgresql://host:port/name` for people and for the fingerprint: no user, no password, no options."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return f"sqlite:///{Path(url.database or '').absolute()}"
    port = f":{url.port}" if url.port else ""
    return f"{backend}://{url.host or 'localhost'}{port}/{url.database or ''}"


def _with_driver(url: sa.URL) -> sa.URL:
    match url.drivername:
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case "mysql" | "mariadb":
            return url.set(drivername=f"{url.drivername}+pymysql")
        case _:
            return url


def _driver_missing(url: sa.URL) -> UsageProblem:
    backend = url.drivername.partition("+")[0]
    extra = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}.get(backend)
    hint = f"pip install 'squeezely-etl[{extra}]'" if extra else "install a SQLAlchemy dialect and a driver for it"
    return UsageProblem(f"no driver for {url.drivername} databases is installed", hint=hint)


def _sqlite(url: sa.URL, limits: Limits) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise UsageProblem(
            "source.url names no SQLite file", hint="for example sqlite:///shop.db, from the folder of the call"
        )
    path = Path(url.database).absolute()
    if not path.is_file():
        raise SourceFailed(
            f"could not open the SQLite database {path}: no such file",
            hint="a relative path counts from the folder of the call; check source.url",
        )

    def open_file() -> sqlite3.Connection:
        # mode=ro opens, never creates and never writes; SQLAlchemy's pool hands connections between threads.
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, timeout=limits.lock_seconds, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        return connection

    return sa.create_engine(url, creator=open_file, **_pooling())


def _server(url: sa.URL, limits: Limits) -> sa.Engine:
    match url.get_backend_name():
        case "postgresql":
            arguments: dict[str, Any] = {
                "application_name": APPLICATION,
                "connect_timeout": limits.connect_seconds,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "prepare_threshold": None,  # a generic plan of a keyset query is a bad one; poolers dislike them too
            }
            told = _tell_postgresql(limits)
        case "mysql" | "mariadb":
            arguments = {
                "connect_timeout": limits.connect_seconds,
                # A little longer than the server's own limit, so that a dead network path ends too.
                "read_timeout": limits.statement_seconds + min(30, limits.statement_seconds),
                "charset": "utf8mb4",
                "program_name": APPLICATION,
                "conv": _mysql_conversions(),
            }
            told = _tell_mysql(limits)
        case _:
            arguments, told = {}, _tell_nothing
    # What the URL says itself wins over our defaults.
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    engine = sa.create_engine(url, connect_args=arguments, **_pooling())
    sa.event.listen(engine, "connect", told)
    return engine


def _pooling() -> dict[str, Any]:
    return {
        "poolclass": sqlalchemy.pool.QueuePool,
        "pool_size": 1,
        "max_overflow": 8,
        "pool_pre_ping": True,
        "hide_parameters": True,
        "echo": False,
    }


def _tell_nothing(_connection: object, _record: object) -> None:
    """Other databases: their sessions are as the URL and the user's privileges make them."""


def _tell_postgresql(limits: Limits) -> Callable[[Any, Any], None]:
    def tell(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's connection has no common type
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute("SET DateStyle = ISO")
            cursor.execute(f"SET statement_timeout = {limits.statement_seconds * 1000:d}")
            cursor.execute(f"SET lock_timeout = {limits.lock_seconds * 1000:d}")
            cursor.execute("SHOW TimeZone")
            _assert_utc(cursor.fetchone()[0])
        connection.autocommit = False

    return tell


def _tell_mysql(limits: Limits) -> Callable[[Any, Any], None]:
    def tell(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's connection has no common type
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(f"SET SESSION lock_wait_timeout = {limits.lock_seconds:d}")
            if "mariadb" in connection.get_server_info().lower():
                cursor.execute(f"SET SESSION max_statement_time = {limits.statement_seconds:d}")
            else:
                cursor.execute(f"SET SESSION max_execution_time = {limits.statement_seconds * 1000:d}")
            cursor.execute("SELECT @@session.time_zone")
            _assert_utc(cursor.fetchone()[0])

    return tell


def _assert_utc(zone: str) -> None:
    # A pooler that swallows SET would shift every time in silence.
    if zone not in {"UTC", "Etc/UTC", "+00:00"}:
        raise SourceFailed(f"the database session did not accept the time zone UTC but kept {zone}")


def _mysql_conversions() -> dict[Any, Any]:
    # Imported here, because the driver is an extra.
    from pymysql import converters  # noqa: PLC0415
    from pymysql.constants import FIELD_TYPE  # noqa: PLC0415

    def instant(text: str | bytes) -> object:
        # A TIMESTAMP is an instant, sent in the session's zone; without its zone it would pass for a DATETIME.
        value = converters.convert_datetime(text)
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value

    return {**converters.conversions, FIELD_TYPE.TIMESTAMP: instant}

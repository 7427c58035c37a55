"""The settings of each transaction, never of the session: read-only, one time zone, time limits.

A pooler in transaction mode hands the server's session to another program after each transaction. So settings end with
the transaction (PostgreSQL) or the statement (MariaDB); only where a database has no such form are they set for the
session.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.errors import SourceFailed, UsageProblem
from etl.source.fault import DatabaseFault, Fault
from etl.source.plan import ReadLimits

SERVER = "server"
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "+00:00"})
_READING = re.compile(r"\s*(?:\(|SELECT\b|WITH\b|SHOW\b|DESCRIBE\b|EXPLAIN\b)", re.IGNORECASE)
_BEGINNING = re.compile(
    r"START TRANSACTION (WITH CONSISTENT SNAPSHOT, )?READ ONLY|SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
)


def prepare(engine: sa.Engine, limits: ReadLimits, *, zone: str) -> None:
    """Begin every transaction of `engine` with these settings; `zone` is `source.session_timezone`."""
    match engine.dialect.name:
        case "postgresql":
            _prepare_postgresql(engine, limits, zone)
        case "mysql" | "mariadb":
            _prepare_mysql(engine, limits, zone)
        case "duckdb" if zone != SERVER:
            sa.event.listen(engine, "connect", _told(f"SET TimeZone = '{zone}'"))
        case _:
            pass


def zone_statement(dialect: str) -> sa.Select[Any]:
    """The statement that selects the zone of a transaction; it selects a constant where the database has no zone."""
    match dialect:
        case "postgresql" | "duckdb":
            return sa.select(sa.func.current_setting("TimeZone"))
        case "mysql" | "mariadb":
            return sa.select(sa.text("@@session.time_zone"))
        case "oracle":
            return sa.select(sa.text("1 FROM dual"))
        case _:
            return sa.select(sa.literal_column("1"))


def check_zone(found: object, *, dialect: str, zone: str) -> None:
    """Refuse a server, or a pooler in front of it, that did not accept the zone: times would be shifted unnoticed.

    Raises:
        SourceFailed: `found`, the answer to `zone_statement`, is another zone.
    """
    if zone == SERVER or dialect not in {"postgresql", "mysql", "mariadb"}:
        return
    if found != zone and not (zone in _UTC_NAMES and found in _UTC_NAMES):
        raise SourceFailed(f"the database session did not accept the time zone {zone} but kept {found}")


def unknown_zone() -> UsageProblem:
    """The error for a MySQL or MariaDB that does not know the name of `source.session_timezone`."""
    return UsageProblem(
        "source.session_timezone: the database server does not know this zone, because its tables of time zones are "
        "not filled",
        hint="mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql fills them, as its administrator; "
        "without them only UTC and `server` can be had",
    )


def zone_of_server(found: str, system: str) -> tzinfo:
    """The zone that MySQL or MariaDB names by `@@time_zone` (`found`) and `@@system_time_zone` (`system`).

    Raises:
        UsageProblem: its name does not say when summer time applies, such as CEST.
    """
    name = system if found == "SYSTEM" else found
    offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", name)
    if offset is not None:
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(ahead if offset[1] == "+" else -ahead)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise UsageProblem(
            f"the server's zone is that of its system, which calls itself {name}: which zone is that in winter?",
            hint="name it: source.session_timezone: Europe/Amsterdam",
        ) from None


def is_utc(zone: tzinfo) -> bool:
    """`zone` is UTC, under whatever name, in summer and in winter."""
    return all(datetime(2024, month, 1, tzinfo=zone).utcoffset() == timedelta() for month in (1, 7))


def _prepare_postgresql(engine: sa.Engine, limits: ReadLimits, zone: str) -> None:
    settings = {
        "DateStyle": "ISO",
        "IntervalStyle": "postgres",
        "extra_float_digits": "3",
        "statement_timeout": str(limits.statement_seconds * 1000),
        "lock_timeout": str(limits.lock_seconds * 1000),
        # Applies between two pieces of a long answer; a limit of the user or the database is meant for other programs.
        "idle_in_transaction_session_timeout": str(limits.statement_seconds * 1000),
        # How soon the server notices that this process is gone: within a minute instead of two hours.
        "tcp_keepalives_idle": "20",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    if zone != SERVER:
        settings["TimeZone"] = f"'{zone}'"
    # One message to the server: the drivers have begun the transaction already, and accept several statements at once.
    told = "; ".join(
        ["SET TRANSACTION READ ONLY", *(f"SET LOCAL {name} = {value}" for name, value in settings.items())]
    )

    def begin(connection: sa.Connection) -> None:
        seconds = _own_seconds(connection, limits)
        own = "" if seconds is None else f"; SET LOCAL statement_timeout = {seconds * 1000:d}"
        connection.exec_driver_sql(told + own)

    sa.event.listen(engine, "begin", begin)


def _prepare_mysql(engine: sa.Engine, limits: ReadLimits, zone: str) -> None:
    limit = {"lock_wait_timeout": str(limits.lock_seconds)}
    if zone != SERVER:
        limit["time_zone"] = "'+00:00'" if zone in _UTC_NAMES else f"'{zone}'"
    mariadb = _assigned(limit | {"max_statement_time": str(limits.statement_seconds)})
    mysql = _assigned(limit | {"max_execution_time": str(limits.statement_seconds * 1000)})

    def begin(connection: sa.Connection) -> None:
        if engine.dialect.default_isolation_level == "SERIALIZABLE":
            # For the next transaction only; at a higher level reading could lock rows that others want to write.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # Without a snapshot InnoDB lists a transaction only after it has read a table of InnoDB.
        listed = "WITH CONSISTENT SNAPSHOT, " if connection.get_execution_options().get("listed") else ""
        connection.exec_driver_sql(f"START TRANSACTION {listed}READ ONLY")

    def before(
        connection: sa.Connection, _cursor: object, sql: str, parameters: object, _context: object, _many: object
    ) -> tuple[str, object]:
        if not _READING.match(sql):
            if not _BEGINNING.fullmatch(sql):
                # A CREATE or ALTER would end the transaction, and read-only with it.
                raise DatabaseFault(Fault.OTHER, "only statements that read are sent to the source")
            return sql, parameters
        if getattr(engine.dialect, "is_mariadb", False):
            seconds = _own_seconds(connection, limits)
            own = "" if seconds is None else f", max_statement_time = {seconds:d}"
            sql = f"SET STATEMENT {mariadb}{own} FOR {sql}"
        return sql, parameters

    def connected(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's connection has no common type
        # MySQL has no settings for one statement, so these are the session's; they do not keep other programs from
        # writing.
        with connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            if "mariadb" not in str(cursor.fetchone()[0]).lower():
                cursor.execute(f"SET {mysql}")

    sa.event.listen(engine, "begin", begin)
    sa.event.listen(engine, "before_cursor_execute", before, retval=True)
    sa.event.listen(engine, "connect", connected)


def _own_seconds(connection: sa.Connection, limits: ReadLimits) -> int | None:
    """The statement's own time limit in seconds; None if it has none below the general one."""
    seconds = connection.get_execution_options().get("statement_seconds")
    return None if seconds is None or seconds >= limits.statement_seconds else int(seconds)


def _assigned(settings: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


def _told(sql: str) -> Any:  # noqa: ANN401  # a listener
    def told(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's connection has no common type
        connection.execute(sql)

    return told

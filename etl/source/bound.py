"""The run's upper bound, fixed once at its start: newer rows are held, because rows below them may still be committed.

The database's clock decides, never ours; on PostgreSQL and MariaDB also the oldest open transaction that has written,
because a row's time is often that of the transaction's start, but the row appears at its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from etl.page import Bound, Position, Scalar, Window
from etl.source.asking import ask, ask_finally
from etl.source.cursor import CursorDomain
from etl.source.database import Database
from etl.source.fault import DatabaseFault, Fault
from etl.source.keyset import Keyset
from etl.source.plan import ReadPlan

log = logging.getLogger(__name__)

# A transaction takes its start time a moment before other sessions can see the transaction.
PUBLISHING_MARGIN = timedelta(seconds=2)
# Rows may be written between reading the clock and counting, and clocks differ a little: these are not "beyond now".
_NEARLY_NOW = timedelta(minutes=1)
_INFINITY = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Survey:
    """The result of one scan of all rows: how many are above a moment, ahead of the clock, or without a cursor or key.

    `highest` is the highest cursor, None when there is none or it cannot be decoded.
    """

    held: int
    beyond_now: int
    without_cursor: int
    without_key: int
    highest: Scalar | None


def survey(
    database: Database, keyset: Keyset, plan: ReadPlan, *, moments: tuple[Scalar, Scalar] | None = None
) -> Survey:
    """Ask all questions about all rows in one scan, where each would cost a scan of its own.

    `moments`: rows above the first are counted as held, above the second as beyond now; None: the cursor follows no
    clock.

    Raises:
        SourceFailed: the database could not say.
    """
    purpose = f"look at {plan.subject}"
    highest: Scalar | None = None
    try:
        asked = ask(database, keyset, lambda of: of.survey(moments or (), highest=True), purpose=purpose)
        *counts, highest = asked.rows[0]
    except DatabaseFault:
        # The highest cursor cannot be decoded (infinity).
        asked = ask_finally(database, keyset, lambda of: of.survey(moments or (), highest=False), purpose=purpose)
        counts = list(asked.rows[0])
    *above, cursorless, keyless = (int(count or 0) for count in counts)
    held, beyond = above or (0, 0)
    return Survey(held, beyond, cursorless, keyless, highest)


def find_bound(
    database: Database,
    keyset: Keyset,
    domain: CursorDomain | None,
    plan: ReadPlan,
    *,
    surveyed: Callable[[Survey], None] | None = None,
) -> Bound:
    """The bound of a run that starts now.

    With `surveyed`, all questions about all rows are asked in one scan, and it is called with the answers.

    Raises:
        SourceFailed: the database could not say.
        UsageProblem: `settle` does not fit the cursor.
    """
    if domain is None:
        return Bound(None)
    if domain.kind == "text":
        # The column had no value when the source was opened, so the form of its times is not known yet.
        return Bound(None, empty=True)
    settle = domain.settle(plan, dialect=database.dialect)
    if isinstance(settle, timedelta):
        return _by_clock(database, keyset, domain, plan, settle=settle, surveyed=surveyed)
    highest: Any
    if surveyed is not None:
        found = survey(database, keyset, plan)
        highest, endless = _highest_number(database, keyset, domain, found.highest)
        surveyed(replace(found, highest=highest))
    else:
        highest, endless = _highest_number(database, keyset, domain, _highest(database, keyset, domain, Window()))
    if highest is None:
        return Bound(None, empty=True)
    until = highest - settle if settle else highest
    held = _above(database, keyset, until, plan) if settle or endless else 0
    return Bound(until, held=held, beyond_now=_above(database, keyset, highest, plan) if endless else 0)


def _highest_number(
    database: Database, keyset: Keyset, domain: CursorDomain, highest: Scalar | None
) -> tuple[Any, bool]:
    """The highest finite cursor, and whether NaN or infinity lie above it (no later row could lie above those)."""
    endless = False
    while isinstance(highest, Decimal) and (highest.is_nan() or highest == _INFINITY):
        endless = True
        highest = _highest(database, keyset, domain, Window(until=highest, until_open=True))
    return highest, endless


def _highest(database: Database, keyset: Keyset, domain: CursorDomain, window: Window) -> Scalar | None:
    purpose = f"find the highest {domain.name}"
    found = ask_finally(database, keyset, lambda of: of.aggregate(sa.func.max, window), purpose=purpose)
    value: Scalar | None = found.rows[0][0]
    return value


def _by_clock(  # noqa: PLR0913  # what a bound depends on
    database: Database,
    keyset: Keyset,
    domain: CursorDomain,
    plan: ReadPlan,
    *,
    settle: timedelta,
    surveyed: Callable[[Survey], None] | None,
) -> Bound:
    now = database_now(database)
    instant = now - settle
    open_seconds = oldest_open_seconds(database)
    if open_seconds is not None:
        if open_seconds > settle.total_seconds():
            log.warning(
                "A writing transaction has been open for long; rows since its start are held. place=%s seconds=%.0f",
                database.place,
                open_seconds,
            )
        instant = min(instant, now - timedelta(seconds=open_seconds) - PUBLISHING_MARGIN)
    if not domain.lookback(plan) and settle < domain.granularity and domain.granularity > timedelta(milliseconds=1):
        # The second (or day) in progress may still get rows with keys below the last one read, which no run would read.
        instant -= domain.granularity
    until, ahead = domain.at(instant), domain.at(now + _NEARLY_NOW)
    if surveyed is not None:
        found = survey(database, keyset, plan, moments=(until, ahead))
        surveyed(found)
        return Bound(until, held=found.held, beyond_now=found.beyond_now, oldest_open_seconds=open_seconds)
    held = _above(database, keyset, until, plan)
    # If the first count took too long, the second is not tried.
    beyond = _above(database, keyset, ahead, plan) if held else held
    return Bound(until, held=held, beyond_now=beyond, oldest_open_seconds=open_seconds)


def database_now(database: Database) -> datetime:
    """The database's clock as an aware datetime in UTC."""
    value = database.read_patiently(clock_statement(database.dialect), purpose="read the clock").rows[0][0]
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert isinstance(moment, datetime)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def clock_statement(dialect: str) -> sa.Select[Any]:
    """The statement that reads the clock of `dialect` in UTC, at the moment of the statement."""
    match dialect:
        case "sqlite":
            return sa.select(sa.func.strftime("%Y-%m-%dT%H:%M:%f", "now"))
        case "postgresql":
            return sa.select(sa.text(_POSTGRESQL_CLOCK))
        case "mysql" | "mariadb":
            return sa.select(sa.func.utc_timestamp(6))
        case "mssql":
            return sa.select(sa.func.sysutcdatetime())
        case "oracle":
            return sa.select(sa.func.sys_extract_utc(sa.text("SYSTIMESTAMP")))
        case _:
            return sa.select(sa.func.current_timestamp())


# On a standby the time of the last replayed commit counts (by the primary's clock), because it shows the past, unless
# it still receives and has replayed all it received (A33). Before its first replayed commit its own clock is all there
# is.
_POSTGRESQL_CLOCK = """
    CASE WHEN pg_is_in_recovery() AND (
        pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
        OR NOT EXISTS (SELECT FROM pg_stat_wal_receiver)
    ) THEN coalesce(pg_last_xact_replay_timestamp(), clock_timestamp()) ELSE clock_timestamp() END
"""


def oldest_open_seconds(database: Database) -> float | None:
    """The age of the oldest open transaction that has written; None when there is none or the database hides it.

    One that has not written yet does not count, because a forgotten session would hold everything back; if it does
    write later, `lookback` catches its rows.
    """
    try:
        match database.dialect:
            case "postgresql":
                value = database.read(sa.text(_OLDEST_OF_POSTGRESQL)).rows[0][0]
            case "mysql" | "mariadb":
                value = _oldest_of_innodb(database)
            case _:
                return None
    except DatabaseFault:
        # No privilege to look at transactions: `settle` alone has to cover them.
        return None
    return None if value is None else max(0.0, float(value))


# Without pg_read_all_stats other users' sessions show no xact_start, so they are not counted.
_OLDEST_OF_POSTGRESQL = """
    SELECT extract(epoch FROM clock_timestamp() - min(begun)) FROM (
        SELECT xact_start AS begun FROM pg_stat_activity
        WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
        UNION ALL
        SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()
    ) AS open_transactions
"""


def _oldest_of_innodb(database: Database) -> Any:  # noqa: ANN401  # a driver's value
    """The age of the oldest writing transaction in seconds; None when there is none or the list stayed out of date.

    The server renews its list of transactions only after a tenth of a second in which no session read it, so a monitor
    or other runs can keep it out of date. A list that contains this very statement is up to date.
    """
    statement = sa.text(_OLDEST_OF_INNODB.format(mark=database.mark()))
    for wait_seconds in _RENEWAL_SECONDS:
        value, shown = database.read(statement, listed=True).rows[0]
        if shown:
            return value
        if database.wait(wait_seconds):
            fault = DatabaseFault(Fault.LOST, "stopped while the server's list was out of date")
            raise database.failure(fault, purpose="look for open transactions")
    log.warning(
        "The server's list of open transactions is out of date, because programs read it all the time; `settle` alone"
        " decides which rows are held. place=%s",
        database.place,
    )
    return None


# With jitter a wait is at least half of these, so always more than that tenth of a second.
_RENEWAL_SECONDS = (0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0)
# trx_started is in the server's own zone, to the second. Reading the table needs the privilege PROCESS. The server's
# own transactions may be listed before their start is set, hence the condition on its date.
_OLDEST_OF_INNODB = """
    SELECT /* {mark} */ TIMESTAMPDIFF(
        SECOND,
        MIN(CASE WHEN trx_rows_modified > 0 AND trx_started > '1971-01-01' THEN trx_started END),
        CONVERT_TZ(UTC_TIMESTAMP(), '+00\\:00', 'SYSTEM')
    ) + 1, COALESCE(MAX(trx_query LIKE '%{mark}%'), 0)
    FROM information_schema.innodb_trx
"""


def _above(database: Database, keyset: Keyset, until: Scalar, plan: ReadPlan) -> int | None:
    statement = keyset.count(Window(after=Position(until, ())))
    return database.number_for_report(statement, purpose=f"count held rows of {plan.subject}")

"""Shares one API account's rate among all processes and hosts with the same state on a server, by a row in it.

The rule: the arithmetic is that of `etl.delivery.throttle`, by the server's clock only, and in a single statement, so a
process that dies or stops holds no lock on the row. A crash of the server may lose the row, which holds only times.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from etl.clock import Clock
from etl.delivery.throttle import (
    BURST_SECONDS,
    MINIMUM_FACTOR,
    RECOVERY_PER_SECOND,
    RECOVERY_PER_SUCCESS,
    ROUNDING_SECONDS,
    SLOW_DOWN_SECONDS,
    YIELD_SECONDS,
    Rates,
)
from etl.state.database import Connection, Database, Row
from etl.state.trouble import told_as_state

SERVER_CLOCK: Final = "extract(epoch FROM clock_timestamp())::float8"
# If the server's clock is set back, the row holds times in the future; such a row is replaced by a new one.
_CLOCK_SLACK_SECONDS = 60.0

# If the statement has to wait for another one on the row, the server computes it anew afterwards, with the new row and
# time.
_TAKE = f"""
    UPDATE etl_rate AS r SET (requests_paid_at, events_paid_at, wanted_at, asked_at, wait) = (
        SELECT
            CASE WHEN granted THEN greatest(r.requests_paid_at, now) + 1 / (?::float8 * r.factor)
                ELSE r.requests_paid_at END,
            CASE WHEN granted THEN greatest(r.events_paid_at, now) + ?::float8 / (?::float8 * r.factor)
                ELSE r.events_paid_at END,
            CASE WHEN granted OR {{patient}} OR greatest(requests, events) <= {ROUNDING_SECONDS}
                THEN r.wanted_at ELSE greatest(r.wanted_at, now) END,
            greatest(r.asked_at, now),
            CASE WHEN granted THEN 0 ELSE longest END
        FROM (SELECT {{clock}} AS now OFFSET 0) AS clock,
            LATERAL (SELECT r.requests_paid_at - {BURST_SECONDS} - now AS requests,
                r.events_paid_at - {BURST_SECONDS} - now AS events) AS owed,
            LATERAL (SELECT greatest(r.paused_until - now, requests, events,
                CASE WHEN {{patient}} THEN r.wanted_at + {YIELD_SECONDS} - now ELSE 0 END) AS longest) AS waits,
            LATERAL (SELECT longest <= {ROUNDING_SECONDS} AS granted) AS answer)
    WHERE account = ? RETURNING wait, factor"""  # noqa: S608 - numbers of ours
_PAUSE = "UPDATE etl_rate SET paused_until = greatest(paused_until, {clock} + ?::float8) WHERE account = ? RETURNING 0"
_SLOW_DOWN = f"""
    UPDATE etl_rate SET slowed_at = {{clock}}, recovered_at = {{clock}}, factor = greatest({MINIMUM_FACTOR}, factor / 2)
    WHERE account = ? AND {{clock}} - slowed_at >= {SLOW_DOWN_SECONDS} RETURNING 0"""  # noqa: S608 - numbers of ours
_RECOVER = f"""
    UPDATE etl_rate SET recovered_at = greatest(recovered_at, {{clock}}), factor = least(1, factor +
        least({RECOVERY_PER_SUCCESS}, {RECOVERY_PER_SECOND} * greatest(0, {{clock}} - recovered_at)))
    WHERE account = ? RETURNING factor"""  # noqa: S608 - numbers of ours
_NEW = "INSERT INTO etl_rate (account) VALUES (?) ON CONFLICT (account) DO NOTHING RETURNING 0"
_FORGET_THE_FUTURE = (
    f"DELETE FROM etl_rate WHERE account = ? AND asked_at > {{clock}} + {_CLOCK_SLACK_SECONDS} RETURNING 0"  # noqa: S608
)


class ServerBudget:
    """The budget of `account`, shared with every process whose state is this one. Implements `Budget`.

    account: the address and account id. The rates come from this process's mapping. patient: yield while a process that
    is not patient has to wait (a backfill beside a nightly run). server_clock: the SQL expression for the present time,
    in seconds. It has a connection of its own, because the state's may be busy with a long transaction.
    """

    def __init__(  # noqa: PLR0913 - what a rate is made of
        self,
        database: Database,
        *,
        account: tuple[str, ...],
        rates: Rates,
        clock: Clock,
        patient: bool = False,
        server_clock: str = SERVER_CLOCK,
    ) -> None:
        self._database: Final = database
        self._account: Final = blake2b("\0".join(account).encode(), digest_size=16).hexdigest()
        self._rates: Final = rates
        self._clock: Final = clock
        self._words: Final = {"clock": server_clock, "patient": "true" if patient else "false"}
        self._slowed = False
        self._connection: Final[Connection] = database.one_more_connection()
        # None of it needs to survive a crash of the server.
        self._connection.execute("SET synchronous_commit = off", ())
        if not database.writable:
            # A state opened for looking is read-only, but every process that calls the API has to update the account's
            # row.
            self._connection.execute("SET default_transaction_read_only = off", ())

    def take(self, *, events: int, now: float) -> float:  # noqa: ARG002 - the server's clock is asked
        """As `Budget.take`."""
        rates = self._rates
        asked = (rates.requests_per_second, events, rates.events_per_second)
        wait, factor = self._changed(_TAKE, *asked)[0]
        if wait > _CLOCK_SLACK_SECONDS and self._run(_FORGET_THE_FUTURE):
            wait, factor = self._changed(_TAKE, *asked)[0]
        self._slowed = factor < 1.0
        return float(wait)

    def pause_until(self, until: float) -> None:
        """As `Budget.pause_until`."""
        self._changed(_PAUSE, until - self._clock.monotonic())

    def slow_down(self, now: float) -> None:  # noqa: ARG002 - the server's clock is asked
        """As `Budget.slow_down`."""
        self._run(_SLOW_DOWN)
        self._slowed = True

    def went_well(self, now: float) -> None:  # noqa: ARG002 - the server's clock is asked
        """As `Budget.went_well`."""
        # By the factor seen at the last request, so that an ordinary success costs no query.
        if self._slowed:
            self._slowed = self._changed(_RECOVER)[0][0] < 1.0

    def close(self) -> None:
        """Close the connection; grants stay recorded."""
        self._connection.close()

    def _changed(self, sql: str, *values: object) -> list[Row]:
        """The rows that the statement returns; makes the account's row if it is missing (new, or lost in a crash)."""
        while not (rows := self._run(sql, *values)):
            self._run(_NEW)
        return rows

    def _run(self, sql: str, *values: object) -> list[Row]:
        with told_as_state("share the rate limit in", self._database.place, self._database.errors):
            return list(self._connection.execute(sql.format(**self._words), (*values, self._account)).fetchall())

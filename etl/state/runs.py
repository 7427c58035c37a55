"""The record of every run, kept for 400 days.

The rule: a record is opened before anything is sent, so that a killed run leaves its trace.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from etl.clock import Clock
from etl.state.database import Database, Transaction
from etl.state.lock import Holder, host_name

KEPT = timedelta(days=400)
# How long it is kept which runs sent replaced events: about 30 bytes for each row that changed in a night.
EARLIER_KEPT = timedelta(days=60)
_COLUMNS = "run_no, run_id, command, started_at, finished_at, outcome, exit_code, summary, before, pid, host"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are aware, UTC.

    outcome: as in the summary; "running" while its process holds the lock; "died" when its process ended without
    closing the record. exit_code, summary, finished_at: None unless it finished. before: the checkpoint at its start;
    None without one.
    """

    run_no: int
    run_id: str
    command: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    exit_code: int | None
    summary: dict[str, Any] | None
    before: dict[str, Any] | None
    pid: int
    host: str


def track_of(command: str) -> str:
    """The track whose lock a command takes: a backfill has its own, so it can run beside other commands."""
    return "backfill" if command == "backfill" else "run"


class Runs:
    """The run records of one mapping."""

    def __init__(self, database: Database, mapping_id: int, clock: Clock) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._clock: Final = clock

    def start(self, transaction: Transaction, *, run_id: str, command: str, before: Mapping[str, object] | None) -> int:
        """Open a record, and drop those that are older than 400 days. Returns the run's number in the state."""
        now = self._clock.utc_now()
        transaction.run(
            "DELETE FROM etl_run WHERE mapping_id = ? AND started_at < ?", (self._mapping_id, (now - KEPT).isoformat())
        )
        sql = """INSERT INTO etl_run (mapping_id, run_id, command, started_at, before, pid, host)
            VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING run_no"""
        text = None if before is None else json.dumps(before)
        values = (self._mapping_id, run_id, command, now.isoformat(), text, os.getpid(), host_name())
        return int(transaction.rows(sql, values)[0][0])

    def finish(self, transaction: Transaction, run_no: int, summary: Mapping[str, object]) -> None:
        """Close a record with its summary."""
        transaction.run(
            "UPDATE etl_run SET finished_at = ?, outcome = ?, exit_code = ?, summary = ? WHERE run_no = ?",
            (
                self._clock.utc_now().isoformat(),
                summary.get("outcome"),
                summary.get("exit_code"),
                json.dumps(summary),
                run_no,
            ),
        )

    def numbered(self, run_no: int, holder: Callable[[str], Holder | None]) -> RunRecord | None:
        """The record of run `run_no`; None when it is gone."""
        sql = f"SELECT {_COLUMNS} FROM etl_run WHERE mapping_id = ? AND run_no = ?"  # noqa: S608 - constants
        found = _records(self._database.rows(sql, (self._mapping_id, run_no)), holder)
        return found[0] if found else None

    def earlier(self, ledger_key: bytes, holder: Callable[[str], Holder | None]) -> list[RunRecord]:
        """The records of runs that sent an event of `ledger_key` which a later run replaced, newest first."""
        columns = ", ".join(f"etl_run.{name}" for name in _COLUMNS.split(", "))
        sql = f"""SELECT {columns} FROM etl_run JOIN etl_earlier_run ON etl_earlier_run.mapping_id = etl_run.mapping_id
            AND etl_earlier_run.run_no = etl_run.run_no AND etl_earlier_run.key = ?
            WHERE etl_run.mapping_id = ? ORDER BY etl_run.run_no DESC"""  # noqa: S608 - constants
        rows = self._database.rows(sql, (ledger_key, self._mapping_id))
        return _records(rows, holder)

    def listed(self, limit: int | None, holder: Callable[[str], Holder | None]) -> list[RunRecord]:
        """The latest `limit` runs (None: all), newest first; `holder` returns the holder of a track's lock."""
        sql = f"SELECT {_COLUMNS} FROM etl_run WHERE mapping_id = ? ORDER BY run_no DESC"  # noqa: S608 - constants
        rows = self._database.rows(
            sql + (" LIMIT ?" if limit is not None else ""), (self._mapping_id, limit)[: 2 if limit is not None else 1]
        )
        return _records(rows, holder)

    def last_done(self, limit: int) -> list[dict[str, Any]]:
        """The summaries of the last runs that were done, `limit` at most, newest first; not of `run --key`."""
        sql = """SELECT summary FROM etl_run WHERE mapping_id = ? AND command = 'run' AND outcome = 'done'
            AND summary IS NOT NULL ORDER BY run_no DESC"""
        # Runs with `--key` are left out, and they are few.
        found = (json.loads(row[0]) for row in self._database.rows(sql, (self._mapping_id,)))
        return list(islice((each for each in found if each.get("partial") != "keys"), limit))

    def beside(self, run_no: int, track: str, holder: Callable[[str], Holder | None]) -> int | None:
        """The number of the run on the other track that is at work beside `run_no`; None when there is none."""
        sql = f"""SELECT {_COLUMNS} FROM etl_run WHERE mapping_id = ? AND run_no < ? AND finished_at IS NULL
            ORDER BY run_no DESC"""  # noqa: S608 - constants
        rows = [row for row in self._database.rows(sql, (self._mapping_id, run_no)) if track_of(row[2]) != track]
        running = [each.run_no for each in _records(rows, holder) if each.outcome == "running"]
        return running[0] if running else None

    def overlapping(self, transaction: Transaction, run_no: int, beside: int | None) -> dict[int, bool]:
        """The run `beside` and those begun after `run_no`, each with whether its record is open (at work, or died)."""
        sql = "SELECT run_no, finished_at IS NULL FROM etl_run WHERE mapping_id = ? AND run_no >= ?"
        rows = transaction.rows(sql, (self._mapping_id, run_no if beside is None else beside))
        return {int(found): bool(no_end) for found, no_end in rows if found > run_no or found == beside}

    def knows(self, run_id: str) -> bool:
        """Whether there is a record of the run `run_id`."""
        sql = "SELECT 1 FROM etl_run WHERE mapping_id = ? AND run_id = ? LIMIT 1"
        return bool(self._database.rows(sql, (self._mapping_id, run_id)))

    def run_id(self, run_no: int) -> str:
        """The id of run `run_no`; "" when there is no such run."""
        rows = self._database.rows("SELECT run_id FROM etl_run WHERE run_no = ?", (run_no,))
        return str(rows[0][0]) if rows else ""


def _records(rows: Sequence[Any], holder: Callable[[str], Holder | None]) -> list[RunRecord]:
    # The holder is asked for once for each track, and only for runs with an open record.
    holders = {track: holder(track) for track in {track_of(row[2]) for row in rows if row[4] is None}}
    return [_record(row, holders) for row in rows]


def _record(row: Any, holders: Mapping[str, Holder | None]) -> RunRecord:  # noqa: ANN401 - a row of the database
    run_no, run_id, command, started_at, finished_at, outcome, exit_code, summary, before, pid, host = row
    if finished_at is None:
        holder = holders.get(track_of(command))
        outcome = "running" if holder is not None and (holder.pid, holder.host) == (pid, host) else "died"
    return RunRecord(
        run_no=run_no,
        run_id=run_id,
        command=command,
        started_at=datetime.fromisoformat(started_at),
        finished_at=None if finished_at is None else datetime.fromisoformat(finished_at),
        outcome=outcome or "failed",
        exit_code=exit_code,
        summary=None if summary is None else json.loads(summary),
        before=None if before is None else json.loads(before),
        pid=pid,
        host=host,
    )

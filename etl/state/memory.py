"""What `explain` finds in the state about one row: its last accepted event, and the runs that sent it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from etl.page import Key
from etl.state.ledger import Entry, Ledger
from etl.state.lock import Holder
from etl.state.runs import RunRecord, Runs


class Memory:
    """The rows of one mapping; `ledger_key` finds a key, `holder` tells who is at work on a track."""

    __slots__ = ("_holder", "_ledger", "_ledger_key", "_runs")

    def __init__(
        self, ledger: Ledger, runs: Runs, *, ledger_key: Callable[[Key], bytes], holder: Callable[[str], Holder | None]
    ) -> None:
        self._ledger: Final = ledger
        self._runs: Final = runs
        self._ledger_key: Final = ledger_key
        self._holder: Final = holder

    def last_accepted(self, key: Key) -> tuple[Entry, RunRecord | None] | None:
        """The ledger's entry of `key` and the run that sent it (None: its record is gone); None without an entry."""
        entry = self._ledger.entry(self._ledger_key(key))
        if entry is None:
            return None
        return entry, None if entry.run_no is None else self._runs.numbered(entry.run_no, self._holder)

    def earlier_runs(self, key: Key) -> list[RunRecord]:
        """The runs of the last two months that sent an event of `key` which a later run replaced, newest first."""
        return self._runs.earlier(self._ledger_key(key), self._holder)

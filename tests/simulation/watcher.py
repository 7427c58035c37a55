"""Watches a life: what is sent, what is settled and what arrived, held to the laws of the guarantee."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etl.delivery.courier import Request, Settlement
from etl.job.start import REFRESH
from etl.state.mapping_state import MappingState
from tests.simulation.api import Api
from tests.simulation.law import require
from tests.simulation.process import Process
from tests.simulation.state import ledger_key
from tests.simulation.table import FORBIDDEN, SERVER_ERROR, Row, Table, body_of, place_of


@dataclass(slots=True)
class Tally:
    """What a life held."""

    faults: int = 0
    kills: int = 0
    requests: int = 0
    rows: int = 0
    runs: int = 0

    def add(self, other: Tally) -> None:
        self.faults += other.faults
        self.kills += other.kills
        self.requests += other.requests
        self.rows += other.rows
        self.runs += other.runs


class Watcher:
    """What a life has shown so far. Every method raises `BrokenLaw` where it contradicts a law.

    `seen` is the state as no process looks at it. `alone`: no two processes may read a row at once, so that what the
    ledger has of a row is known.
    """

    def __init__(self, *, table: Table, api: Api, seen: MappingState, alone: bool) -> None:
        self.seen = seen
        self._table = table
        self._api = api
        self._alone = alone
        # What the ledger surely has of a row, where `alone`.
        self._recorded: dict[object, bytes] = {}
        # Until which reading it is not sure of a row.
        self._unsure: dict[object, int] = {}
        # The last event of a row that became a dead letter, where `alone`, and the latest reading then.
        self._given_up: dict[object, tuple[bytes, int]] = {}
        # When the latest full refresh began, once it is complete.
        self._refresh_began: float | None = None
        self._refreshed_since: float | None = None
        self._keys: dict[bytes, object] = {}
        self._dead: set[object] = set()

    def sent(self, process: Process, request: Request) -> None:
        """A request leaves: nothing in it was sent and recorded before."""
        for event in request.events:
            key = event.key[0]
            if process.command != "retry":
                sure = self._unsure.get(key, -1) < event.stamp and key not in self._unsure
                again = sure and self._recorded.get(key) == event.body
                require(not again, "what the ledger saw accepted is not sent again", event.key)
                refused, read_before = self._given_up.get(key, (b"", 0))
                again = not process.tries_again and refused == event.body and event.stamp > read_before
                require(not again, "what became a dead letter is not sent again while its row is the same", event.key)
            self._unsure[key] = max(event.stamp, self._unsure.get(key, event.stamp))
            before = process.under_way.setdefault(key, event.seq)
            require(before == event.seq, "a version of a row leaves once the one before it has its end", event.key)

    def refresh_begins(self, now: float) -> None:
        """A full refresh sends everything again, what the ledger has and what became a dead letter too."""
        self._recorded.clear()
        self._given_up.clear()
        self._refresh_began = now

    def process_is_over(self) -> None:
        """It may have brought a full refresh to its end."""
        if self._refresh_began is not None and self.seen.checkpoint(REFRESH) is None:
            self._refreshed_since, self._refresh_began = self._refresh_began, None

    def restored(self, seen: MappingState) -> None:
        """An older copy is in the place of the state: nothing that was recorded since is sure."""
        self.seen = seen
        self._recorded.clear()
        self._given_up.clear()
        # A refresh may have begun, or come to its end, after the copy was made.
        self._refresh_began = self._refreshed_since = None

    def doubted(self, ledger_keys: Iterable[bytes], stamp: int) -> None:
        """The state notes that it is not known whether these were accepted."""
        for hashed in ledger_keys:
            self._unsure[self._key_of(hashed)] = stamp

    def let_go(self, ledger_keys: Iterable[bytes]) -> None:
        """The state closes the dead letters of these."""
        for hashed in ledger_keys:
            self._given_up.pop(self._key_of(hashed), None)

    def _key_of(self, hashed: bytes) -> object:
        if hashed not in self._keys:
            self._keys = {ledger_key((key,)): key for key in self._table.rows}
        return self._keys.get(hashed)

    def settled(self, process: Process, settlement: Settlement) -> None:
        """What is about to be recorded has to be true."""
        for event in (*settlement.accepted, *(one.event for one in settlement.rejected)):
            process.under_way.pop(event.key[0], None)
        for event in settlement.accepted:
            require((event.key[0], event.body) in self._api.accepted, "only what was accepted is recorded", event.key)
            process.unrecorded.discard(event.seq)
            key = event.key[0]
            self._given_up.pop(key, None)
            if self._alone:
                self._recorded[key] = event.body
                if self._unsure.get(key, -1) <= event.stamp:
                    self._unsure.pop(key, None)
        for rejected in settlement.rejected:
            event = rejected.event
            just = (
                (rejected.reason == "partly_accepted" and event.body in self._api.partly)
                or rejected.reason.upper() == "DUPLICATE"
                or b"custom_poison" in event.body
                or (rejected.reason == "too_large" and len(event.body) > 380)
            )
            require(just, "a good event is not rejected", (event.key, rejected.reason))
            if self._alone:
                self._given_up[event.key[0]] = (event.body, self.seen._stamp())
            process.unrecorded.discard(event.seq)
        if settlement.position is not None:
            self._check_checkpoint(process, settlement)

    def _check_checkpoint(self, process: Process, settlement: Settlement) -> None:
        position = settlement.position
        assert position is not None
        settings = process.world.settings
        reached = place_of(position)
        before = self.seen.checkpoint(process.track)
        low = place_of(before.position) if before and before.position else (-1.0, -1.0)
        self._dead = {letter.key for letter in self.seen.open_dead_letters()}
        require(reached > low, "the checkpoint never goes back", (low, reached))
        certain = {event.key for event in settlement.accepted} | {one.event.key for one in settlement.rejected}
        if process.track == "run":
            for place in self._table.ordered:
                if low < place <= reached and self._table.visible_since[place[1]] <= process.started:
                    self._check_settled_row(place[1], certain)
        if not process.world.ledger:
            beyond = sum(process.positions[seq] > reached for seq in process.arrived)
            bound = settings.concurrency * settings.batch_size
            require(beyond <= bound, "without a ledger, a kill repeats no more than the span", beyond)

    def _check_settled_row(self, key: int, certain: set[object]) -> None:
        row = self._table.rows[key]
        done = (key, body_of(row)) in self._api.accepted or (key,) in self._dead or (key,) in certain
        require(done, "every row at or below the checkpoint is accepted, unchanged or a dead letter", row)

    def everything_arrived(self) -> None:
        """At the end the receiver has every row as it is, unless it is a dead letter."""
        missing = self.not_arrived()
        dead = {letter.key for letter in self.seen.open_dead_letters()}
        for key, row in self._table.rows.items():
            if (key,) in dead:
                continue
            body = body_of(row)
            if row in missing:
                require(self.may_be_stuck(row), "no loss", row)
                continue
            require(self._api.last[key] == body, "the receiver's last event of a row is the row", row)
            if self._refreshed_since is not None:
                again = self._api.last_at[key] >= self._refreshed_since
                require(again, "a full refresh that is complete has sent every row", row)

    def not_arrived(self) -> list[Row]:
        """The rows that the receiver does not have as they are, and that are no dead letters."""
        dead = {letter.key for letter in self.seen.open_dead_letters()}
        rows = self._table.rows.items()
        return [row for key, row in rows if (key,) not in dead and self._api.last.get(key) != body_of(row)]

    def may_be_stuck(self, row: Row) -> bool:
        """Whether nothing was left to tell what the row does from an API that is down: it, or one of its person."""
        person = _person_of(row)
        return any(
            other[5] in {SERVER_ERROR, FORBIDDEN} and _person_of(other) == person for other in self.not_arrived()
        )

    def may_stop(self) -> bool:
        """Whether rows that make the API fail may have stopped a run: good ones wait behind them, some nights long."""
        return any(row[5] in {SERVER_ERROR, FORBIDDEN} for row in self._table.rows.values())


def _person_of(row: Row) -> str:
    return row[4] or row[3].removeprefix("p").removesuffix("@example.com")

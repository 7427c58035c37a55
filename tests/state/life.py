"""A mapping's life in the state, step by step, to be lived alone and beside others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from etl.checkpoint import Backfill
from etl.errors import StateUnusable
from etl.event.event import Event
from etl.event.key_hash import KeyHasher
from etl.page import Position
from etl.state import moving
from etl.state.dead_letters import DeadLetters
from etl.state.mapping_state import MappingState
from tests.state.filling import NOON, SteppingClock, compared, event, letter, settled

KEYS = range(1, 9)


@dataclass
class Life:
    """One mapping. `content` stands in what it sends of the odd keys; of the even ones both send the same."""

    state: MappingState
    clock: SteppingClock
    content: bytes
    run_no: int = 0
    backfill_run: int = 0
    backfill: Backfill | None = None
    stamp: int = 0
    sent: dict[int, Event] = field(default_factory=dict)
    locks: ExitStack = field(default_factory=ExitStack)

    def read(self, version: str, *numbers: int) -> list[Event]:
        """The rows `numbers` as they are in `version`, read now."""
        self.stamp = self.state.next_stamp()
        rows = [(number, (self.content if number % 2 else b"") + version.encode()) for number in numbers]
        return [event(self.state, number, content=content, stamp=self.stamp) for number, content in rows]

    def start(self, run_id: str, command: str = "run") -> int:
        return self.state.start_run(run_id=run_id, command=command, before={"at": self.content.decode()})

    def accept(self, *events: Event, run_no: int | None = None, **more: Any) -> list[int]:
        self.sent |= {each.seq: each for each in events}
        settlement = settled(events, said=self.content.decode(), **more)
        overtaken = self.state.settle(settlement, track="run", run_no=run_no or self.run_no)
        return [each.seq for each in overtaken]


Step = Callable[[Life], object]


def first_run(life: Life) -> object:
    life.run_no = life.start("r1")
    names = life.state.field_names(["email", life.content.decode()])
    life.state.confirm_fingerprint({"table": life.content.decode(), "account": life.content.decode()})
    page = life.read("A", *KEYS)
    # Of the second row both send the same: alone it makes a span that is equal in the other mapping.
    seen = compared(life.state, page), compared(life.state, page[1:2]), life.state.compare([], [])
    return names, seen, life.accept(*page[:3], upto=3)


def first_mapped(life: Life) -> None:
    life.state.mapped.enter({"email": life.content.decode()})
    life.state.mapped.record({"email": life.content.decode()})


def letters_are_seen(life: Life) -> int:
    seen = life.state.letters.acknowledge(NOON)
    life.state.bury([letter((2,), run_id="r1", at=life.clock.now)])
    return seen


def mapped_otherwise(life: Life) -> None:
    life.state.mapped.enter({"phone": life.content.decode()})
    life.state.mapped.settle({"phone": life.content.decode()})
    life.state.mapped.record({"phone": life.content.decode()})


def refused_rows(life: Life) -> object:
    page = life.read("A", 5, 6, 7, 8)
    life.state.bury([letter((7,), run_id="r1", at=life.clock.now), letter((8,), run_id="r1", at=life.clock.now)])
    return life.accept(rejected=page[:2], upto=6, words=life.content.decode())


def a_page_leaves(life: Life) -> object:
    page = life.read("B", 1, 2)
    life.state.doubt([each.ledger_key for each in page], stamp=life.stamp)
    life.sent |= {each.seq: each for each in page}
    return compared(life.state, page)


def the_page_is_settled(life: Life) -> object:
    return life.accept(life.sent[1], life.sent[2], pages=[life.stamp], upto=6)


def a_page_of_which_an_answer_is_missing(life: Life) -> object:
    page = life.read("C", 1, 2, 3)
    life.state.doubt([each.ledger_key for each in page], stamp=life.stamp)
    return life.accept(page[0])


def end_of_a_run_without_all_answers(life: Life) -> None:
    life.state.finish_run(life.run_no, {"outcome": "stopped", "sent": 5}, unanswered=[])


def begin_the_next_run(life: Life) -> object:
    life.clock.move(minutes=1)
    life.run_no = life.start("r2")
    return compared(life.state, life.read("B", *KEYS)), life.state.field_names(["phone"])


def an_answer_that_is_lost(life: Life) -> object:
    lost = life.read("D", 3)
    return life.accept(rejected=lost, uncertain=True)


def an_older_reading_comes_late(life: Life) -> object:
    late, newer = life.read("E", 1, 2, 7), life.read("F", 1)
    return life.accept(*newer), life.accept(*late)


def other_letters_are_tried_again(life: Life) -> object:
    life.clock.move(minutes=1)
    life.state.bury([letter((8,), "row_unreadable", run_id="r2", at=life.clock.now)])
    life.state.bury([letter((5,), "rejected", run_id="r2", at=life.clock.now)], tried_again=False)
    life.state.bury([letter((3 if life.content == b"one" else 4,), run_id="r2", at=life.clock.now)])
    database, hash_key, asked = life.state._database, life.state.hash_key, ledger_keys(life)
    many = DeadLetters(database, life.state.mapping_id, hash_key, most_remembered=0)
    return [[asked.index(key) for key in each.among(database, asked)] for each in (life.state.letters, many)]


def letters_are_closed(life: Life) -> object:
    life.state.close_unchanged(ledger_keys(life)[4:5])
    life.state.close_dead_letters([(8,)], "gone")
    return life.state.letters.any_open(life.state._database)


def end_of_a_run(life: Life) -> None:
    life.state.finish_run(life.run_no, {"outcome": "done", "exit_code": 0, "sent": 7})


def locked(life: Life) -> object:
    life.locks.enter_context(life.state.lock("backfill"))
    return life.state.holder("backfill") is not None


def a_backfill_begins(life: Life) -> object:
    life.backfill_run = life.start("b1", "backfill")
    life.backfill = life.state.backfill(1, 100, "1")
    life.state.enter_window(life.backfill, 10, windows_done=1)
    life.state.set_checkpoint(life.backfill.track, Position(12, (12,)), run_id="b1")
    return replace(life.backfill, track="")


def a_run_beside_it(life: Life) -> object:
    life.run_no = life.start("r3")
    return life.accept(*life.read("G", 1, 2, 4), upto=7)


def the_backfill_ends(life: Life) -> object:
    overtaken = life.accept(*life.read("H", 2), run_no=life.backfill_run)
    assert life.backfill is not None
    life.state.finish_backfill(life.backfill, windows_done=3)
    life.state.finish_run(life.backfill_run, {"outcome": "done"})
    life.state.finish_run(life.run_no, {"outcome": "done"})
    return overtaken


def unlocked(life: Life) -> object:
    life.locks.close()
    return life.state.holder("backfill")


def a_backfill_anew(life: Life) -> object:
    again = life.state.backfill(1, 100, "1", restart=True)
    return replace(again, track="")


def a_run_that_had_no_record(life: Life) -> None:
    life.state.record_run(run_id="r4", command="run", summary={"outcome": "failed", "exit_code": 4})
    life.state.record_run(run_id="r4", command="run", summary={"outcome": "failed", "exit_code": 4})


def a_full_refresh(life: Life) -> object:
    life.state.begin_anew("refresh", run_id="r5")
    life.run_no = life.start("r5")
    seen = compared(life.state, life.read("G", *KEYS))
    return seen, life.accept(*life.read("G", 1), upto=1)


def the_refresh_is_complete(life: Life) -> None:
    life.state.end_anew("refresh")
    life.state.finish_run(life.run_no, {"outcome": "done"})


def another_source(life: Life) -> object:
    try:
        life.state.confirm_fingerprint({"table": "another", "account": life.content.decode()})
    except StateUnusable as error:
        refused = life.content.decode() in str(error)
    life.state.set_checkpoint("run", Position(3, (3,)), fingerprint={"table": "new" + life.content.decode()})
    return refused


def two_months_later(life: Life) -> object:
    life.clock.move(days=30.5)
    return life.start("r6") > 0


def a_year_later(life: Life) -> object:
    life.clock.move(days=180)
    return life.start("r7") > 0


def reset_but_the_ledger(life: Life) -> None:
    life.state.reset(keep_ledger=True)


def reset(life: Life) -> None:
    life.state.bury([letter((1,))])
    life.state.reset()


def dropped(life: Life) -> None:
    moving.drop(life.state._database, life.state.mapping_id, life.state.name)


LIFE: tuple[Step, ...] = (
    first_run,
    first_mapped,
    refused_rows,
    letters_are_seen,
    a_page_leaves,
    the_page_is_settled,
    a_page_of_which_an_answer_is_missing,
    end_of_a_run_without_all_answers,
    begin_the_next_run,
    an_answer_that_is_lost,
    an_older_reading_comes_late,
    other_letters_are_tried_again,
    letters_are_closed,
    end_of_a_run,
    mapped_otherwise,
    locked,
    a_backfill_begins,
    a_run_beside_it,
    the_backfill_ends,
    unlocked,
    a_backfill_anew,
    a_run_that_had_no_record,
    a_full_refresh,
    the_refresh_is_complete,
    another_source,
    two_months_later,
    a_year_later,
    a_year_later,
    reset_but_the_ledger,
    first_run,
    reset,
    first_run,
    dropped,
)


def ledger_keys(life: Life) -> list[bytes]:
    hasher = KeyHasher(life.state.hash_key)
    return [hasher.ledger_key((number,)) for number in KEYS]

"""Two runs of one mapping have a version of a row under way at once: in whatever order answers come, the row is right.

A backfill and a run each read the row, send it, and record how that ended. The receiver takes the two in an order that
neither knows. Every interleaving of these steps, over a file and over a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import pytest

from etl.event.event import Event
from etl.state.mapping_state import MappingState
from etl.state.store import open_state
from tests.state.filling import SteppingClock, compared, event, keys, settled

STEPS = ("read", "take", "record")
# Which of the six steps are the first run's.
ORDERS = tuple(combinations(range(6), 3))
# How a run's event ends: with an answer; without one, when the run stops; given up on after an answer that was lost.
ENDS = ("accepted", "unanswered", "uncertain")


@dataclass
class Sender:
    """One of the two runs, and what it had under way."""

    state: MappingState
    run_no: int
    ends: str
    sent: Event | None = None
    over: bool = False

    def record(self) -> None:
        """The end of its event; the run has nothing else to do."""
        assert self.sent is not None
        if self.ends == "accepted":
            self.state.settle(settled([self.sent], pages=[self.sent.stamp]), track="run", run_no=self.run_no)
        elif self.ends == "uncertain":
            gone = settled([], [self.sent], uncertain=True, pages=[self.sent.stamp])
            self.state.settle(gone, track="run", run_no=self.run_no)
        unanswered = [self.sent] if self.ends == "unanswered" else None
        self.state.finish_run(self.run_no, {"outcome": "done"}, unanswered=unanswered)
        self.over = True


def told_apart(order: tuple[int, ...]) -> list[tuple[int, str]]:
    """The six steps, each with whose it is."""
    left = (iter(STEPS), iter(STEPS))
    return [(who, next(left[who])) for who in (0 if at in order else 1 for at in range(6))]


class Row:
    """A row of which the receiver and the state know something."""

    def __init__(self, state: MappingState, number: int) -> None:
        # As a later run sees it.
        self.state, self.number = state, number
        self.last = b""

    def read(self, sender: Sender, content: bytes) -> None:
        """As `prepare` does: what may be another than the entry is written down as in doubt before it leaves."""
        stamp = sender.state.next_stamp()
        one = event(sender.state, self.number, content=content, stamp=stamp)
        [_], [other] = compared(sender.state, [one])
        if other:
            sender.state.doubt([one.ledger_key], stamp=stamp)
        sender.sent = one

    def take(self, sender: Sender) -> None:
        assert sender.sent is not None
        self.last = sender.sent.body

    def is_sent_again(self, content: bytes) -> bool:
        """Whether the next run that reads it sends it."""
        return not compared(self.state, [event(self.state, self.number, content=content)])[0][0]


@contextmanager
def two(location: str, state: MappingState, clock: SteppingClock) -> Iterator[Callable[[str, str], list[Sender]]]:
    """Begins a run and a backfill whose events end in these ways, as often as it is called."""
    with open_state(location, clock=clock, write=True) as store:
        other = store.mapping("customers")

        def begin(ends_run: str, ends_backfill: str) -> list[Sender]:
            return [
                Sender(state, state.start_run(run_id="r", command="run", before=None), ends_run),
                Sender(other, other.start_run(run_id="b", command="backfill", before=None), ends_backfill),
            ]

        with other.lock("backfill"), state.lock("run"):
            yield begin


def wrong_ones(location: str, clock: SteppingClock, ends: tuple[str, str], *, known: bool) -> list[object]:
    """The orders after which the row is wrong at the receiver without anything that says so.

    The row was A (or nothing was), is B for whichever reads it first, and A or C for the other; so it stays.
    """
    wrong: list[object] = []
    with open_state(location, clock=clock, write=True) as store:
        state, later = store.mapping("customers"), store.mapping("customers")
        with two(location, state, clock) as begin:
            for number, (order, newer) in enumerate(product(ORDERS, (b"A", b"C")), 1):
                row, steps = Row(later, number), told_apart(order)
                if known:
                    first, _ = begin("accepted", "accepted")
                    row.read(first, b"A")
                    row.take(first)
                    first.record()
                senders = begin(*ends)
                contents = iter((b"B", newer))
                for who, step in steps:
                    if step == "read":
                        row.read(senders[who], next(contents))
                    elif step == "take":
                        row.take(senders[who])
                    else:
                        senders[who].record()
                told = (number,) in keys(state.open_dead_letters())
                # A run that stopped before the answer did not pass the row, so that the next of its kind reads it.
                told |= "unanswered" in ends and row.is_sent_again(newer)
                if (row.last != newer and not told) or (told and not row.is_sent_again(newer)):
                    wrong.append((steps, newer))
    return wrong


@pytest.mark.parametrize("ends", list(product(ENDS, ENDS)), ids=" ".join)
@pytest.mark.parametrize("known", [True, False], ids=["changed", "new"])
def test_the_row_is_right_or_it_is_known_that_it_may_not_be(
    path: Path, clock: SteppingClock, ends: tuple[str, str], *, known: bool
) -> None:
    assert wrong_ones(str(path), clock, ends, known=known) == []


def test_so_it_is_on_a_server(postgresql_url: str, clock: SteppingClock) -> None:
    assert wrong_ones(postgresql_url, clock, ("accepted", "accepted"), known=True) == []


def test_what_did_not_overlap_is_sure(path: Path, clock: SteppingClock) -> None:
    """The other run had ended its event before this one read the row, or has the same event: nothing is sent again."""
    one_after_the_other = [(0, "read"), (0, "take"), (0, "record"), (1, "read"), (1, "take"), (1, "record")]
    with open_state(str(path), clock=clock, write=True) as store:
        state, later = store.mapping("customers"), store.mapping("customers")
        with two(str(path), state, clock) as begin:
            for number, (order, newer) in enumerate(product(ORDERS, (b"B", b"C")), 1):
                steps, row, senders = told_apart(order), Row(later, number), begin("accepted", "accepted")
                contents = iter((b"B", newer))
                for who, step in steps:
                    if step == "read":
                        row.read(senders[who], next(contents))
                    elif step == "record":
                        senders[who].record()
                apart = steps in (one_after_the_other, [(1 - who, step) for who, step in one_after_the_other])
                read = [who for who, step in steps if step == "read"]
                recorded = [who for who, step in steps if step == "record"]
                # An older reading that is recorded later is sent again whatever it holds.
                sure = apart or (newer == b"B" and read == recorded)
                told = (number,) in keys(state.open_dead_letters())
                assert (row.is_sent_again(newer), told) == (not sure, not sure), steps

"""Two things at once that the state knows of one row: an event and its dead letter, two readings, two doubts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from etl.event.event import Event
from etl.event.key_hash import LEDGER_KEY_BYTES
from etl.state.doubts import NO_RUN
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state
from tests.state.filling import NOON, SteppingClock, compared, event, keys, letter, settled

SURE, OTHER, NEW = (True, False), (False, True), (False, False)


def begun(state: MappingState, run_id: str = "r1") -> int:
    return state.start_run(run_id=run_id, command="run", before=None)


def readings(state: MappingState, *contents: bytes) -> list[Event]:
    """Row 1 read once for each of `contents`, the stamps ascending."""
    return [event(state, 1, content=content, stamp=state.next_stamp()) for content in contents]


def sure(state: MappingState, one: Event) -> tuple[bool, bool]:
    same, other = compared(state, [one])
    return same[0], other[0]


@pytest.mark.parametrize("order", [(0, 2), (2, 0)])
def test_the_latest_of_two_accepted_readings_closes_a_letter_whichever_stands_first(
    state: MappingState, order: tuple[int, int]
) -> None:
    run_no = begun(state)
    read = readings(state, b"A", b"B", b"C")
    state.settle(settled([], [read[1]]), track="run", run_no=run_no)
    state.settle(settled([read[at] for at in order]), track="run", run_no=run_no)
    assert state.open_dead_letters() == []


@pytest.mark.parametrize("uncertain", [True, False])
def test_an_older_reading_that_is_refused_matters_only_where_it_may_have_been_taken(
    state: MappingState, *, uncertain: bool
) -> None:
    """The ledger holds B, read later. A was answered with 502 and then refused: the receiver may hold A."""
    run_no = begun(state)
    older, newer = readings(state, b"A", b"B")
    state.settle(settled([newer]), track="run", run_no=run_no)
    overtaken = state.settle(settled([], [older], uncertain=uncertain), track="run", run_no=run_no)
    assert overtaken == ([older] if uncertain else [])
    assert sure(state, newer) == (NEW if uncertain else SURE)
    assert [each.reason for each in state.open_dead_letters()] == (["overtaken"] if uncertain else [])


def test_a_letter_of_an_overtaken_event_holds_no_event_back_and_no_older_news_closes_it(state: MappingState) -> None:
    """Its row is to be sent as it is, also where that is the very event that came too late."""
    run_no = begun(state)
    older, newer = readings(state, b"A", b"B")
    state.settle(settled([newer]), track="run", run_no=run_no)
    assert state.settle(settled([older]), track="run", run_no=run_no) == [older]
    assert state.refused([older.ledger_key]) == {}
    state.close_unchanged([older.ledger_key], stamp=older.stamp)
    assert keys(state.open_dead_letters()) == [(1,)]
    state.close_unchanged([older.ledger_key], stamp=newer.stamp)
    assert state.open_dead_letters() == []


@pytest.mark.parametrize("stamps", [(5, 3), (3, 5)])
def test_of_two_doubts_of_one_key_the_later_reading_counts(state: MappingState, stamps: tuple[int, int]) -> None:
    """Whichever was written first."""
    one = event(state, 1)
    with state._database.transaction() as transaction:
        for stamp in stamps:
            state._doubts.add(transaction, NO_RUN, stamp, [one.ledger_key])
    assert state._doubts.of_others(None) == {one.ledger_key: 5}


def test_the_next_run_keeps_of_a_doubt_only_the_keys_without_an_answer(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """Of a page of four rows: the first was accepted, the second has no entry, the last was accepted later."""
    run_no = begun(state)
    old = [event(state, number, content=b"A", stamp=state.next_stamp()) for number in (1, 3, 4)]
    state.settle(settled(old), track="run", run_no=run_no)
    stamp = state.next_stamp()
    page = [event(state, number, content=b"B", stamp=stamp) for number in (1, 2, 3, 4)]
    state.doubt([each.ledger_key for each in page], stamp=stamp)
    later = event(state, 4, content=b"C", stamp=state.next_stamp())
    state.settle(settled([page[0], later]), track="run", run_no=run_no)
    assert [sure(state, each) for each in (page[0], page[2], later)] == [SURE, OTHER, SURE]
    with open_state(location, clock=clock, write=True) as store:
        next_run = store.mapping("customers")
        assert [sure(next_run, each) for each in (page[0], page[2], later)] == [SURE, OTHER, SURE]
        begun(next_run, "r2")
        [(left,)] = next_run._database.rows("SELECT keys FROM etl_doubt")
        assert (bytes(left), len(bytes(left))) == (page[2].ledger_key, LEDGER_KEY_BYTES)


@pytest.mark.parametrize("reason", ["invalid_email", "rejected"])
def test_a_letter_that_a_person_has_seen_is_new_again_when_it_says_otherwise(
    store: StateStore, clock: SteppingClock, reason: str
) -> None:
    """Each of two mappings for itself."""
    one, other = store.mapping("customers"), store.mapping("orders")
    for state in (one, other):
        state.bury([letter((1,)), letter((2,), "rejected")])
    assert one.letters.acknowledge(NOON) == 2
    one.bury([letter((1,), reason, run_id="r2", at=clock.now)])
    same = reason == "invalid_email"
    assert [each.acknowledged for each in one.open_dead_letters()] == [same, True]
    assert one.letters.acknowledged([((1,), reason), ((2,), "rejected"), ((9,), reason)]) == (2 if same else 1)
    assert one.letters.acknowledged([((9,), "rejected"), ((2,), "invalid_email")]) == 0
    assert [each.acknowledged for each in other.open_dead_letters()] == [False, False]


def test_the_example_of_a_reason_is_one_that_no_person_has_seen_before_one_of_this_run(state: MappingState) -> None:
    state.bury([letter((1,), run_id="r2")])
    state.letters.acknowledge(NOON)
    state.bury([letter((2,), run_id="r1"), letter((3,), run_id="r2"), letter((4,), "rejected", run_id="r2")])
    shown = [state.letters.example("invalid_email", run_id) for run_id in ("r2", "r1", "r9")]
    assert [each.key for each in shown if each] == [(3,), (2,), (2,)]
    state.close_dead_letters([(3,)], "gone")
    others = state.letters.example("invalid_email", "r2")
    assert others is not None
    assert others.key == (2,)
    state.close_dead_letters([(2,)], "gone")
    left = state.letters.example("invalid_email", "r9")
    assert left is not None
    assert left.key == (1,)


@pytest.mark.parametrize(
    "other",
    [{"reason": "invalid_phone"}, {"words": "other"}, {"digest": b"12345678"}],
    ids=["reason", "words", "event"],
)
def test_a_row_that_is_only_read_again_changes_its_letter_where_it_says_anything_else(
    state: MappingState, other: dict[str, object]
) -> None:
    first = replace(letter((1,), words="as before"), digest=b"abcdefgh")
    later = {"run_id": "r2", "last_at": NOON + timedelta(days=1)}
    state.bury([first])
    state.bury([replace(first, **later)], tried_again=False)
    assert state.open_dead_letters() == [first]
    state.bury([replace(first, **later, **other)], tried_again=False)  # type: ignore[arg-type]
    [found] = state.open_dead_letters()
    assert found == replace(first, **later, attempts=2, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(("stamp", "replaced"), [(0, True), (4, False), (5, True), (6, True)])
def test_a_letter_is_replaced_by_one_of_the_same_reading_or_a_later_one_or_where_none_is_known(
    state: MappingState, stamp: int, *, replaced: bool
) -> None:
    state.bury([replace(letter((1,)), stamp=5)])
    state.bury([replace(letter((1,), "invalid_phone", run_id="r2"), stamp=stamp)])
    assert [each.reason for each in state.open_dead_letters()] == ["invalid_phone" if replaced else "invalid_email"]


@pytest.mark.parametrize("keep_ledger", [True, False])
def test_what_is_forgotten_with_the_ledger_is_how_its_rows_were_mapped_and_what_is_in_doubt(
    store: StateStore, *, keep_ledger: bool
) -> None:
    """And only of this mapping."""
    mapped = {"email": "trim"}
    states = [store.mapping(name) for name in ("customers", "orders")]
    for state in states:
        begun(state)
        state.mapped.enter({"email": "upper"})
        state.doubt([event(state, 1).ledger_key], stamp=state.next_stamp())
    states[0].reset(keep_ledger=keep_ledger)
    change = [state.mapped.earlier(mapped) is not None for state in states]
    doubts = [len(state._doubts.keys(state._database)) for state in states]
    assert (change, doubts) == ([keep_ledger, True], [int(keep_ledger), 1])


def test_a_full_refresh_forgets_how_the_rows_of_before_were_mapped(state: MappingState) -> None:
    begun(state)
    state.mapped.enter({"email": "upper"})
    state.begin_anew("refresh", run_id="r2")
    assert state.mapped.earlier({"email": "trim"}) is None


@pytest.mark.parametrize(("later", "opened"), [(-1, False), (0, True), (1, True), (None, True)])
def test_an_invalid_row_of_the_reading_that_was_accepted_or_of_a_later_one_has_a_letter(
    state: MappingState, later: int | None, *, opened: bool
) -> None:
    """None: its reading has no stamp, as with `resend: always`."""
    run_no = begun(state)
    _, accepted = readings(state, b"A", b"B")
    state.settle(settled([accepted]), track="run", run_no=run_no)
    state.bury([replace(letter((1,)), stamp=0 if later is None else accepted.stamp + later)])
    assert bool(state.open_dead_letters()) is opened


def test_the_summaries_of_runs_that_were_done_are_told_but_those_of_named_rows(state: MappingState) -> None:
    """A run with a limit was a run of the night."""
    for number, partial in enumerate([None, "limit", "keys", None], 1):
        run_no = begun(state, f"r{number}")
        state.finish_run(run_no, {"outcome": "done", "sent": number, "partial": partial})
    assert [each["sent"] for each in state.history.last_done(9)] == [4, 2, 1]
    assert [each["sent"] for each in state.history.last_done(2)] == [4, 2]


@pytest.mark.parametrize(("days", "told"), [(399, True), (401, False)])
def test_that_a_state_is_older_than_its_last_run_is_told_as_long_as_runs_are_kept(
    location: str, state: MappingState, clock: SteppingClock, days: int, *, told: bool
) -> None:
    """Of files only: beside a server lies no note."""
    if "://" in location:
        return
    state._note(begun(state), state._stamp() + 1)
    clock.move(days=days)
    assert (state.forgotten_run() is not None) is told


def test_only_a_run_of_the_other_track_that_is_at_work_is_beside(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """Records of this process that have no end stand before it, of both tracks: the latest of the other one counts."""
    with open_state(location, clock=clock, write=True) as store:
        other = store.mapping("customers")
        other.start_run(run_id="b1", command="backfill", before=None)
        with other.lock("backfill"), state.lock("run"):
            at_work = other.start_run(run_id="b2", command="backfill", before=None)
            begun(other, "r1")
            mine = begun(state, "r2")
            assert state.history.beside(mine, "run", state.holder) == at_work
            assert state.history.beside(mine + 1, "backfill", state.holder) == mine


def test_a_backfill_of_numbers_is_another_than_one_of_equal_decimals(state: MappingState) -> None:
    """Its windows begin at values of another type."""
    whole, decimal = state.backfill(1, 9, "4"), state.backfill(Decimal(1), Decimal(9), "4")
    assert whole.track != decimal.track
    assert state.backfill(1, 9, "4").track == whole.track
    assert state.backfill(Decimal(1), Decimal(9), "4").track == decimal.track

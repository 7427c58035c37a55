"""What the ledger is sure of, over a file and over a server: not of a key whose later event may have arrived."""

from __future__ import annotations

import pytest

from etl.event.event import Event
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state
from tests.state.filling import SteppingClock, compared, event, settled

SURE, OTHER, NEW = (True, False), (False, True), (False, False)


def begun(state: MappingState, run_id: str = "r1", command: str = "run") -> int:
    return state.start_run(run_id=run_id, command=command, before=None)


def read(state: MappingState, number: int, content: bytes) -> Event:
    """A row as it is read now."""
    return event(state, number, content=content, stamp=state.next_stamp())


def accepted(state: MappingState, run_no: int, *events: Event, pages: tuple[int, ...] = ()) -> None:
    state.settle(settled(events, pages=pages), track="run", run_no=run_no)


def sure(state: MappingState, one: Event) -> tuple[bool, bool]:
    """What the ledger says of `one`: surely the last event of its key; surely or maybe another."""
    same, other = compared(state, [one])
    return same[0], other[0]


def dead_with_a_doubt(state: MappingState) -> tuple[Event, Event]:
    """A run that had A of row 1 accepted, and died while B of it was on its way."""
    run_no = begun(state)
    first = read(state, 1, b"A")
    accepted(state, run_no, first)
    later = read(state, 1, b"B")
    state.doubt([later.ledger_key], stamp=later.stamp)
    return first, later


def test_what_left_before_a_death_makes_the_entry_doubtful(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """A, then B whose answer was lost, then A again: the receiver may hold B."""
    first, later = dead_with_a_doubt(state)
    with open_state(location, clock=clock, write=True) as store:
        next_run = store.mapping("customers")
        run_no = begun(next_run, "r2")
        assert (sure(next_run, first), sure(next_run, later)) == (OTHER, OTHER)
        assert (next_run.in_doubt((1,)), next_run.in_doubt((2,)), next_run.doubt_count()) == (True, False, 1)
        again = read(next_run, 1, b"A")
        accepted(next_run, run_no, again)
        assert (sure(next_run, again), next_run.in_doubt((1,)), next_run.doubt_count()) == (SURE, False, 0)
        begun(next_run, "r3")
        assert next_run._database.rows("SELECT count(*) FROM etl_doubt")[0][0] == 0, "what is answered is tidied away"


def test_a_page_that_is_settled_whole_leaves_no_doubt(location: str, state: MappingState, clock: SteppingClock) -> None:
    first, later = dead_with_a_doubt(state)
    accepted(state, state._run_no or 0, later, pages=(later.stamp,))
    with open_state(location, clock=clock, write=True) as store:
        looked = store.mapping("customers")
        assert (sure(looked, first), sure(looked, later), looked.doubt_count()) == (OTHER, SURE, 0)


def test_each_doubt_is_of_its_own_keys(location: str, state: MappingState, clock: SteppingClock) -> None:
    """Two pages were on their way when the run died."""
    first, _ = dead_with_a_doubt(state)
    second = read(state, 2, b"A")
    accepted(state, state._run_no or 0, second)
    later = read(state, 2, b"B")
    state.doubt([later.ledger_key], stamp=later.stamp)
    with open_state(location, clock=clock, write=True) as store:
        next_run = store.mapping("customers")
        begun(next_run, "r2")
        assert (sure(next_run, first), sure(next_run, second)) == (OTHER, OTHER)


@pytest.mark.parametrize("all_answered", [True, False])
def test_the_end_of_a_run_ends_its_doubts_only_when_every_answer_came(
    state: MappingState, *, all_answered: bool
) -> None:
    """A clean stop while a request is out leaves its events uncertain."""
    dead_with_a_doubt(state)
    state.finish_run(state._run_no or 0, {"outcome": "stopped"}, unanswered=None if all_answered else [])
    assert state.in_doubt((1,)) is not all_answered


@pytest.mark.parametrize("uncertain", [True, False])
def test_a_refusal_leaves_a_doubt_only_after_an_ambiguous_attempt(
    location: str, state: MappingState, clock: SteppingClock, *, uncertain: bool
) -> None:
    """It may have been taken at the first attempt, or in part."""
    first, later = dead_with_a_doubt(state)
    refused = settled([], [later], uncertain=uncertain, pages=(later.stamp,))
    state.settle(refused, track="run", run_no=state._run_no or 0)
    with open_state(location, clock=clock, write=True) as store:
        looked = store.mapping("customers")
        assert sure(looked, first) == (OTHER if uncertain else SURE)


def test_the_doubts_of_one_mapping_are_not_those_of_another(store: StateStore, state: MappingState) -> None:
    """The same keys have the same hashes in both."""
    other = store.mapping("orders")
    run_no = begun(other, "o1")
    one = read(other, 1, b"A")
    accepted(other, run_no, one)
    dead_with_a_doubt(state)
    begun(state, "r2")
    begun(other, "o2")
    assert (state.in_doubt((1,)), other.in_doubt((1,))) == (True, False)
    assert sure(other, one) == SURE
    other.reset()
    assert state.in_doubt((1,))


def test_what_is_recorded_beside_another_run_is_sure_once_that_one_has_ended_well(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """A backfill that is at work may have read the row earlier, and send it later."""
    with open_state(location, clock=clock, write=True) as store:
        backfill = store.mapping("customers")
        with backfill.lock("backfill"):
            beside = begun(backfill, "b1", "backfill")
            run_no = begun(state)
            one = read(state, 1, b"A")
            accepted(state, run_no, one)
            assert sure(state, one) == OTHER
            backfill.finish_run(beside, {"outcome": "done"})
        assert sure(state, one) == SURE


def test_what_is_recorded_beside_a_run_that_dies_stays_doubtful(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """Whichever of the two began first."""
    run_no = begun(state)
    with open_state(location, clock=clock, write=True) as store:
        backfill = store.mapping("customers")
        with backfill.lock("backfill"):
            begun(backfill, "b1", "backfill")
            one = read(state, 1, b"A")
            accepted(state, run_no, one)
    with open_state(location, clock=clock, write=True) as store:
        later = store.mapping("customers")
        begun(later, "r2")
        assert (sure(later, one), later.in_doubt((1,))) == (OTHER, True)


def test_a_run_that_died_earlier_makes_nothing_doubtful(state: MappingState) -> None:
    begun(state, "b1", "backfill")
    run_no = begun(state, "r2")
    one = read(state, 1, b"A")
    accepted(state, run_no, one)
    assert sure(state, one) == SURE


def test_a_full_refresh_makes_every_entry_count_for_nothing_and_keeps_what_it_sent(state: MappingState) -> None:
    run_no = begun(state)
    old = [read(state, number, b"A") for number in range(100)]
    state.settle(settled(old, upto=99), track="run", run_no=run_no)
    state.begin_anew("refresh", run_id="r1")
    before = state.checkpoint("refresh")
    assert before is not None
    assert before.position is not None
    assert (before.position.cursor, state.checkpoint().position) == (99, None)  # type: ignore[union-attr]
    assert compared(state, old) == ([False] * 100, [False] * 100)
    again = read(state, 7, b"A")
    accepted(state, run_no, again)
    assert compared(state, old)[0] == [number == 7 for number in range(100)]
    state.end_anew("refresh")
    assert state.checkpoint("refresh") is None


def test_a_restored_state_is_sure_of_nothing_that_it_holds(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """D15: what was sent since the backup is not known, so a dry run does not count on it either. Files only."""
    if "://" in location:
        return
    run_no = begun(state)
    one = read(state, 1, b"A")
    accepted(state, run_no, one)
    state.finish_run(run_no, {"outcome": "done"})
    # As a run leaves it whose later pages the restored state never saw, killed or not.
    state._note(run_no, one.stamp + 1)
    with open_state(location, clock=clock, write=False) as store:
        assert sure(store.mapping("customers"), one) == NEW
    with open_state(location, clock=clock, write=True) as store:
        later = store.mapping("customers")
        begun(later, "r2")
        assert sure(later, one) == NEW
        assert later.forgotten_run() is None
        assert sure(later, read(later, 1, b"A")) == NEW


def test_a_doubt_is_on_the_disk_before_the_call_returns(location: str, state: MappingState) -> None:
    """A loss of power must not take it back: a file's other transactions may be lost then."""
    if "://" in location:
        return
    seen: list[tuple[str, int]] = []
    writer = state._database._writer
    assert writer is not None
    execute = writer.execute

    def watched(sql: str, parameters: object = ()) -> object:
        answer = execute(sql, parameters)  # type: ignore[arg-type]
        if sql == "COMMIT":
            seen.append((sql, execute("PRAGMA synchronous", ()).fetchall()[0][0]))
        return answer

    writer.execute = watched  # type: ignore[method-assign, assignment]
    begun(state)
    state.doubt([b"k" * 10], stamp=1)
    writer.execute = execute  # type: ignore[method-assign]
    normal, full = 1, 2
    assert [synced for _, synced in seen] == [normal, full]


def test_of_two_doubts_only_the_answered_one_is_tidied_away(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    """A run that died left two pages; the next one had only the row of the first accepted."""
    run_no = begun(state)
    accepted(state, run_no, read(state, 1, b"A"), read(state, 2, b"A"))
    for number in (1, 2):
        left = read(state, number, b"B")
        state.doubt([left.ledger_key], stamp=left.stamp)
    with open_state(location, clock=clock, write=True) as store:
        next_run = store.mapping("customers")
        accepted(next_run, begun(next_run, "r2"), read(next_run, 1, b"C"))
        begun(next_run, "r3")
        assert next_run._database.rows("SELECT count(*) FROM etl_doubt")[0][0] == 1
        assert (next_run.in_doubt((1,)), next_run.in_doubt((2,))) == (False, True)


def test_a_page_that_is_settled_ends_no_doubt_of_another(
    location: str, state: MappingState, clock: SteppingClock
) -> None:
    run_no = begun(state)
    before = [read(state, number, b"A") for number in (1, 2)]
    accepted(state, run_no, *before)
    later = [read(state, number, b"B") for number in (1, 2)]
    for one in later:
        state.doubt([one.ledger_key], stamp=one.stamp)
    accepted(state, run_no, pages=(later[0].stamp,))
    with open_state(location, clock=clock, write=True) as store:
        next_run = store.mapping("customers")
        begun(next_run, "r2")
        assert [sure(next_run, one) for one in before] == [SURE, OTHER]

"""What holds for a state wherever it is kept: each rule over a SQLite file and over a PostgreSQL server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from etl.checkpoint import Checkpoint
from etl.errors import AnotherSource, MappingLocked, StateUnusable
from etl.page import Position
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state
from tests.state.filling import NOON, SteppingClock, digests_of, event, keys, letter, settled

# Checkpoints


@pytest.mark.parametrize(
    "position",
    [
        Position(datetime(2024, 1, 2, 3, 4, 5, 6), (1,)),  # noqa: DTZ001 - a naive column
        Position(datetime(2024, 1, 2, tzinfo=UTC), (2**70, "é\ud800")),
        Position(date(2024, 2, 29), (Decimal("1.10"),)),
        Position(Decimal("1E+3"), (b"\x00\xff",)),
        Position("naïve 'quote'", (UUID(int=7),)),
        Position(None, (-1,)),
        None,
    ],
)
def test_a_checkpoint_comes_back_exactly(
    location: str, store: StateStore, clock: SteppingClock, position: Position | None
) -> None:
    """D22."""
    store.mapping("customers").set_checkpoint("run", position, run_id="r1")
    store.close()
    with open_state(location, clock=clock, write=False) as again:
        assert again.mapping("customers").checkpoint() == Checkpoint(position, NOON, "r1")


def test_tracks_and_mappings_have_checkpoints_of_their_own(store: StateStore, state: MappingState) -> None:
    """D20."""
    state.set_checkpoint("run", Position(1, (1,)), run_id="r1")
    run_no = state.start_run(run_id="b1", command="backfill", before=None)
    state.settle(settled([event(state, 9)], upto=9), track="backfill", run_no=run_no)
    assert state.checkpoint("run") == Checkpoint(Position(1, (1,)), NOON, "r1")
    assert state.checkpoint("backfill") == Checkpoint(Position(9, (9,)), NOON, "b1")
    assert store.mapping("orders").checkpoint() is None
    assert store.names() == ["customers", "orders"]


def test_settling_without_a_position_leaves_the_checkpoint(state: MappingState) -> None:
    state.set_checkpoint("run", Position(1, (1,)))
    state.settle(settled([event(state, 2)]), track="run", run_no=0)
    checkpoint = state.checkpoint()
    assert checkpoint is not None
    assert checkpoint.position == Position(1, (1,))


# Runs


def test_runs_are_listed_newest_first_with_their_summary(state: MappingState, clock: SteppingClock) -> None:
    first = state.start_run(run_id="r1", command="run", before=None)
    clock.move(minutes=5)
    state.finish_run(first, {"outcome": "done", "exit_code": 3, "read": 7})
    state.start_run(run_id="r2", command="retry", before={"cursor": ["int", "1"]})
    died, done = state.runs()
    assert (died.run_id, died.command, died.outcome, died.exit_code) == ("r2", "retry", "died", None)
    assert died.before == {"cursor": ["int", "1"]}
    assert (done.run_no, done.outcome, done.exit_code) == (first, "done", 3)
    assert (done.started_at, done.finished_at) == (NOON, clock.now)
    assert done.summary == {"outcome": "done", "exit_code": 3, "read": 7}
    assert [record.run_id for record in state.runs(1)] == ["r2"]


def test_an_unfinished_run_is_running_while_its_process_holds_the_lock(state: MappingState) -> None:
    with state.lock("run"):
        state.start_run(run_id="r1", command="run", before=None)
        assert [record.outcome for record in state.runs()] == ["running"]
    assert [record.outcome for record in state.runs()] == ["died"]


def test_runs_and_closed_dead_letters_are_kept_for_400_days(state: MappingState, clock: SteppingClock) -> None:
    state.start_run(run_id="old", command="run", before=None)
    state.bury([letter((1,)), letter((2,))])
    state.close_dead_letters([(1,)], "gone")
    clock.move(days=399)
    state.start_run(run_id="r1", command="run", before=None)
    assert [record.run_id for record in state.runs()] == ["r1", "old"]
    assert len(state.dead_letters_of((1,))) == 1
    clock.move(days=2)
    state.start_run(run_id="r2", command="run", before=None)
    assert [record.run_id for record in state.runs()] == ["r2", "r1"]
    assert state.dead_letters_of((1,)) == []
    assert keys(state.open_dead_letters()) == [(2,)]


# Fingerprint, reset, backfills


def test_a_checkpoint_of_another_source_is_refused_with_every_difference(state: MappingState) -> None:
    """D11, A27."""
    state.confirm_fingerprint({"table": "customers", "cursor": "updated_at datetime"})
    state.set_checkpoint("run", Position(1, (1,)))
    state.confirm_fingerprint({"cursor": "updated_at datetime", "table": "customers"})
    with pytest.raises(StateUnusable) as caught:
        state.confirm_fingerprint({"table": "clients", "cursor": "updated_at integer", "zone": "UTC"})
    assert caught.value.message.endswith(
        "belongs to another source or account: cursor was updated_at datetime, is updated_at integer; "
        "table was customers, is clients; zone was not set, is UTC"
    )
    assert isinstance(caught.value, AnotherSource)
    state.set_checkpoint("run", None, fingerprint={"table": "clients"})
    state.confirm_fingerprint({"table": "clients"})


def test_a_column_without_a_value_contradicts_no_spelling_and_takes_the_next(state: MappingState) -> None:
    spelt, empty = {"cursor": "u: text like 20240131"}, {"cursor": "u: text (no value yet)"}
    state.set_checkpoint("run", Position(1, (1,)), fingerprint=spelt)
    state.confirm_fingerprint(empty)
    state.set_checkpoint("run", Position(2, (2,)))
    with pytest.raises(AnotherSource, match="cursor was u: text like 20240131, is u: text like 2024-01-31"):
        state.confirm_fingerprint({"cursor": "u: text like 2024-01-31"})
    for other in ("u: datetime (no value yet)", "v: text (no value yet)", "u: textual"):
        with pytest.raises(AnotherSource):
            state.confirm_fingerprint({"cursor": other})
    state.set_checkpoint("run", Position(2, (2,)), fingerprint=empty)
    state.confirm_fingerprint(spelt)
    state.set_checkpoint("run", Position(3, (3,)))
    with pytest.raises(AnotherSource):
        state.confirm_fingerprint({"cursor": "u: text like 2024-01-31"})


SHOP = {"table": "customers", "destination": "api.example.com", "account": "12345"}


def test_what_was_never_accepted_binds_no_account(state: MappingState) -> None:
    """A mistyped account is refused by the API, and has to be corrected without a word about the state."""
    state.confirm_fingerprint({**SHOP, "account": "21345"})
    state.settle(settled([], [event(state, 1)], upto=1), track="run", run_no=0)
    state.confirm_fingerprint({**SHOP, "destination": "127.0.0.1"})
    with pytest.raises(StateUnusable, match=r"table was customers, is clients$"):
        state.confirm_fingerprint({**SHOP, "table": "clients"})
    state.set_checkpoint("run", Position(2, (2,)), fingerprint={**SHOP, "account": "another"})
    state.confirm_fingerprint(SHOP)
    state.settle(settled([event(state, 2)]), track="run", run_no=0)
    state.confirm_fingerprint(SHOP)
    with pytest.raises(StateUnusable, match=r"the account is another one; destination was api\.example\.com, is x$"):
        state.confirm_fingerprint({**SHOP, "account": "54321", "destination": "x"})
    state.set_checkpoint("run", None, fingerprint={**SHOP, "account": "54321"})
    with pytest.raises(StateUnusable, match=r"the account is another one$"):
        state.confirm_fingerprint(SHOP)


def test_nothing_read_binds_no_source(state: MappingState) -> None:
    """A first run that found nothing, or whose key was refused, has no position that could be misread."""
    state.confirm_fingerprint(SHOP)
    state.set_checkpoint("run", None)
    state.bury([letter((1,))])
    state.confirm_fingerprint({**SHOP, "table": "clients"})


@pytest.mark.parametrize("keep_ledger", [True, False])
def test_a_reset_forgets_everything_but_the_runs(store: StateStore, state: MappingState, *, keep_ledger: bool) -> None:
    other = store.mapping("orders")
    other.set_checkpoint("run", Position(1, (1,)))
    state.start_run(run_id="r1", command="run", before=None)
    state.confirm_fingerprint(SHOP)
    state.settle(settled([event(state, 1)], [event(state, 2)], upto=2), track="run", run_no=0)
    state.backfill(1, 9, "4")
    state.reset(keep_ledger=keep_ledger)
    assert state.checkpoint() is None
    assert state.open_dead_letters() == []
    assert state.backfills() == []
    assert state.ledger_size() == (1 if keep_ledger else 0)
    state.confirm_fingerprint({**SHOP, "table": "another", "account": "another"})
    assert len(state.runs()) == 1
    assert other.checkpoint() is not None


def test_a_backfill_is_found_again_where_it_stopped(
    location: str, store: StateStore, state: MappingState, clock: SteppingClock
) -> None:
    start, end = datetime(2024, 1, 1), datetime(2024, 3, 1)  # noqa: DTZ001 - a naive column
    backfill = state.backfill(start, end, "1mo")
    assert (backfill.window_at, backfill.windows_done, backfill.finished_at) == (None, 0, None)
    state.enter_window(backfill, start, windows_done=0)
    state.settle(settled([event(state, 5)], upto=5), track=backfill.track, run_no=0)
    assert state.backfill(start, end, "1d").track != backfill.track
    store.close()
    with open_state(location, clock=clock, write=True) as again:
        state = again.mapping("customers")
        backfill = state.backfill(start, end, "1mo")
        assert (backfill.window_at, backfill.windows_done) == (start, 0)
        assert state.checkpoint(backfill.track) == Checkpoint(Position(5, (5,)), NOON, "")
        state.enter_window(backfill, datetime(2024, 2, 1), windows_done=1)  # noqa: DTZ001
        assert state.checkpoint(backfill.track) is None
        state.finish_backfill(backfill, windows_done=2)
        backfill = state.backfill(start, end, "1mo")
        assert (backfill.windows_done, backfill.finished_at) == (2, NOON)
        assert state.backfill(start, end, "1mo", restart=True).finished_at is None


# Locks


def test_a_mapping_is_held_once_and_the_loser_is_told_by_whom(
    location: str, store: StateStore, clock: SteppingClock
) -> None:
    """D7. Backfills and other mappings are not in the way."""
    state = store.mapping("customers")
    assert state.holder() is None
    with open_state(location, clock=clock, write=True) as second, state.lock("run"):
        other = second.mapping("customers")
        with pytest.raises(MappingLocked) as caught, other.lock("run"):
            pass
        holder = other.holder()
        assert holder is not None
        assert caught.value.message == f"customers is already at work: {holder}"
        assert str(holder).endswith("since 2026-05-04T12:00:00+00:00")
        with other.lock("backfill"), second.mapping("orders").lock("run"):
            assert other.holder("backfill") is not None
    assert state.holder() is None
    with state.lock("run"):
        pass


# Opening


def test_looking_sees_what_a_live_writer_has_committed(location: str, store: StateStore, clock: SteppingClock) -> None:
    state = store.mapping("customers")
    one = event(state, 1)
    with open_state(location, clock=clock, write=False) as looking:
        seen = looking.mapping("customers")
        assert seen.checkpoint() is None
        state.settle(settled([one], upto=1), track="run", run_no=0)
        checkpoint = seen.checkpoint()
        assert checkpoint is not None
        assert checkpoint.position == Position(1, (1,))
        assert digests_of(seen, [one.ledger_key]) == {one.ledger_key: one.digest}
        assert seen.hash_key == state.hash_key


def test_a_state_that_is_only_looked_at_refuses_writes(location: str, store: StateStore, clock: SteppingClock) -> None:
    """D21."""
    store.mapping("customers")
    with open_state(location, clock=clock, write=False) as looking:
        state = looking.mapping("customers")
        assert [state.next_stamp(), state.next_stamp()] == [1, 2]
        state.confirm_fingerprint({"table": "customers"})
        with pytest.raises(AssertionError, match="reading only"):
            state.set_checkpoint("run", None)
        with pytest.raises(AssertionError, match="reading only"):
            state.settle(settled(), track="run", run_no=0)
        assert looking.mapping("new").checkpoint() is None
        assert looking.names() == ["customers"]


def test_a_missing_state_looks_empty(location: str, clock: SteppingClock) -> None:
    """D14. A dry run before the first run."""
    with open_state(location, clock=clock, write=False) as looking:
        state = looking.mapping("customers")
        assert (state.checkpoint(), state.runs(), state.open_dead_letters(), state.holder()) == (None, [], [], None)
        assert digests_of(state, [b"0123456789"]) == {}
        assert looking.names() == []
    with open_state(location, clock=clock, write=True) as store:
        assert store.names() == []


def test_states_of_their_own_have_hash_keys_of_their_own(
    store: StateStore, clock: SteppingClock, tmp_path: Path
) -> None:
    """F3. A hash of one state says nothing in another."""
    with open_state(str(tmp_path / "another.sqlite"), clock=clock, write=True) as other:
        assert len(store.mapping("a").hash_key) == 32
        assert store.mapping("a").hash_key != other.mapping("a").hash_key

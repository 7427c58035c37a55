"""What holds for a state wherever it is kept: each rule over a SQLite file and over a PostgreSQL server."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from etl.checkpoint import Checkpoint
from etl.errors import AnotherSource, MappingLocked, StateUnusable
from etl.event.key_hash import KeyHasher
from etl.page import Key, Position
from etl.state.ledger import Entry
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state
from tests.state.filling import NOON, SteppingClock, compared, digest_of, digests_of, event, keys, letter, settled


@pytest.fixture
def state(store: StateStore) -> MappingState:
    return store.mapping("customers")


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


# Ledger


def test_the_ledger_tells_the_last_accepted_event_of_each_key(state: MappingState) -> None:
    hasher = KeyHasher(state.hash_key)
    old, new = event(state, 1, content=b'{"a":1}'), event(state, 1, stamp=2, content=b'{"a":2}')
    other = event(state, 2, content=b"{}")
    state.settle(settled([old, other]), track="run", run_no=0)
    state.settle(settled([new]), track="run", run_no=0)
    asked = [hasher.ledger_key((number,)) for number in (1, 2, 3)]
    assert digests_of(state, asked) == {asked[0]: digest_of(b'{"a":2}'), asked[1]: digest_of(b"{}")}
    assert digests_of(state, []) == {}
    assert state.ledger_size() == 2


def test_a_page_of_any_size_is_looked_up(state: MappingState) -> None:
    events = [event(state, number) for number in range(12_000)]
    state.settle(settled(events), track="run", run_no=0)
    assert digests_of(state, [each.ledger_key for each in events]) == {each.ledger_key: each.digest for each in events}


def test_the_ledger_tells_which_run_sent_a_keys_event_and_the_marks_of_its_fields(
    location: str, store: StateStore, state: MappingState, clock: SteppingClock
) -> None:
    first = state.start_run(run_id="r1", command="run", before=None)
    state.settle(settled([event(state, 1)._replace(marks=b"abc")]), track="run", run_no=first)
    second = state.start_run(run_id="b1", command="backfill", before=None)
    newer = event(state, 1, stamp=2, content=b"new")._replace(marks=b"abd")
    state.settle(settled([newer, event(state, 2, stamp=3)]), track="backfill", run_no=second)
    state.settle(settled([event(state, 3, stamp=1)._replace(marks=b"xyz")]), track="run", run_no=first)
    store.close()
    with open_state(location, clock=clock, write=False) as again:
        found = again.mapping("customers")
        entry, run = found.memory.last_accepted((1,)) or (None, None)
        assert entry == Entry(newer.digest, b"abd", 2, second)
        assert run is not None
        assert (run.run_id, run.command) == ("b1", "backfill")
        other, first_run = found.memory.last_accepted((3,)) or (None, None)
        assert other is not None
        assert first_run is not None
        assert (other.marks, first_run.run_id) == (b"xyz", "r1")
        assert found.memory.last_accepted((4,)) is None


def test_the_run_of_an_entry_may_be_forgotten(state: MappingState, clock: SteppingClock) -> None:
    """Records of runs are kept for 400 days, what was accepted for ever."""
    old = state.start_run(run_id="r1", command="run", before=None)
    one = event(state, 1)
    state.settle(settled([one]), track="run", run_no=old)
    clock.move(days=401)
    state.start_run(run_id="r2", command="run", before=None)
    assert state.memory.last_accepted((1,)) == (Entry(one.digest, b"", one.stamp, old), None)


def test_the_state_remembers_for_two_months_who_sent_earlier_events(state: MappingState, clock: SteppingClock) -> None:
    """For the person who asks which nights sent this customer."""

    def send(run_id: str, number: int, stamp: int) -> None:
        run_no = state.start_run(run_id=run_id, command="run", before=None)
        for content in (run_id.encode(), b"again"):
            sent = event(state, number, stamp=stamp, content=content)
            state.settle(settled([sent]), track="run", run_no=run_no)

    def earlier(number: int) -> list[str]:
        return [run.run_id for run in state.memory.earlier_runs((number,))]

    send("r1", 1, 1)
    assert earlier(1) == []
    clock.move(days=1)
    send("r2", 1, 2)
    send("r3", 2, 3)
    clock.move(days=58)
    send("r4", 1, 4)
    assert (earlier(1), earlier(2), earlier(3)) == (["r2", "r1"], [], [])
    clock.move(days=2, hours=1)
    send("r5", 1, 5)
    assert earlier(1) == ["r4"]
    state.reset()
    assert earlier(1) == []


def test_a_field_keeps_its_place_among_the_marks_for_ever(
    location: str, store: StateStore, clock: SteppingClock
) -> None:
    """Whatever is added to the mapping, taken out or moved."""
    state = store.mapping("customers")
    assert state.field_names(["event", "email", "city"]) == ["event", "email", "city"]
    assert state.field_names(["event", "city", "custom_new"]) == ["event", "email", "city", "custom_new"]
    assert store.mapping("orders").field_names(["event"]) == ["event"]
    with open_state(location, clock=clock, write=False) as looked:
        names = ["event", "email", "city", "custom_new"]
        assert looked.mapping("customers").field_names(["custom_more"]) == [*names, "custom_more"]
        assert looked.mapping("customers").field_names([]) == names


@pytest.mark.parametrize("known", [0, 1, 3, 5])
def test_the_ledger_tells_which_events_are_the_last_accepted_ones(state: MappingState, known: int) -> None:
    """All of a page, none, or some; a key with another digest, or none, is not the same."""
    events = [event(state, number, content=b"%d" % number) for number in range(5)]
    changed = event(state, 4, content=b"other", stamp=1)
    state.settle(settled([*events[:known], *([changed] if known < 5 else [])]), track="run", run_no=0)
    expected = [number < known for number in range(5)]
    other = [number == 4 and known < 5 for number in range(5)]
    assert compared(state, events) == (expected, other)
    assert state.compare([], []) == ([], [])


@pytest.mark.parametrize("odd", [[], [0], [31, 32], [150], [199], [*range(200)]])
def test_a_page_of_neighbours_is_compared_row_by_row_where_something_differs(
    state: MappingState, odd: list[int]
) -> None:
    """The first and last rows of a page and of a span, and rows in the middle: changed, never sent, or deleted since.

    Half of the rows are neighbours of rows that the page lacks; neither order nor number of the rows matters.
    """
    events = [event(state, number, content=b"%d" % number) for number in range(300)]
    changed = {number: event(state, number, content=b"other") for number in odd[::2]}
    sent = [changed.get(number, one) for number, one in enumerate(events) if number not in odd[1::2]]
    state.settle(settled(sent), track="run", run_no=0)
    page = [*range(0, 100, 7), *range(199, 99, -1), *range(1, 100, 7)]
    found = compared(state, [events[number] for number in page])
    assert found == ([number not in odd for number in page], [number in odd[::2] for number in page])


def test_mappings_do_not_see_each_others_ledgers(store: StateStore, state: MappingState) -> None:
    one = event(state, 1)
    state.settle(settled([one]), track="run", run_no=0)
    assert digests_of(store.mapping("orders"), [one.ledger_key]) == {}


def test_an_older_reading_never_replaces_a_newer_one_and_is_told(state: MappingState) -> None:
    """A backfill that read the row before the nightly run did, and whose event was accepted after its.

    The receiver may now hold the older version, so the row counts as never sent: its next reading goes out again.
    """
    newer = event(state, 1, stamp=5, content=b"new")
    older, harmless = event(state, 1, stamp=4, content=b"old"), event(state, 2, stamp=4)
    assert state.settle(settled([newer]), track="run", run_no=0) == []
    assert state.settle(settled([older, harmless], upto=2), track="backfill", run_no=0) == [older]
    assert digests_of(state, [newer.ledger_key]) == {}
    assert [(each.key, each.reason) for each in state.open_dead_letters()] == [((1,), "overtaken")]
    assert state.refused([newer.ledger_key]) == {}, "it was accepted: nothing holds its resend back"
    again = event(state, 1, stamp=6, content=b"new")
    assert state.settle(settled([again]), track="run", run_no=0) == []
    assert state.open_dead_letters() == []


def test_one_settlement_may_hold_two_versions_of_a_row(state: MappingState) -> None:
    """The lookback window and the main one may both read a row that changed in between."""
    old, new = event(state, 1, stamp=1, seq=0, content=b"1"), event(state, 1, stamp=2, seq=9, content=b"2")
    assert state.settle(settled([new, old]), track="run", run_no=0) == []
    assert digests_of(state, [new.ledger_key]) == {new.ledger_key: new.digest}


def test_events_without_ledger_key_leave_no_entry(state: MappingState) -> None:
    """`resend: always`."""
    state.settle(settled([event(state, 1, ledger=False)], upto=1), track="run", run_no=0)
    assert state.ledger_size() == 0


def test_stamps_grow_through_every_process(location: str, store: StateStore, clock: SteppingClock) -> None:
    one = store.mapping("customers")
    with open_state(location, clock=clock, write=True) as second:
        other = second.mapping("customers")
        stamps = [one.next_stamp(), other.next_stamp(), one.next_stamp(), other.next_stamp()]
    assert stamps == sorted(set(stamps))


def test_the_ledger_is_read_by_one_thread_while_another_writes(state: MappingState) -> None:
    """The next page is looked up while the last one is settled."""
    events = [event(state, number) for number in range(3000)]
    seen: list[int] = []

    def look() -> None:
        for _ in range(40):
            state.next_stamp()
            seen.append(len(digests_of(state, [each.ledger_key for each in events])))

    reader = threading.Thread(target=look)
    reader.start()
    for at in range(0, 3000, 100):
        state.settle(settled(events[at : at + 100], upto=at), track="run", run_no=0)
    reader.join()
    assert seen == sorted(seen)
    assert all(count % 100 == 0 for count in seen), "half a settlement was seen"


# Dead letters


def test_rejected_events_become_dead_letters_with_the_checkpoint(state: MappingState) -> None:
    """D18."""
    run_no = state.start_run(run_id="r7", command="run", before=None)
    bad = event(state, 3)
    state.settle(settled([event(state, 2)], [bad], upto=3, words="invalid\tfield"), track="run", run_no=run_no)
    (found,) = state.open_dead_letters()
    assert (found.key, found.reason, found.words, found.attempts) == ((3,), "rejected", "invalid\\tfield", 1)
    assert (found.opened_at, found.last_at, found.digest, found.run_id) == (NOON, NOON, bad.digest, "r7")
    assert digests_of(state, [bad.ledger_key]) == {}


def test_dead_letters_are_listed_oldest_first_and_counted_by_reason(state: MappingState) -> None:
    state.bury([letter((1,)), letter(("b", 2), "unreadable_row")])
    state.bury([letter((0,))])
    assert keys(state.open_dead_letters()) == [(1,), ("b", 2), (0,)]
    assert keys(state.open_dead_letters("invalid_email")) == [(1,), (0,)]
    assert keys(state.open_dead_letters("invalid_email", 1)) == [(1,)]
    assert state.dead_letter_counts() == {"invalid_email": 2, "unreadable_row": 1}


def test_the_letter_to_look_at_is_one_that_nobody_has_seen(state: MappingState) -> None:
    def shown(run_id: str = "") -> Key | None:
        found = state.letters.example("invalid_email", run_id)
        return found and found.key

    assert shown() is None
    state.bury([letter((1,)), letter((2,), "unreadable_row")])
    assert shown() == (1,)
    state.letters.acknowledge(NOON)
    assert shown() == (1,)
    state.bury([letter((3,)), letter((4,), run_id="of tonight")])
    assert shown() == (3,)
    assert shown("of tonight") == (4,)


def test_dead_letters_are_listed_by_their_last_attempt(state: MappingState, clock: SteppingClock) -> None:
    """With a limit, each has its turn."""
    state.bury([letter((key,)) for key in (3, 1, 2)])
    clock.move(hours=1)
    state.bury([letter((3,), run_id="again", at=clock.now)])
    clock.move(hours=1)
    state.bury([letter((1,), run_id="again", at=clock.now)])
    assert state.open_dead_letter_keys(limit=1) == [(2,)]
    assert state.open_dead_letter_keys("invalid_email", 2) == [(3,), (2,)], "the oldest first"
    assert state.open_dead_letter_keys() == [(3,), (1,), (2,)]
    assert keys(state.open_dead_letters()) == [(3,), (1,), (2,)]


def test_a_key_has_one_open_dead_letter_whose_attempts_are_counted_by_run(
    state: MappingState, clock: SteppingClock
) -> None:
    state.bury([letter((1,), run_id="r1"), letter((1,), run_id="r1")])
    state.bury([letter((1,), "no_email", run_id="r1")])
    clock.move(hours=1)
    state.bury([letter((1,), "too_long", words="x", run_id="r2", at=clock.now)])
    (found,) = state.open_dead_letters()
    assert (found.reason, found.words, found.attempts, found.run_id) == ("too_long", "x", 2, "r2")
    assert (found.opened_at, found.last_at) == (NOON, clock.now)


@pytest.mark.parametrize("ledger", [True, False], ids=["resend changed", "resend always"])
def test_a_dead_letter_is_closed_when_an_event_of_its_key_is_accepted(state: MappingState, *, ledger: bool) -> None:
    state.bury([letter((1,)), letter((2,))])
    state.settle(settled([event(state, 1, ledger=ledger), event(state, 3, ledger=ledger)]), track="run", run_no=0)
    assert keys(state.open_dead_letters()) == [(2,)]
    assert [(found.reason, how) for found, how in state.dead_letters_of((1,))] == [("invalid_email", "accepted")]


def test_a_dead_letter_is_closed_when_its_row_is_as_the_receiver_has_it(state: MappingState) -> None:
    """The row was changed back to what was accepted before."""
    state.bury([letter((1,)), letter((2,))])
    state.close_unchanged([event(state, number).ledger_key for number in (1, 5)])
    assert keys(state.open_dead_letters()) == [(2,)]


def test_a_dead_letter_of_another_process_is_closed_too(
    location: str, store: StateStore, state: MappingState, clock: SteppingClock
) -> None:
    """A backfill's dead letter, opened while the nightly run goes on."""
    state.settle(settled([event(state, 5)]), track="run", run_no=0)
    with open_state(location, clock=clock, write=True) as other:
        other.mapping("customers").bury([letter((1,))])
    state.settle(settled([event(state, 1)]), track="run", run_no=0)
    assert state.open_dead_letters() == []


def test_only_an_open_dead_letter_tells_the_event_that_was_refused(state: MappingState) -> None:
    bad, invalid = event(state, 1, content=b"bad"), event(state, 2)
    state.settle(settled([], [bad]), track="run", run_no=0)
    state.bury([letter((2,))])
    asked = [bad.ledger_key, invalid.ledger_key, event(state, 3).ledger_key]
    assert state.refused(asked) == {bad.ledger_key: bad.digest}
    state.settle(settled([event(state, 1, content=b"good", stamp=2)]), track="run", run_no=0)
    assert state.refused(asked) == {}


def test_a_closed_dead_letter_opens_anew(state: MappingState) -> None:
    state.bury([letter((1,))])
    state.close_dead_letters([(1,), (77,)], "gone")
    state.bury([letter((1,), run_id="r2")])
    assert [how for _, how in state.dead_letters_of((1,))] == ["gone", None]
    (found,) = state.open_dead_letters()
    assert found.attempts == 1


def test_of_two_versions_in_one_settlement_the_later_one_decides(state: MappingState) -> None:
    good, bad = event(state, 1, seq=1, content=b"1"), event(state, 1, seq=2, stamp=2, content=b"2")
    state.settle(settled([good], [bad]), track="run", run_no=0)
    assert keys(state.open_dead_letters()) == [(1,)]
    good, bad = event(state, 2, seq=4, stamp=2, content=b"1"), event(state, 2, seq=3, content=b"2")
    state.settle(settled([good], [bad]), track="run", run_no=0)
    assert keys(state.open_dead_letters()) == [(1,)]


def test_a_refused_version_does_not_reopen_what_a_newer_one_has_settled(state: MappingState) -> None:
    """A backfill's older reading is refused after the nightly run's newer one was accepted."""
    state.settle(settled([event(state, 1, stamp=5)]), track="run", run_no=0)
    state.settle(settled([], [event(state, 1, stamp=4, content=b"old")]), track="backfill", run_no=0)
    assert state.open_dead_letters() == []


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

"""The ledger: what it remembers of each key, over a SQLite file and over a PostgreSQL server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from etl.event.key_hash import KeyHasher
from etl.state.ledger import Entry, Ledger
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state
from tests.benchmarks.ledger import fill
from tests.state.filling import SteppingClock, compared, digest_of, digests_of, event, settled


def test_an_entry_of_a_later_reading_stays(store: StateStore) -> None:
    state = store.mapping("customers")
    ledger = Ledger(store._database, 1)
    newer, older = event(state, 1, stamp=5, content=b"new"), event(state, 1, stamp=4, content=b"old")
    with store._database.transaction() as transaction:
        ledger.record(transaction, [newer], run_no=1, recorded_stamp=0)
        ledger.record(transaction, [older], run_no=1, recorded_stamp=5)
    assert digests_of(state, [newer.ledger_key]) == {newer.ledger_key: newer.digest}


def test_an_entry_of_the_same_reading_is_replaced(store: StateStore) -> None:
    """A row that is sent twice in a run, because an attempt's end was not known."""
    state = store.mapping("customers")
    ledger = Ledger(store._database, 1)
    one, other = event(state, 1, stamp=5, content=b"1"), event(state, 1, stamp=5, content=b"2")
    with store._database.transaction() as transaction:
        ledger.record(transaction, [one], run_no=1, recorded_stamp=0)
        ledger.record(transaction, [other], run_no=1, recorded_stamp=5)
    assert digests_of(state, [one.ledger_key]) == {one.ledger_key: other.digest}


@pytest.mark.parametrize("at_random", [False, True], ids=["keys in a row", "keys at random"])
def test_the_state_has_at_most_64_bytes_a_key(path: Path, clock: SteppingClock, *, at_random: bool) -> None:
    with open_state(str(path), clock=clock, write=True) as store:
        fill(store.mapping("bench"), count=50_000, at_random=at_random)
    assert path.stat().st_size / 50_000 <= 64


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
    clock.move(days=58, hours=23)
    send("r4", 1, 4)
    assert (earlier(1), earlier(2), earlier(3)) == (["r2", "r1"], [], [])
    clock.move(days=1, hours=2)
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


def test_rows_that_were_never_sent_are_news_beside_neighbours_that_are_all_as_they_were(state: MappingState) -> None:
    """A day of new rows with far keys, in one page with rows of before."""
    before, new = ([event(state, number) for number in numbers] for numbers in (range(64), range(9000, 9032)))
    state.settle(settled(before), track="run", run_no=0)
    assert compared(state, [*new, *before]) == ([False] * 32 + [True] * 64, [False] * 96)


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

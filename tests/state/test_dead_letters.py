"""Dead letters hold keys, codes and harmless words; nothing else of the row (F3, F15, F19)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etl.page import Key
from etl.state.dead_letters import PAGE_LETTERS, DeadLetters, clean
from etl.state.mapping_state import MappingState
from etl.state.sqlite import for_writing
from etl.state.store import StateStore, open_state
from tests.state.filling import NOON, SteppingClock, digests_of, event, keys, letter, settled


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("", ""),
        ("Invalid currency", "Invalid currency"),
        ("email jan.jansen+x@shop.example.com is bad", "email (address) is bad"),
        ('{"email":"jan@x.nl","b":"eva%40x.nl"}', '{"email":"(address)","b":"(address)"}'),
        ("mailto:<jan@localhost>", "mailto:<(address)>"),
        ("a\nb\x1b[31m\u202e", "a\\nb\\x1b[31m\\u202e"),
        ("é" * 501, "é" * 499 + "…"),
    ],
)
def test_the_words_are_one_short_harmless_line_without_addresses(words: str, kept: str) -> None:
    assert clean(words) == kept


@pytest.mark.parametrize("count", [0, 1, PAGE_LETTERS, PAGE_LETTERS + 1])
def test_each_open_dead_letter_is_told_once_the_oldest_first(state: MappingState, count: int) -> None:
    """Page by page; of one reason only those, wherever they stand among others."""
    state.bury([letter((number,), ("a", "b")[number % 2]) for number in range(count)])
    assert keys([*state.letters.each()]) == [(number,) for number in range(count)]
    assert keys([*state.letters.each("b")]) == [(number,) for number in range(1, count, 2)]


def test_many_open_dead_letters_are_found_without_being_remembered(path: Path, clock: SteppingClock) -> None:
    """Memory does not grow with the number of dead letters."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        state.bury([letter((number,)) for number in range(5)])
        database = for_writing(path, clock)
        letters = DeadLetters(database, 1, state.hash_key, most_remembered=2)
        with database.transaction() as transaction:
            found = letters.among(transaction, [event(state, number).ledger_key for number in (9, 3, 1)])
            assert letters.any_open(transaction)
            letters.close(transaction, dict.fromkeys(found, 1), "superseded", NOON)
        database.close()
        assert keys(state.open_dead_letters()) == [(0,), (2,), (4,)]


def test_a_settlement_costs_no_search_while_nothing_is_open(path: Path, clock: SteppingClock) -> None:
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        state.bury([letter((1,))])
        state.close_dead_letters([(1,)], "gone")
        database = for_writing(path, clock)
        assert not DeadLetters(database, 1, state.hash_key).any_open(database)
        database.close()


def test_the_keys_of_many_are_read_in_pages(path: Path, clock: SteppingClock) -> None:
    """No key is lost or doubled at the end of a page, whatever was closed between."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        state.bury([letter((number,)) for number in range(3 * PAGE_LETTERS)])
        state.close_dead_letters([(number,) for number in range(0, 3 * PAGE_LETTERS, 3)], "gone")
        left = [(number,) for number in range(3 * PAGE_LETTERS) if number % 3]
        assert len(left) == 2 * PAGE_LETTERS, "the last page is full"
        assert state.open_dead_letter_keys() == left
        assert state.open_dead_letter_keys(limit=PAGE_LETTERS + 5) == left[: PAGE_LETTERS + 5]
        assert state.open_dead_letter_keys("no_such_reason") == state.open_dead_letter_keys("none", 3) == []


@pytest.mark.parametrize("older", ["unchanged", "accepted"])
def test_older_news_does_not_close_a_dead_letter_and_news_of_the_same_reading_does(
    store: StateStore, *, older: str
) -> None:
    """A backfill that read the row before the run did may be told its end after the run's event was refused."""
    state = store.mapping("customers")
    run_no = state.start_run(run_id="r1", command="run", before=None)
    first, second = state.next_stamp(), state.next_stamp()
    before, refused = event(state, 1, content=b"A", stamp=first), event(state, 1, content=b"B", stamp=second)
    state.settle(settled([], [refused]), track="run", run_no=run_no)
    if older == "unchanged":
        state.close_unchanged([before.ledger_key], stamp=first)
    else:
        state.settle(settled([before]), track="backfill", run_no=run_no)
    assert keys(state.open_dead_letters()) == [(1,)]
    state.bury([replace(letter((1,)), stamp=first)])
    (found,) = state.open_dead_letters()
    assert found.reason != "invalid_email", "what was read earlier does not replace it"
    state.bury([replace(letter((1,)), stamp=second)])
    assert [found.reason for found in state.open_dead_letters()] == ["invalid_email"]
    state.close_unchanged([before.ledger_key], stamp=second)
    assert state.open_dead_letters() == []


def test_an_invalid_row_that_a_newer_event_overtook_leaves_no_dead_letter(store: StateStore) -> None:
    """A backfill read it as invalid; the run read it corrected, and its event was accepted first."""
    state = store.mapping("customers")
    run_no = state.start_run(run_id="r1", command="run", before=None)
    first, second = state.next_stamp(), state.next_stamp()
    state.settle(settled([event(state, 1, stamp=second)]), track="run", run_no=run_no)
    state.bury([replace(letter((key,)), stamp=first) for key in (1, 2)])
    assert keys(state.open_dead_letters()) == [(2,)]
    state.bury([replace(letter((1,)), stamp=state.next_stamp())])
    assert keys(state.open_dead_letters()) == [(2,), (1,)]


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

"""Dead letters hold keys, codes and harmless words; nothing else of the row (F3, F15, F19)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from etl.state.dead_letters import PAGE_LETTERS, DeadLetters, clean
from etl.state.sqlite import for_writing
from etl.state.store import StateStore, open_state
from tests.state.filling import NOON, SteppingClock, event, keys, letter, settled


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

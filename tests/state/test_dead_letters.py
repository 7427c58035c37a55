"""Dead letters hold keys, codes and harmless words; nothing else of the row (F3, F15, F19)."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.state.dead_letters import DeadLetters, clean
from etl.state.sqlite import for_writing
from etl.state.store import open_state
from tests.state.filling import NOON, SteppingClock, event, keys, letter


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
            letters.close(transaction, found, "superseded", NOON)
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

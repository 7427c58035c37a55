"""What a person decided about a mapping is kept under its name, follows a new one, and ends with it."""

from __future__ import annotations

from etl.state.decisions import drop_decisions, note_new_name
from etl.state.store import StateStore
from tests.state.filling import SteppingClock


def test_a_name_leads_to_the_newest_one_and_no_other_name_does(store: StateStore) -> None:
    """However often it was renamed; a mapping that takes an old name up again is another one."""
    decisions = store.mapping("a").decisions
    for old, new in (("x", "y"), ("a", "b"), ("b", "c")):
        with store._database.transaction() as transaction:
            note_new_name(transaction, old, new)
    assert [decisions.new_name(name) for name in "abcxy"] == ["c", "c", None, "y", None]
    with store._database.transaction() as transaction:
        note_new_name(transaction, "c", "a")
    assert [decisions.new_name(name) for name in "bcx"] == ["a", "a", "y"]
    with store._database.transaction() as transaction:
        drop_decisions(transaction, "a")
    assert [decisions.new_name(name) for name in "bcx"] == [None, None, "y"]


def test_when_a_person_decided_is_known_by_mapping_until_it_is_gone(store: StateStore, clock: SteppingClock) -> None:
    decisions = store.mapping("a").decisions
    assert decisions.decided_at("a") is None
    first = clock.utc_now()
    decisions.note("a")
    clock.move(hours=1)
    decisions.note("b")
    assert (decisions.decided_at("a"), decisions.decided_at("b")) == (first, clock.utc_now())
    clock.move(hours=1)
    decisions.note("a")
    assert decisions.decided_at("a") == clock.utc_now()
    with store._database.transaction() as transaction:
        drop_decisions(transaction, "a")
    assert decisions.decided_at("a") is None
    assert decisions.decided_at("b") is not None
    with store._database.transaction() as transaction:
        transaction.run("UPDATE etl_meta SET value = 'soon' WHERE name = 'decided:b'")
    assert decisions.decided_at("b") is None

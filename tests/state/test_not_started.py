"""Notes of calls that came to no run; over a SQLite file and over a PostgreSQL server."""

from __future__ import annotations

from dataclasses import replace

from etl.state.store import StateStore, open_state
from tests.state.filling import SteppingClock

PATHS = [f"/srv/{'shop' * 200}/mappings-{number}" for number in range(50)]


def test_one_note_of_a_subject_the_latest_until_it_is_forgotten(
    location: str, store: StateStore, clock: SteppingClock
) -> None:
    known = store.not_started
    for message in ("first", "second"):
        of_mapping = known.refusal("customers", PATHS[:1], message=message, hint="")
        of_call = known.refusal("", PATHS, message=message, hint="such as 06:00")
        known.note([of_mapping, of_call])
    assert known.listed() == [of_call, of_mapping]
    store.close()
    with open_state(location, clock=clock, write=True) as again:
        assert again.not_started.listed() == [of_call, of_mapping]
        assert again.names() == [], "a mapping that never ran is not made by it"
        assert again.not_started.forget([of_call.subject, "mapping orders"]) == 1
        assert again.not_started.listed() == [of_mapping]


def test_it_goes_with_a_mapping_that_is_dropped_or_renamed(store: StateStore) -> None:
    known = store.not_started
    known.note([known.refusal(name, PATHS[:1], message="wrong", hint="") for name in ("a", "b", "c")])
    store.mapping("a").set_checkpoint("run", None)
    store.mapping("b").set_checkpoint("run", None)
    store.rename("a", "new")
    store.drop("b")
    assert [one.mapping for one in known.listed()] == ["c"]


def test_each_note_becomes_what_is_made_of_it_or_goes(store: StateStore) -> None:
    """One that cannot be read, as of a later program, is left as it is."""
    known = store.not_started
    kept, changed, gone = (known.refusal(name, PATHS[:2], message="wrong", hint="") for name in ("a", "b", "c"))
    known.note([kept, changed, gone])
    unreadable = ("not_started:mapping z", "soon")
    with store._database.transaction() as transaction:
        transaction.run("INSERT INTO etl_meta VALUES (?, ?)", unreadable)
    shorter = replace(changed, paths=changed.paths[:1])
    known.revise(lambda note: {kept.subject: note, changed.subject: shorter}.get(note.subject))
    assert known.listed() == [kept, shorter]
    left = store._database.rows("SELECT name, value FROM etl_meta WHERE name = ?", unreadable[:1])
    assert [tuple(row) for row in left] == [unreadable]
    known.revise(lambda _: None)
    assert known.listed() == []

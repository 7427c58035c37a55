"""Who was forgotten, kept as keyed hashes for each account; over a SQLite file and over a PostgreSQL server."""

from __future__ import annotations

from hashlib import sha256

from etl.state.erasing import Erased
from etl.state.store import StateStore, open_state
from tests.state.filling import NOON, SteppingClock, event, letter, settled

EVA = "eva@example.com"
HASH = sha256(EVA.encode()).hexdigest()


def test_an_identity_is_found_in_its_account_alone(store: StateStore) -> None:
    ours, other = store.suppressions("1"), store.suppressions("2")
    assert (ours.newest(), ours.among([(f"e:{EVA}",)])) == (0, frozenset())
    assert ours.add(ours.hashes([f"e:{EVA}", "u:7"]), now=NOON) == 2
    assert ours.add(ours.hashes([f"e:{HASH}"]), now=NOON) == 0, "an address and its hash are one identity"
    rows = [(), ("u:8",), (f"e:{HASH}",), ("u:7", "e:other@example.com"), (f"e:{EVA}",)]
    assert ours.among(rows) == {2, 3, 4}
    assert (other.among(rows), other.count(), ours.count()) == (frozenset(), 0, 2)
    assert (other.newest(), ours.newest() > 0) == (0, True)


def test_of_many_rows_each_is_looked_up(store: StateStore) -> None:
    ours = store.suppressions("1")
    ours.add(ours.hashes(["u:0", "u:1200"]), now=NOON)
    assert ours.among([(f"u:{number}",) for number in range(1201)]) == {0, 1200}


def test_what_is_suppressed_outlives_everything_that_is_done_to_a_mapping(
    location: str, store: StateStore, clock: SteppingClock
) -> None:
    ours, state = store.suppressions("1"), store.mapping("customers")
    before = ours.newest()
    ours.add(ours.hashes(["u:7"]), now=NOON)
    assert ours.newest() > before
    state.reset()
    store.close()
    with open_state(location, clock=clock, write=False) as again:
        assert again.suppressions("1").among([("u:7",)]) == {0}
        assert again.suppressed.count() == 1


def test_what_one_state_knows_another_with_the_same_key_takes_over(store: StateStore) -> None:
    people, ours = store.suppressed, store.suppressions("1")
    ours.add(ours.hashes(["u:7"]), now=NOON)
    (one,) = people.listed()
    assert len(people.key_fingerprint) == 16
    assert (people.take_over([one]), people.count()) == (0, 1)
    assert one.identity == ours.hashes(["u:7"])[0]


def test_a_row_is_erased_from_its_own_mapping_alone(store: StateStore) -> None:
    """Two mappings have the same keys."""
    states = [store.mapping(name) for name in ("customers", "orders")]
    for state in states:
        state.settle(settled([event(state, 1), event(state, 2)], upto=2), track="run", run_no=0)
        state.bury([letter((1,)), letter((3,))])
    assert states[0].erasing.erase([(1,), (9,)]) == Erased(1, 1)
    assert states[0].erasing.erase([(1,), (9,)]) == Erased(0, 0)
    assert [(state.ledger_size(), len(state.open_dead_letters())) for state in states] == [(1, 1), (2, 2)]
    assert states[0].erasing.keys_with(lambda key: key == (3,)) == [(3,)]


def test_with_a_row_it_is_erased_which_earlier_runs_sent_it(store: StateStore) -> None:
    """Of row 1; row 2 keeps what is known."""
    state = store.mapping("customers")
    for number in (1, 2, 3):
        run_no = state.start_run(run_id=f"r{number}", command="run", before=None)
        stamp = state.next_stamp()
        rows = [event(state, key, stamp=stamp, content=b"%d" % number) for key in (1, 2)]
        state.settle(settled(rows), track="run", run_no=run_no)
    assert [len(state.memory.earlier_runs((key,))) for key in (1, 2)] == [2, 2]
    state.erasing.erase([(1,)])
    assert [len(state.memory.earlier_runs((key,))) for key in (1, 2)] == [0, 2]
    assert [state.erasing.knows((key,)) for key in (1, 2)] == [False, True]


def test_who_was_forgotten_in_an_account_stays_so_where_the_mapping_is_adopted_by_another(store: StateStore) -> None:
    state = store.mapping("customers")
    state.confirm_fingerprint({"table": "t", "account": "1"})
    state.settle(settled([event(state, 1)], upto=1), track="run", run_no=0)
    ours = store.suppressions("1")
    ours.add(ours.hashes(["u:7"]), now=NOON)
    state.binding.adopt({"table": "t", "account": "2"})
    assert store.suppressions("2").among([("u:7",), ("u:8",)]) == {0}

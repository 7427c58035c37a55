"""Two mappings with the same keys in one state: whatever one does, the other neither sees nor loses anything by it.

Each step of a mapping's life is done three ways: alone, beside another mapping that lives the same life, and beside a
copy of its own rows under another mapping's number. What it answers is the same, and the others' rows stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from etl.state.schema import STEPS
from etl.state.store import StateStore, open_state
from tests.state.filling import SteppingClock, compared, keys
from tests.state.life import KEYS, LIFE, Life, ledger_keys

TABLES = {
    name: tuple(re.findall(r"(\w+) \{serial\}", text))
    for step in STEPS
    for name, text in re.findall(r"CREATE TABLE (etl_\w+) (\(.*)", "\n".join(step).replace("\n    ", " "))
    if "mapping_id" in text
}
TWIN = 99
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    ("names", "order"),
    [(("customers", "orders"), (0, 1)), (("orders", "customers"), (1, 0))],
    ids=["first and before", "second and after"],
)
def test_a_mapping_lives_beside_another_as_if_it_were_alone(
    location: str, tmp_path: Path, names: tuple[str, str], order: tuple[int, int]
) -> None:
    """The same keys have the same hashes in all mappings of a state; only the mapping's number tells them apart."""
    beside = list(lives(location, names, order, hidden=False))
    alone = list(lives(str(tmp_path / "alone" / "state.sqlite"), names, order, hidden=True))
    for found, expected in zip(beside, alone, strict=True):
        assert found == expected


def test_a_life_fills_every_table_of_a_mapping(tmp_path: Path) -> None:
    """So a new table, or one that nothing here writes, cannot be forgotten above."""
    filled: Counter[str] = Counter()
    for _ in lives(str(tmp_path / "state.sqlite"), ("one", "two"), (0, 1), hidden=False, filled=filled):
        pass
    assert {name for name in TABLES if not filled[name]} == {"etl_holder"}, "a file's locks are files"


def lives(
    location: str, names: Sequence[str], order: Sequence[int], *, hidden: bool, filled: Counter[str] | None = None
) -> Iterator[tuple[str, str, object, object]]:
    """Both lives, step by step: who, what, and what it answered and shows then.

    hidden: the rows of the one are taken away while the other makes its step.
    """
    clock = SteppingClock()
    with open_state(location, clock=clock, write=True) as store:
        made = [store.mapping(name) for name in names]
        living = [Life(state, clock, content) for state, content in zip(made, (b"one", b"two"), strict=True)]
        for step in LIFE:
            for at in order:
                life, other = living[at], living[1 - at]
                numbers = [other.state.mapping_id, TWIN]
                with taken_away(store, other.state.mapping_id) if hidden else copied(store, life.state.mapping_id):
                    before = [rows_of(store, number) for number in numbers]
                    answered = step(life)
                    shown = observed(life)
                    for number, rows in zip(numbers, before, strict=True):
                        assert rows_of(store, number) == rows, f"{step.__name__} changed rows of another mapping"
                if filled is not None:
                    filled.update({name: len(rows) for name, rows in rows_of(store, numbers[0]).items()})
                yield life.state.name, step.__name__, answered, shown


def observed(life: Life) -> dict[str, object]:
    """Everything that a mapping's state tells."""
    state = life.state
    refused = state.refused(ledger_keys(life))
    entries = state.earlier(ledger_keys(life), ()), state._ledger.stamps(ledger_keys(life))
    return {
        "checkpoints": [state.checkpoint(track) for track in ("run", "refresh")],
        "backfills": [(each.spec, each.window_at, each.windows_done, each.finished_at) for each in state.backfills()],
        "positions": [state.checkpoint(each.track) for each in state.backfills()],
        "entries": [state.memory.last_accepted((number,)) for number in KEYS],
        "earlier": [[run.run_no for run in state.memory.earlier_runs((number,))] for number in KEYS],
        "in doubt": ([state.in_doubt((number,)) for number in KEYS], state.doubt_count(), state.ledger_size()),
        "same": compared(state, list(life.sent.values())),
        "letters": [
            (each.key, each.reason, each.words, each.attempts, each.run_id) for each in state.open_dead_letters()
        ],
        "by attempt": (state.open_dead_letter_keys(limit=1), state.open_dead_letter_keys("rejected")),
        "by reason": (keys(state.open_dead_letters("rejected", limit=1)), state.dead_letter_counts()),
        "seen": (
            state.letters.acknowledged(((n,), why) for n in KEYS for why in ("invalid_email", "rejected")),
            state.letters.acknowledged_counts(),
        ),
        "example": [shown and shown.key for shown in (state.letters.example("invalid_email", "r1"),)],
        "known": sorted(state.erasing.keys_with(lambda _: True)),
        "mapped": [
            (state.mapped.change_to(parts), state.mapped.earlier(parts))
            for parts in ({"email": life.content.decode()}, {"phone": life.content.decode()})
        ],
        "done": state.history.last_done(9),
        "before": [list(map(found.get, ledger_keys(life))) for found in entries],
        "ever": [[(one.reason, how) for one, how in state.dead_letters_of((number,))] for number in KEYS],
        "refused": [refused.get(key) for key in ledger_keys(life)],
        "runs": state.runs(),
        "latest": state.runs(1),
        "fields": state.field_names([]),
        "stamps": (state._trusted_after(), state._stamp()),
    }


def rows_of(store: StateStore, mapping_id: int) -> Rows:
    """Every row of a mapping, by table."""
    sql = "SELECT * FROM {} WHERE mapping_id = ?"
    return {
        name: sorted(map(tuple, store._database.rows(sql.format(name), (mapping_id,))), key=repr) for name in TABLES
    }


@contextmanager
def taken_away(store: StateStore, mapping_id: int) -> Iterator[None]:
    """The rows of a mapping are not there for the while."""
    rows = rows_of(store, mapping_id)
    _delete(store, mapping_id)
    yield
    _insert(store, rows)


@contextmanager
def copied(store: StateStore, mapping_id: int) -> Iterator[None]:
    """The rows of a mapping are there a second time, of the mapping TWIN: as if it had the same runs and stamps."""
    rows = rows_of(store, mapping_id)
    for name, serials in TABLES.items():
        if not rows[name]:
            continue
        columns = _columns(store, name)
        fresh = {"mapping_id": lambda _: TWIN, "name": str.upper if name == "etl_mapping" else str}
        fresh |= {serial: lambda number: -number for serial in serials if serial != "mapping_id"}
        rows[name] = [
            tuple(fresh.get(column, lambda value: value)(value) for column, value in zip(columns, row, strict=True))
            for row in rows[name]
        ]
    _insert(store, rows)
    yield
    _delete(store, TWIN)


def _columns(store: StateStore, table: str) -> list[str]:
    if store._database.postgresql:
        sql = "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position"
        return [row[0] for row in store._database.rows(sql, (table,))]
    return [row[1] for row in store._database.rows(f"PRAGMA table_info({table})")]


def _insert(store: StateStore, rows: Rows) -> None:
    with store._database.transaction() as transaction:
        for name, found in rows.items():
            marks = ", ".join("?" * len(found[0])) if found else ""
            transaction.many(f"INSERT INTO {name} VALUES ({marks})", found)


def _delete(store: StateStore, mapping_id: int) -> None:
    with store._database.transaction() as transaction:
        for name in TABLES:
            transaction.run(f"DELETE FROM {name} WHERE mapping_id = ?", (mapping_id,))

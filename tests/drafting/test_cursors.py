"""Which column a draft reads by: what the database keeps, what names say, several columns, or none and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drafting.drafted import draft_of
from tests.source.tables import insert, run_sql

ROWS = 40


def made(url: str, columns: str, row: Any, *more: str) -> None:
    """A table `people` with an id, an address and `columns`; `row` gives the rest of the row of a number."""
    run_sql(url, f"CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(60), {columns})")
    for statement in more:
        run_sql(url, statement)
    insert(url, "people", [{"id": n, "email": f"a{n}@shop.nl", **row(n)} for n in range(1, ROWS + 1)])


def moment(number: int) -> str:
    return f"2025-03-{number % 28 + 1:02} 10:00:00"


def plain(text: str) -> str:
    return " ".join(text.replace("#", " ").split())


def test_the_creation_counts_where_a_row_was_never_edited(database_url: str) -> None:
    """A third of the customers would never be sent by updated_at alone."""
    made(
        database_url,
        "updated_at TIMESTAMP NULL, created_at TIMESTAMP NULL",
        lambda n: {"updated_at": moment(n) if n % 3 else None, "created_at": moment(n)},
    )
    draft = draft_of(database_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ("updated_at", "created_at")
    assert "updated_at has no value in 13 rows: there created_at counts" in draft.text


@pytest.mark.parametrize("default", ["0001-01-01 00:00:00", "1970-01-01 00:00:00"])
def test_a_default_is_no_time_of_change(postgresql_url: str, default: str) -> None:
    """A row that is new tomorrow would hold it again, far below the checkpoint."""
    made(
        postgresql_url,
        "last_modified TIMESTAMP NOT NULL, date_added TIMESTAMP NOT NULL",
        lambda n: {"last_modified": moment(n) if n % 2 else default, "date_added": moment(n)},
    )
    draft = draft_of(postgresql_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ("last_modified", "date_added")
    assert "last_modified has a default in 20 of 40 sampled rows" in draft.text


def test_without_a_time_of_creation_there_is_no_cursor(database_url: str) -> None:
    made(database_url, "updated_at TIMESTAMP NULL", lambda n: {"updated_at": moment(n) if n % 4 else None})
    draft = draft_of(database_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ()
    assert "updated_at: it has no value in 10 rows, and no time of creation" in plain(draft.text)


@pytest.mark.parametrize(
    ("unit", "first", "step"),
    [("epoch_seconds", 1_740_819_600, 60), ("epoch_milliseconds", 1_740_819_600_000, 60_000), ("time", 20250301, 1)],
)
def test_an_integer_is_a_cursor_with_its_unit(database_url: str, unit: str, first: int, step: int) -> None:
    made(database_url, "date_upd BIGINT NOT NULL", lambda n: {"date_upd": first + step * (n % 20)})
    draft = draft_of(database_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ("date_upd",)
    assert draft.mapping.source.cursor_unit == unit
    assert draft.columns()["timestamp"] == "date_upd"


def test_seconds_that_are_0_until_the_first_edit_leave_the_creation_to_count(database_url: str) -> None:
    made(
        database_url,
        "modified BIGINT NOT NULL, created BIGINT NOT NULL",
        lambda n: {"modified": 1_740_819_600 + n if n % 2 else 0, "created": 1_740_000_000 + n},
    )
    draft = draft_of(database_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ("modified", "created")
    assert draft.mapping.source.cursor_unit == "epoch_seconds"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda n: f"{n % 28 + 1:02}-03-2025 10:00", "do not sort as times"),
        (lambda n: f"Mar {n % 28 + 1} 2025", "do not sort as times"),
        (lambda n: moment(n) if n % 2 else f"{n % 28 + 1}/3/2025", ""),
    ],
)
def test_a_text_that_does_not_sort_as_time_is_refused(database_url: str, values: Any, words: str) -> None:
    made(database_url, "updated_at VARCHAR(30)", lambda n: {"updated_at": values(n)})
    draft = draft_of(database_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ()
    assert "updated_at: " in plain(draft.text)
    assert words in plain(draft.text)


def test_a_time_of_change_before_the_creation_is_not_kept(database_url: str) -> None:
    made(
        database_url,
        "updated_at TIMESTAMP NULL, created_at TIMESTAMP NULL",
        lambda n: {"updated_at": "2024-01-01 10:00:00", "created_at": moment(n)},
    )
    draft = draft_of(database_url, "people")
    assert draft.mapping.source.cursor_field == ()
    assert "lies before created_at: it is not kept" in plain(draft.text)


def test_numbers_that_are_no_times_are_no_cursor(database_url: str) -> None:
    made(database_url, "updated INTEGER", lambda n: {"updated": n % 2 + 5})
    draft = draft_of(database_url, "people")
    assert draft.mapping.source.cursor_field == ()
    assert "its whole numbers are no times" in plain(draft.text)


def test_what_a_trigger_sets_comes_before_every_name(mariadb_url: str) -> None:
    made(
        mariadb_url,
        "updated_at DATETIME NOT NULL, sync_stamp DATETIME NOT NULL",
        lambda n: {"updated_at": moment(n), "sync_stamp": moment(n)},
        "CREATE TRIGGER keep BEFORE UPDATE ON people FOR EACH ROW SET NEW.sync_stamp = NOW()",
    )
    draft = draft_of(mariadb_url, "people")
    assert draft.errors == []
    assert draft.mapping.source.cursor_field == ("sync_stamp",)
    assert "a trigger sets it at every update" in draft.text


def test_a_trigger_that_only_reads_a_column_keeps_nothing(postgresql_url: str) -> None:
    made(
        postgresql_url,
        "seen_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL",
        lambda n: {"seen_at": moment(n), "updated_at": moment(n)},
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.seen_at = OLD.seen_at THEN NEW.updated_at = now(); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER keep BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION look()",
    )
    draft = draft_of(postgresql_url, "people")
    assert draft.mapping.source.cursor_field == ("updated_at",)
    assert "a trigger sets it" in draft.text

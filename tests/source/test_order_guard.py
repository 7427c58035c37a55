"""A page that is handed out holds every row up to its last one; one that cannot be proved ends the run before it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed, SourceMismatch
from etl.page import Position, Window
from etl.source.plan import ChildPlan
from tests.source.tables import dialect_of, everything, insert, keys_of, opened, run_sql

LABELS = ("sms", "push", "email", "phone")


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_an_enum_in_the_key_loses_no_row(mariadb_url: str, page_size: int, *, indexed: bool) -> None:
    """MariaDB sorts it by number and compares it as text: three quarters of the rows were lost at one page's end."""
    run_sql(
        mariadb_url,
        "CREATE TABLE t (channel ENUM('sms','push','email','phone'), id INT, at DATETIME(6), PRIMARY KEY (channel, id)"
        f"{', KEY (at)' if indexed else ''})",
    )
    rows = [{"channel": label, "id": n, "at": "2024-01-01"} for label in LABELS for n in range(60)]
    insert(mariadb_url, "t", rows)
    with opened(mariadb_url, primary_key=("channel", "id"), cursor_field="at", page_size=page_size) as source:
        assert keys_of(everything(source)) == [(label, n) for label in LABELS for n in range(60)]


def test_a_set_in_the_key_loses_no_row(mariadb_url: str) -> None:
    run_sql(mariadb_url, "CREATE TABLE t (flags SET('x','b','a'), id INT, PRIMARY KEY (flags, id))")
    values = ["", "x", "b", "x,b", "a", "x,a", "b,a", "x,b,a"]
    insert(mariadb_url, "t", [{"flags": value, "id": n} for value in values for n in range(3)])
    with opened(mariadb_url, primary_key=("flags", "id"), page_size=2) as source:
        assert keys_of(everything(source)) == [(value, n) for value in values for n in range(3)]


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 10, 100])
def test_a_key_that_several_rows_have_ends_the_run(database_url: str, page_size: int) -> None:
    """A join repeats it, and rows of one key would be lost at the end of a page."""
    kind = "timestamp" if dialect_of(database_url) == "postgresql" else "DATETIME"
    run_sql(
        database_url,
        f"CREATE TABLE people (id INTEGER PRIMARY KEY, at {kind})",
        "CREATE TABLE orders (no INTEGER PRIMARY KEY, person INTEGER)",
        "CREATE VIEW t AS SELECT people.id, people.at, no FROM people JOIN orders ON person = people.id",
    )
    insert(database_url, "people", [{"id": n, "at": "2024-01-01 10:00:00"} for n in range(40)])
    insert(database_url, "orders", [{"no": n, "person": n // 3} for n in range(120)])
    for plan in ({"table": "t"}, {"query": "SELECT * FROM t"}):
        with (
            opened(database_url, cursor_field="at", page_size=page_size, columns=("no",), **plan) as source,
            pytest.raises(
                SourceFailed, match=r"source\.primary_key: id of .*: (.* have one key|a page begins again)"
            ) as error,
        ):
            everything(source)
        assert (error.value.exit_code, "GROUP BY id" in (error.value.hint or "")) == (4, True)


def test_no_row_of_the_page_that_cannot_be_proved_is_handed_out(sqlite_url: str) -> None:
    """So the checkpoint stays before it."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER, at DATETIME)")
    ids = [*range(12), 11, *range(12, 40)]
    insert(sqlite_url, "t", [{"id": n, "at": "2024-01-01 10:00:00"} for n in ids])
    read: list[Any] = []
    with opened(sqlite_url, cursor_field="at", page_size=6) as source:
        (window,) = source.windows(None, source.upper_bound())
        with pytest.raises(SourceFailed):
            read.extend(key for page in source.pages(window) for key in keys_of([page]))
        assert 6 <= len(read) <= 12
        assert read == [(n,) for n in range(len(read))]


def test_a_row_that_changes_between_two_pages_is_read_again(sqlite_url: str) -> None:
    """It has the same key at a later place: neither a repeated row nor an inexact value."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "CREATE INDEX by_n ON t (n, id)")
    insert(sqlite_url, "t", [{"id": n, "n": n * 10} for n in range(6)])
    with opened(sqlite_url, cursor_field="n", page_size=3) as source:
        pages = source.pages(Window())
        read = keys_of([next(pages)])
        run_sql(sqlite_url, "UPDATE t SET n = 35 WHERE id = 2")
        assert [*read, *keys_of(pages)] == [(n,) for n in (0, 1, 2, 3, 2, 4, 5)]


@pytest.mark.parametrize("again", [True, False])
def test_a_page_that_begins_where_the_last_one_ended_is_refused(sqlite_url: str, *, again: bool) -> None:
    """The last guard against a type that comes back less exact than it is stored, and is not known to."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "CREATE INDEX by_n ON t (n, id)")
    with opened(sqlite_url, cursor_field="n") as source:
        guard = source.parts.guard
        places = [Position(n, (n,)) for n in (3, 4)]
        guard.check_positions(Window(after=Position(2, (2,))), places, again=again)
        with pytest.raises(SourceFailed, match="several rows have one key"):
            guard.check_positions(Window(), [places[0], *places], again=again)
        with pytest.raises(SourceFailed, match="begins again where" if again else "several rows have one key"):
            guard.check_positions(Window(after=Position(3, (3,))), places, again=again)


@pytest.mark.parametrize(
    ("server", "column"),
    [
        ("postgresql", "real"),
        ("postgresql", "double precision"),
        ("postgresql", "interval"),
        ("postgresql", "inet"),
        ("postgresql", "time"),
        ("postgresql", "bit(3)"),
        ("mariadb", "FLOAT"),
        ("mariadb", "DOUBLE"),
        ("mariadb", "TIME(3)"),
        ("mariadb", "BIT(1)"),
        ("mariadb", "INET6"),
        ("sqlite", "REAL"),
    ],
)
@pytest.mark.parametrize("part", ["key", "cursor"])
def test_a_type_that_does_not_come_back_exactly_is_refused_by_name(
    server: str, column: str, part: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, odd {column} NOT NULL, UNIQUE (id, odd))")
    word = column.partition("(")[0].replace(" ", "_")
    plan: dict[str, Any] = {"primary_key": ("id", "odd")} if part == "key" else {"cursor_field": "odd"}
    with pytest.raises(SourceMismatch) as error, opened(url, **plan):
        pass
    assert error.value.message.startswith(f"source.{'primary_key' if part == 'key' else 'cursor_field'}: odd cannot be")
    assert word.upper() in error.value.message


def test_an_enum_in_a_query_is_refused(mariadb_url: str) -> None:
    """There nothing declares its labels, so its numbers are not known."""
    run_sql(mariadb_url, "CREATE TABLE t (channel ENUM('b','a'), id INT, PRIMARY KEY (channel, id))")
    with (
        pytest.raises(SourceMismatch, match="channel cannot be part of the key: it is ENUM"),
        opened(mariadb_url, query="SELECT * FROM t", primary_key=("channel", "id")),
    ):
        pass


@pytest.mark.parametrize(("collation", "refused"), [("utf8mb4_general_ci", True), ("utf8mb4_bin", False)])
def test_keys_that_only_the_collation_equates_end_the_run(mariadb_url: str, collation: str, *, refused: bool) -> None:
    """A run that goes on after A asks for what is above it, and the row of the equal key is not."""
    run_sql(mariadb_url, f"CREATE TABLE t (code VARCHAR(9) COLLATE {collation}, no INT)")
    insert(mariadb_url, "t", [{"code": code, "no": 1} for code in ("b", "A", "a", "c")])
    plan = {"query": "SELECT * FROM t", "primary_key": ("code",), "columns": ("no",)}
    with opened(mariadb_url, page_size=1, **plan) as source:
        if not refused:
            assert sorted(keys_of(everything(source))) == [("A",), ("a",), ("b",), ("c",)]
            return
        with pytest.raises(SourceFailed, match=r"several rows have one key, as the database compares it"):
            everything(source)


@pytest.mark.parametrize("charset", ["latin1", "utf16", "utf8mb3", "utf8mb4"])
def test_keys_of_another_character_set_are_found_by_key(mariadb_url: str, charset: str) -> None:
    """MariaDB compares texts in a list of rows byte by byte, and finds none of them: all were passed in silence."""
    run_sql(
        mariadb_url,
        f"CREATE TABLE t (town VARCHAR(20) CHARACTER SET {charset}, id INT, at DATETIME, PRIMARY KEY (town, id))",
        f"CREATE TABLE order_lines (town VARCHAR(20) CHARACTER SET {charset}, id INT, sku VARCHAR(9))",
    )
    keys = [(town, n) for town in ("Nîmes", "Ede", "Évora", "Zürich") for n in range(12)]
    insert(mariadb_url, "t", [{"town": town, "id": n, "at": "2024-01-01"} for town, n in keys])
    insert(mariadb_url, "order_lines", [{"town": town, "id": n, "sku": f"{n}"} for town, n in keys])
    child = ChildPlan("order_lines", (("town", "town"), ("id", "id")), ("sku",), ("sku",))
    with opened(
        mariadb_url, primary_key=("town", "id"), cursor_field="at", page_size=7, child=child, columns=("id",)
    ) as source:
        assert source.parts.access.way == "positions"
        pages = everything(source)
        assert sorted(keys_of(pages)) == sorted(keys)
        assert [rows for page in pages for rows in page.children.values()] == [[(f"{n}",)] for _, n in keys_of(pages)]
        assert keys_of([source.rows_by_key(keys)]) == keys
        assert set(source.cursors_by_key(keys)) == set(keys)


def test_a_row_that_is_there_and_not_found_by_its_key_ends_the_run(database_url: str) -> None:
    """It would be taken for one that was deleted."""
    run_sql(database_url, "CREATE TABLE t (a VARCHAR(9), b INTEGER)")
    insert(database_url, "t", [{"a": "x", "b": n} for n in range(3)])
    with opened(database_url, primary_key=("a", "b")) as source:
        guard = source.parts.guard
        gone, there = ("x", 7), ("x", 1)
        assert list(guard.complete([gone], list)) == []
        assert list(guard.complete([gone, there], lambda: [there])) == [there]
        with pytest.raises(SourceFailed, match="not found by their keys") as error:
            guard.complete([there, gone], list)
        assert error.value.exit_code == 4


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
@pytest.mark.parametrize("limit", [1, 4, 5, 6, 17])
def test_a_limit_does_not_end_between_two_rows_of_one_key(database_url: str, page_size: int, limit: int) -> None:
    """The next run would begin behind the second of them."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER, n INTEGER)")
    insert(database_url, "t", [{"id": min(no, limit - 1) if no <= limit else no, "n": 1} for no in range(40)])
    for plan in ({"table": "t"}, {"query": "SELECT * FROM t"}):
        with opened(database_url, cursor_field="n", page_size=page_size, **plan) as source:
            with pytest.raises(SourceFailed, match="several rows have one key"):
                list(source.pages(Window(), limit=limit))
            assert len(keys_of(source.pages(Window(), limit=limit - 1))) == limit - 1


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_a_unique_index_that_holds_a_value_twice_ends_the_run(sqlite_url: str, page_size: int) -> None:
    """A damaged one says of exact keys that they need no look; the pages are counted nevertheless."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id INTEGER NOT NULL, at DATETIME)",
        "CREATE INDEX one ON t (id)",
        "CREATE INDEX two ON t (at, id)",
    )
    ids = [0, 1, 1, 2, 3, 4, 5, 5, 6, 7, 7, 8]
    insert(sqlite_url, "t", [{"id": n, "at": "2024-01-01 10:00:00"} for n in ids])
    run_sql(
        sqlite_url,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX one ON t (id)' WHERE name = 'one'",
    )
    with opened(sqlite_url, cursor_field="at", page_size=page_size) as source:
        assert (frozenset({"id"}) in source.parts.relation.unique, source.parts.access.way) == (True, "keyset")
        with pytest.raises(SourceFailed, match=r"id of t: (rows are missing at the end of a page|several rows)"):
            everything(source)


@pytest.mark.parametrize("start", [None, 0])
def test_a_page_and_its_count_look_at_their_own_rows_alone(sqlite_url: str, start: int | None) -> None:
    """SQLite takes one condition on an index: with that of the window each page went through all the others."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id TEXT PRIMARY KEY, at INTEGER)",
        "CREATE INDEX by_time ON t (at, id)",
    )
    insert(sqlite_url, "t", [{"id": f"k{n}", "at": n} for n in range(8_000)])
    hundreds: list[None] = []
    with opened(sqlite_url, cursor_field="at", page_size=100) as source:
        sa.event.listen(
            source.parts.database.engine,
            "checkout",
            lambda raw, *_: raw.set_progress_handler(lambda: hundreds.append(None), 100),
        )
        assert len(keys_of(source.pages(Window(start=start, until=10_000)))) == 8_000
    # Instructions of SQLite a row: 22, and 200 where each page goes through what lies before or behind it.
    assert len(hundreds) * 100 / 8_000 < 60


def test_a_row_that_the_spool_puts_behind_another_window_ends_the_run(sqlite_url: str) -> None:
    """A cursor that is another one at each look is ordered by one and put into a window by the next."""
    run_sql(
        sqlite_url,
        "CREATE TABLE rows_of_t (id INTEGER PRIMARY KEY)",
        "CREATE VIEW t AS SELECT id, abs(random()) % 40 AS n FROM rows_of_t",
    )
    insert(sqlite_url, "rows_of_t", [{"id": n} for n in range(400)])
    with opened(sqlite_url, cursor_field="n", page_size=1_000) as source:
        windows = source.backfill_windows(0, 40, 10)
        with pytest.raises(SourceFailed, match=r"source\.primary_key: id of t: rows are missing"):
            list(source.pages(windows[0]))


@pytest.mark.parametrize(("asked", "absent"), [((1, 98, 99), False), ((98, 99, 1), False), ((97, 98, 99), True)])
def test_keys_are_gone_where_neither_the_first_nor_the_last_is_found_alone(
    sqlite_url: str, asked: tuple[int, ...], *, absent: bool
) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with opened(sqlite_url) as source:
        assert source.parts.guard.absent([(key,) for key in asked]) is absent


@pytest.mark.parametrize(("missed", "reads"), [(0, 1), (2, 3)])
def test_rows_that_are_found_by_their_keys_at_the_third_reading_are_there(
    sqlite_url: str, missed: int, reads: int
) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    answers: list[list[Any]] = [[]] * missed + [[(1,)]] * 9
    with opened(sqlite_url) as source:
        assert source.parts.guard.complete([(1,)], lambda: answers.pop(0)) == [(1,)]
    assert len(answers) == missed + 9 - reads


def test_rows_that_three_readings_do_not_find_by_their_keys_end_the_run(sqlite_url: str) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    answers: list[list[Any]] = [[]] * 9
    with opened(sqlite_url) as source, pytest.raises(SourceFailed, match="are not found by their keys"):
        source.parts.guard.complete([(1,)], lambda: answers.pop(0))
    assert len(answers) == 6

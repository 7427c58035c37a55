"""Rows that the driver cannot decode: found, named by their key, and the rest of the page goes on."""

from __future__ import annotations

import pytest

from etl.errors import SourceFailed
from etl.page import Position, Window
from etl.source.plan import ChildPlan
from tests.source.tables import keys_of, opened, rows_of, run_sql, writer

GOOD = "2024-05-01 10:00:00"


def unreadable_of(pages: list) -> list:
    return [one for page in pages for one in page.unreadable]


@pytest.mark.parametrize("poison", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
@pytest.mark.parametrize("page_size", [1, 3, 20])
def test_postgresql_values_beyond_the_calendar_are_isolated(postgresql_url: str, poison: str, page_size: int) -> None:
    """A43, A44, A45."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, n int, seen timestamp)",
        f"INSERT INTO t SELECT i, i / 4, '{GOOD}' FROM generate_series(1, 17) i",
        f"UPDATE t SET seen = '{poison}' WHERE id IN (3, 4, 17)",
    )
    with opened(postgresql_url, cursor_field="n", columns=("seen",), page_size=page_size) as source:
        pages = list(source.pages(Window()))
        assert keys_of(pages) == [(key,) for key in range(1, 18) if key not in {3, 4, 17}]
        assert [one.position for one in unreadable_of(pages)] == [Position(k // 4, (k,)) for k in (3, 4, 17)]
        assert all(page.rows or page.unreadable for page in pages)
        page = source.rows_by_key([(3,), (2,), (17,), (99,)])
        assert keys_of([page]) == [(2,)]
        assert sorted(one.position.key for one in page.unreadable) == [(3,), (17,)]
        sample = source.sample(5)
        assert keys_of([sample]) == [(13,), (14,), (15,), (16,)]
        assert [one.position.key for one in sample.unreadable] == [(17,)]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
def test_postgresql_cursors_beyond_the_calendar_are_passed_by_their_text(postgresql_url: str, kind: str) -> None:
    """A45, A14: -infinity sorts first and is read; infinity lies above every bound and is counted as held."""
    run_sql(
        postgresql_url,
        f"CREATE TABLE t (id int PRIMARY KEY, at {kind})",
        "INSERT INTO t VALUES (1, '-infinity'), (2, '-infinity'), (3, '0044-03-15 BC'), (4, '2024-01-01'),"
        " (5, '2024-01-02'), (6, 'infinity')",
    )
    for page_size in (1, 2, 10):
        with opened(postgresql_url, cursor_field="at", page_size=page_size) as source:
            bound = source.upper_bound()
            assert (bound.held, bound.beyond_now) == (1, 1)
            (window,) = source.windows(None, bound)
            pages = list(source.pages(window))
            assert keys_of(pages) == [(4,), (5,)]
            positions = [one.position for one in unreadable_of(pages)]
            assert [one.key for one in positions] == [(1,), (2,), (3,)]
            for index, position in enumerate(positions):
                rest = list(source.pages(Window(after=position, until=bound.until)))
                assert [one.position for one in unreadable_of(rest)] == positions[index + 1 :]
                assert keys_of(rest) == [(4,), (5,)]
            # An undecodable cursor has no hour before it: only what is new is read.
            assert len(source.windows(positions[-1], bound)) == 1


def test_a_page_of_nothing_but_unreadable_rows_is_passed(postgresql_url: str) -> None:
    """A44: the run goes on behind it."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, seen date)",
        "INSERT INTO t SELECT i, 'infinity' FROM generate_series(1, 20) i",
        "INSERT INTO t VALUES (21, '2024-01-01')",
    )
    with opened(postgresql_url, cursor_field="id", columns=("seen",), page_size=5) as source:
        pages = list(source.pages(Window()))
        assert keys_of(pages) == [(21,)]
        assert [one.position.key[0] for one in unreadable_of(pages)] == list(range(1, 21))


def test_an_expression_that_fails_for_one_row_names_that_row(postgresql_url: str) -> None:
    """A44, A49: a query whose computation fails for one row."""
    run_sql(postgresql_url, "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 1), (2, 0), (3, 3)")
    with opened(postgresql_url, query="SELECT id, 12 / n AS share FROM t", columns=("share",)) as source:
        pages = list(source.pages(Window()))
        assert rows_of(pages) == [(1, 12), (3, 4)]
        assert [one.position.key for one in unreadable_of(pages)] == [(2,)]


def test_sqlite_text_that_is_not_utf8_is_isolated_and_not_quoted(sqlite_url: str) -> None:
    """A43: the driver's own message quotes the value; ours must not."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (2, CAST(X'73656372657480ff' AS TEXT)), (3, 'c')",
    )
    with opened(sqlite_url, columns=("name",)) as source:
        pages = list(source.pages(Window()))
        assert rows_of(pages) == [(1, "a"), (3, "c")]
        (found,) = unreadable_of(pages)
        assert found.position == Position(None, (2,))
        assert found.cause == "a value cannot be decoded (sqlite3.OperationalError)"


def test_a_key_that_cannot_be_decoded_stops_the_run_with_advice(sqlite_url: str) -> None:
    """A44: a row that cannot be named cannot become a dead letter."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id TEXT PRIMARY KEY, name TEXT)",
        "INSERT INTO t VALUES ('a', 'a'), (CAST(X'80ff' AS TEXT), 'b')",
    )
    with (
        opened(sqlite_url, columns=("name",)) as source,
        pytest.raises(SourceFailed, match="primary key or cursor of t cannot"),
    ):
        list(source.pages(Window()))


def test_mariadb_zero_dates_pass_as_the_text_that_the_driver_gives(mariadb_url: str) -> None:
    """A45: by value rule: the transform refuses them by name; as a cursor they sort first and are passed."""
    run_sql(
        mariadb_url,
        "CREATE TABLE t (id int PRIMARY KEY, at datetime NOT NULL, seen date)",
        "SET sql_mode = ''",
    )
    with writer(mariadb_url) as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        connection.exec_driver_sql(
            "INSERT INTO t VALUES (1, 0, '2024-00-00'), (2, 0, NULL), (3, '2024-01-01', '2024-02-30')"
        )
    with opened(mariadb_url, cursor_field="at", columns=("seen",), page_size=1) as source:
        (window,) = source.windows(None, source.upper_bound())
        pages = list(source.pages(window))
        assert keys_of(pages) == [(1,), (2,), (3,)]
        assert rows_of(pages)[0] == (1, "0000-00-00 00:00:00", "2024-00-00")
        assert keys_of(source.pages(Window(after=pages[0].position(0)))) == [(2,), (3,)]


def test_child_rows_that_cannot_be_decoded_make_their_parent_unreadable(postgresql_url: str) -> None:
    """A44: an order without one of its lines must not be sent."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE TABLE lines (order_id int, line_no int, due date, PRIMARY KEY (order_id, line_no))",
        "INSERT INTO t SELECT i FROM generate_series(1, 6) i",
        "INSERT INTO lines SELECT i, n, '2024-01-01' FROM generate_series(1, 6) i, generate_series(1, 2) n"
        " WHERE i <> 4",
        "UPDATE lines SET due = 'infinity' WHERE (order_id, line_no) IN ((2, 1), (5, 2))",
    )
    child = ChildPlan("lines", (("order_id", "id"),), ("line_no",), ("line_no", "due"))
    with opened(postgresql_url, child=child) as source:
        (page,) = source.pages(Window())
        assert keys_of([page]) == [(1,), (3,), (4,), (6,)]
        assert [one.position.key for one in page.unreadable] == [(2,), (5,)]
        found = {index: [row[0] for row in rows] for index, rows in page.children.items()}
        assert found == {0: [1, 2], 1: [1, 2], 3: [1, 2]}

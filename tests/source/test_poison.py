"""Rows that the driver cannot decode: found, named by their key, and the rest of the page goes on."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed
from etl.page import UNDECODABLE, Position, Window
from etl.source.fault import DatabaseFault, Fault
from etl.source.plan import ChildPlan
from tests.source.drivers import require_driver
from tests.source.tables import keys_of, opened, rows_of, run_sql, writer

GOOD = "2024-05-01 10:00:00"


def unreadable_of(pages: list) -> list:
    return [one for page in pages for one in page.unreadable]


@pytest.mark.parametrize("poison", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
@pytest.mark.parametrize("page_size", [1, 3, 20])
def test_a_value_beyond_the_calendar_costs_no_other_of_its_row(
    postgresql_url: str, poison: str, page_size: int
) -> None:
    """A43, A44, A45."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, n int, seen timestamp)",
        f"INSERT INTO t SELECT i, i / 4, '{GOOD}' FROM generate_series(1, 17) i",
        f"UPDATE t SET seen = '{poison}' WHERE id IN (3, 4, 17)",
    )
    with opened(postgresql_url, cursor_field="n", columns=("seen",), page_size=page_size) as source:
        pages = list(source.pages(Window()))
        good = datetime.fromisoformat(GOOD)
        assert rows_of(pages) == [(n, n // 4, UNDECODABLE if n in {3, 4, 17} else good) for n in range(1, 18)]
        assert not unreadable_of(pages)
        page = source.rows_by_key([(3,), (2,), (17,), (99,)])
        assert rows_of([page]) == [(3, 0, UNDECODABLE), (2, 0, good), (17, 4, UNDECODABLE)]
        assert rows_of([source.sample(2)]) == [(16, 4, good), (17, 4, UNDECODABLE)]


ODD_TIMES = {
    "day": ("infinity", "-infinity", "10000-01-01", "0044-03-15 BC"),
    "at": ("infinity", "10000-01-01 10:00", "0044-03-15 10:00 BC"),
    "instant": ("infinity", "10000-01-01 10:00+00", "0044-03-15 10:00+00 BC"),
    "clock": ("24:00",),
}


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql+psycopg2", "postgresql+pg8000"])
def test_no_driver_of_postgresql_gives_another_time_for_one_beyond_the_calendar(
    postgresql_url: str, scheme: str
) -> None:
    """A43, A45: psycopg2 and pg8000 make 9999-12-31 of infinity, a year AD of one BC, and 00:00 of 24:00."""
    require_driver(scheme)
    odd = [(name, value) for name, values in ODD_TIMES.items() for value in values]
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, day date, at timestamp, instant timestamptz, clock time, name text)",
        "INSERT INTO t SELECT i, '9999-12-31', '9999-12-31 23:59', '2024-12-31 23:59+00', '23:59', 'eva'"
        f" FROM generate_series(0, {len(odd)}) i",
        *(f"UPDATE t SET {name} = '{value}' WHERE id = {row}" for row, (name, value) in enumerate(odd, 1)),
    )
    good = {
        "day": date(9999, 12, 31),
        "at": datetime.fromisoformat("9999-12-31 23:59"),
        "instant": datetime(2024, 12, 31, 23, 59, tzinfo=UTC),
        "clock": time(23, 59),
        "name": "eva",
    }
    expected = [tuple((good | {name: UNDECODABLE}).values()) for name, _ in odd]
    url = sa.make_url(postgresql_url).set(drivername=scheme).render_as_string(hide_password=False)
    with opened(url, columns=tuple(good)) as source:
        pages = list(source.pages(Window()))
        assert [row[1:] for row in rows_of(pages)] == [tuple(good.values()), *expected]
        assert not unreadable_of(pages)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql+psycopg2", "postgresql+pg8000", "sqlite"])
def test_only_a_statement_that_is_told_so_gives_less_than_all_values(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    """The connection raises again afterwards: what nothing looks at would be lost in silence."""
    if scheme == "sqlite":
        url, odd = request.getfixturevalue("sqlite_url"), "CAST(X'80' AS TEXT), CAST(X'65ff' AS TEXT)"
    else:
        require_driver(scheme)
        url, odd = request.getfixturevalue("postgresql_url"), "date 'infinity', time '24:00'"
        url = sa.make_url(url).set(drivername=scheme).render_as_string(hide_password=False)
    run_sql(url, "CREATE TABLE t (id int PRIMARY KEY)")
    with opened(url) as source:
        database, asked = source.parts.database, sa.text(f"SELECT 7, {odd}, 'eva'")
        for _ in range(2):
            with pytest.raises(DatabaseFault) as error:
                database.read(asked)
            assert error.value.fault is Fault.UNDECODABLE
            assert list(database.read(asked, lenient=True).rows) == [(7, UNDECODABLE, UNDECODABLE, "eva")]


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
            cursors = source.cursors_by_key([(1,), (4,), (6,), (5,)])
            assert cursors == {
                one.key: one.cursor for page in pages for one in map(page.position, range(len(page.rows)))
            }
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
        postgresql_url, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT i FROM generate_series(1, 21) i"
    )
    query = "SELECT id, 12 / (id / 21) AS share FROM t"
    child = ChildPlan("t", (("id", "share"),), (), ("id",))
    with opened(postgresql_url, query=query, cursor_field="id", page_size=5, child=child) as source:
        pages = list(source.pages(Window()))
        assert keys_of(pages) == [(21,)]
        assert [one.position.key[0] for one in unreadable_of(pages)] == list(range(1, 21))


@pytest.mark.parametrize("page_size", [1, 3, 20])
def test_an_expression_that_fails_for_some_rows_costs_its_value_there(postgresql_url: str, page_size: int) -> None:
    """A44, A49: what the server itself cannot compute is found column by column."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, n int, seen date)",
        "INSERT INTO t SELECT i, (i NOT IN (3, 4, 17))::int, '2024-01-01' FROM generate_series(1, 17) i",
        # In one page with values that the driver cannot decode.
        "UPDATE t SET seen = 'infinity' WHERE id IN (2, 3)",
    )
    query = "SELECT id, 12 / n AS share, seen FROM t"
    with opened(postgresql_url, query=query, columns=("share", "seen"), page_size=page_size) as source:
        pages = list(source.pages(Window()))
        day = date(2024, 1, 1)
        assert rows_of(pages) == [
            (n, UNDECODABLE if n in {3, 4, 17} else 12, UNDECODABLE if n in {2, 3} else day) for n in range(1, 18)
        ]
        assert not unreadable_of(pages)
        page = source.rows_by_key([(3,), (2,), (17,), (99,)])
        assert rows_of([page]) == [(3, UNDECODABLE, UNDECODABLE), (2, 12, UNDECODABLE), (17, UNDECODABLE, day)]
        assert rows_of([source.sample(2)]) == [(16, 12, day), (17, UNDECODABLE, day)]


@pytest.mark.parametrize("page_size", [1, 3, 20])
def test_a_match_that_fails_for_some_rows_names_these(postgresql_url: str, page_size: int) -> None:
    """A44, A49: without what its children are found by, a row is not sent."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, n int)",
        "INSERT INTO t SELECT i, (i NOT IN (3, 4, 17))::int FROM generate_series(1, 17) i",
    )
    query = "SELECT id, n, CASE WHEN 12 / n > 0 THEN 1 END AS share FROM t"
    child = ChildPlan("t", (("id", "share"),), (), ("n",))
    with opened(postgresql_url, query=query, columns=("n",), page_size=page_size, child=child) as source:
        pages = list(source.pages(Window()))
        assert keys_of(pages) == [(key,) for key in range(1, 18) if key not in {3, 4, 17}]
        assert [one.position for one in unreadable_of(pages)] == [Position(None, (k,)) for k in (3, 4, 17)]
        assert all(page.rows or page.unreadable for page in pages)
        page = source.rows_by_key([(3,), (2,), (17,), (99,)])
        assert keys_of([page]) == [(2,)]
        assert sorted(one.position.key for one in page.unreadable) == [(3,), (17,)]
        sample = source.sample(5)
        assert keys_of([sample]) == [(13,), (14,), (15,), (16,)]
        assert [one.position.key for one in sample.unreadable] == [(17,)]


def test_sqlite_text_that_is_not_utf8_costs_no_other_value_of_its_row(sqlite_url: str) -> None:
    """A43."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (2, CAST(X'73656372657480ff' AS TEXT)), (3, 'c')",
    )
    with opened(sqlite_url, columns=("name",)) as source:
        pages = list(source.pages(Window()))
        assert rows_of(pages) == [(1, "a"), (2, UNDECODABLE), (3, "c")]
        assert not unreadable_of(pages)


@pytest.mark.parametrize("page_size", [1, 3, 20])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7, 12, 13])
def test_a_limit_counts_rows_that_cannot_be_read(postgresql_url: str, limit: int, page_size: int) -> None:
    """A44: with `--limit 5` a run passes five rows, whether they can be read or not."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, n int)",
        "INSERT INTO t SELECT i, (i NOT IN (2, 6, 7))::int FROM generate_series(1, 12) i",
    )
    query = "SELECT id, n, CASE WHEN 12 / n > 0 THEN 1 END AS share FROM t"
    child = ChildPlan("t", (("id", "share"),), (), ("n",))
    with opened(postgresql_url, query=query, columns=("n",), page_size=page_size, child=child) as source:
        pages = list(source.pages(Window(), limit=limit))
        bad = [one.position.key[0] for one in unreadable_of(pages)]
        assert sorted([*(key for (key,) in keys_of(pages)), *bad]) == list(range(1, 13))[:limit]
        assert bad == [n for n in (2, 6, 7) if n <= limit]


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


def test_a_child_value_that_cannot_be_decoded_keeps_its_line_and_its_parent(postgresql_url: str) -> None:
    """The mapping says what such a line costs, as for any wrong value."""
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
        assert keys_of([page]) == [(n,) for n in range(1, 7)]
        assert not page.unreadable
        good = date(2024, 1, 1)
        assert page.children[0] == [(1, good), (2, good)]
        assert page.children[1] == [(1, UNDECODABLE), (2, good)]
        assert page.children[4] == [(1, good), (2, UNDECODABLE)]


def test_child_rows_that_cannot_be_computed_make_their_parent_unreadable(postgresql_url: str) -> None:
    """A44: an order without one of its lines must not be sent."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE TABLE lines (order_id int, line_no int, packs int, PRIMARY KEY (order_id, line_no))",
        "INSERT INTO t SELECT i FROM generate_series(1, 6) i",
        "INSERT INTO lines SELECT i, n, 1 FROM generate_series(1, 6) i, generate_series(1, 2) n WHERE i <> 4",
        "UPDATE lines SET packs = 0 WHERE (order_id, line_no) IN ((2, 1), (5, 2))",
    )
    query = "SELECT order_id, line_no, 12 / packs AS size FROM lines"
    child = ChildPlan(None, (("order_id", "id"),), ("line_no",), ("line_no", "size"), query=query)
    with opened(postgresql_url, child=child) as source:
        (page,) = source.pages(Window())
        assert keys_of([page]) == [(1,), (3,), (4,), (6,)]
        assert [one.position.key for one in page.unreadable] == [(2,), (5,)]
        found = {index: [row[0] for row in rows] for index, rows in page.children.items()}
        assert found == {0: [1, 2], 1: [1, 2], 3: [1, 2]}


def test_a_table_full_of_such_values_is_read_in_as_many_statements_as_any_other(postgresql_url: str) -> None:
    """Many tables say infinity where there is no end; row by row they would take hours."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id int PRIMARY KEY, seen date)",
        "INSERT INTO t SELECT i, 'infinity' FROM generate_series(1, 400) i",
    )
    asked = []
    with opened(postgresql_url, columns=("seen",), page_size=100) as source:
        sa.event.listen(source.parts.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        pages = list(source.pages(Window()))
    assert rows_of(pages) == [(n, UNDECODABLE) for n in range(1, 401)]
    # The first page is read twice, and in two parts, as of any table.
    assert len([sql for sql in asked if "FROM t" in sql and "count(" not in sql]) <= 8

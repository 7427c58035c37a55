"""Rows that no driver can decode, through whole runs: each becomes a dead letter, and every other row goes out."""

from __future__ import annotations

from typing import Any

import pytest

from etl.errors import SourceFailed
from etl.job.start import RunLimits
from tests.source.tables import dialect_of, opened, run_sql, writer

GOOD = {"sqlite": "'fine'", "postgresql": "'2024-01-01 10:00:00'", "mysql": "'2024-01-01 10:00:00'"}
INVALID_UTF8 = "CAST(X'73656372657480ff' AS TEXT)"
POISON = [
    ("sqlite", "TEXT", INVALID_UTF8, "undecodable_value"),
    ("postgresql", "timestamp", "'infinity'", "undecodable_value"),
    ("postgresql", "timestamptz", "'-infinity'", "undecodable_value"),
    ("postgresql", "date", "'10000-01-01'", "undecodable_value"),
    ("postgresql", "date", "'0044-03-15 BC'", "undecodable_value"),
    ("postgresql", "time", "'24:00'", "undecodable_value"),
    ("mariadb", "DATE", "'0000-00-00'", "not_a_date"),
    ("mariadb", "DATE", "'2024-00-10'", "not_a_date"),
    ("mariadb", "DATETIME", "'0000-00-00 00:00:00'", "not_a_datetime"),
]


def put(url: str, *statements: str) -> None:
    """As `run_sql`, also where MariaDB would refuse a zero date."""
    with writer(url) as connection:
        if dialect_of(url) == "mysql":
            connection.exec_driver_sql("SET SESSION sql_mode = ''")
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("bad", [(1,), (5,), (4, 5), (1, 2, 3), (4, 5, 6), tuple(range(1, 13)), tuple(range(2, 12))])
@pytest.mark.parametrize(("server", "column", "poison", "reason"), [POISON[0], POISON[1], POISON[6]])
def test_poison_anywhere_on_its_page_costs_no_other_row(
    server: str, column: str, poison: str, *, reason: str, bad: tuple[int, ...], make_job: Any, request: Any
) -> None:
    """A43, A44, A45: pages of three rows with poison first, last, across two pages, and nothing else on whole pages."""
    url = request.getfixturevalue(f"{server}_url")
    good = GOOD[dialect_of(url)]
    put(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, v {column})")
    put(url, *(f"INSERT INTO t VALUES ({n}, {n // 4}, {poison if n in bad else good})" for n in range(1, 13)))
    source = "table: t, primary_key: id, cursor_field: n, page_size: 3, timezone: UTC"
    job = make_job(
        url, source=source, fields="userid: {column: id, type: text}, custom_v: {column: v, on_invalid: reject}"
    )
    books = job.run("beginning").books
    rest = [str(n) for n in range(1, 13) if n not in bad]
    assert (books.read, books.sent, books.invalid) == (12, len(rest), len(bad))
    assert books.reasons[reason] == len(bad)
    assert sorted(job.taken(), key=int) == rest
    assert job.dead_letters() == dict.fromkeys(bad, reason)
    assert job.run().books.sent == 0
    # Repaired, it goes out.
    put(url, f"UPDATE t SET v = {good}")
    assert job.retry().books.sent == len(bad)
    assert sorted(job.taken(), key=int) == [str(n) for n in bad]
    assert job.dead_letters() == {}


@pytest.mark.parametrize(("server", "column", "poison", "reason"), POISON)
def test_poison_in_a_child_row_costs_its_parent_alone(
    server: str, column: str, poison: str, *, reason: str, make_job: Any, request: Any
) -> None:
    """A43, A44, A45: an order without one of its lines must not be sent."""
    url = request.getfixturevalue(f"{server}_url")
    good = GOOD[dialect_of(url)]
    put(
        url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE order_lines (order_id INTEGER, line_no INTEGER, v {column})",
        "INSERT INTO t VALUES (1), (2), (3), (4)",
        *(f"INSERT INTO order_lines VALUES ({n}, {no}, {good})" for n in (1, 2, 3) for no in (1, 2)),
        f"INSERT INTO order_lines VALUES (2, 3, {poison})",
    )
    products = (
        "products: {table: order_lines, match: {order_id: id}, order_by: line_no, fields: {id: line_no, name: %s}}"
    )
    name = "v" if reason == "undecodable_value" else f"{{column: v, type: {column.lower()}}}"
    job = make_job(url, source="table: t, primary_key: id, timezone: UTC", top=products % name)
    books = job.run("beginning").books
    assert (books.read, books.sent, books.invalid) == (4, 3, 1)
    assert sorted(job.sent()) == ["1", "3", "4"]
    assert job.dead_letters() == {2: "invalid_products"}


def test_poison_in_the_key_itself_is_named_as_text(postgresql_url: str, make_job: Any) -> None:
    """A44, A45: a key that cannot be decoded is asked for as text; what can be decoded keeps its own form."""
    put(
        postgresql_url,
        "CREATE TABLE t (day date, no int, seen date, PRIMARY KEY (day, no))",
        "INSERT INTO t SELECT '2024-01-01'::date + i, i, '2024-01-01' FROM generate_series(1, 8) i",
        "INSERT INTO t VALUES ('infinity', 1, '2024-01-01'), ('-infinity', 2, '2024-01-01'), ('10000-01-01', 3, NULL)",
        "UPDATE t SET seen = 'infinity' WHERE no = 5",
    )
    fields = 'userid: {template: "{no}"}, custom_seen: {column: seen, on_invalid: reject}'
    for number, cursor in enumerate(("", ", cursor_field: no")):
        source = f"table: t, primary_key: [day, no], page_size: 4, timezone: UTC{cursor}"
        job = make_job(postgresql_url, source=source, name=f"t{number}", fields=fields)
        books = job.run("beginning").books
        assert (books.read, books.sent, books.invalid) == (11, 7, 4)
        assert sorted(job.taken()) == ["1", "2", "3", "4", "6", "7", "8"]
        keys = {tuple(map(str, key)) for key in job.dead_letters()}
        assert keys == {("infinity", "1"), ("-infinity", "2"), ("10000-01-01", "3"), ("2024-01-06", "5")}
        put(postgresql_url, "UPDATE t SET seen = '2024-01-01' WHERE no = 5")
        again = job.retry().books
        assert (again.sent, again.invalid) == (1, 3)
        put(postgresql_url, "UPDATE t SET seen = 'infinity' WHERE no = 5")
        job.taken()
    with opened(postgresql_url, primary_key=("day", "no"), columns=("seen",)) as source:
        sample = source.sample(3)
        assert (len(sample.rows), len(sample.unreadable)) == (1, 2)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("timestamp", ["'-infinity'", "'0044-03-15 BC'", "'2024-01-01'", "'infinity'"]),
        ("date", ["'-infinity'", "'0044-03-15 BC'", "'2024-01-01'", "'infinity'"]),
    ],
)
def test_poison_as_the_cursor_is_passed_and_never_read_again(
    postgresql_url: str, make_job: Any, column: str, values: list[str]
) -> None:
    """A45, A14: -infinity sorts first; infinity lies above every bound, held for ever and said so."""
    put(postgresql_url, f"CREATE TABLE t (id int PRIMARY KEY, at {column})")
    put(postgresql_url, *(f"INSERT INTO t VALUES ({n}, {value})" for n, value in enumerate(values)))
    job = make_job(postgresql_url)
    books = job.run("beginning").books
    assert (books.read, books.sent, books.invalid, books.held) == (3, 1, 2, 1)
    assert books.reasons == {"unreadable_row": 2, "future_cursor": 1}
    assert job.dead_letters() == {0: "unreadable_row", 1: "unreadable_row"}
    put(postgresql_url, "INSERT INTO t VALUES (9, '2024-01-02')")
    books = job.run().books
    assert (books.sent, books.invalid) == (1, 0)


def test_a_zero_date_as_the_cursor_is_read_first_and_sent(mariadb_url: str, make_job: Any) -> None:
    """A45: it orders rows like any other value; only a field that wants a date refuses it."""
    put(
        mariadb_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at datetime NOT NULL)",
        "INSERT INTO t VALUES (1, 0), (2, 0), (3, '2024-01-01')",
    )
    source = "table: t, primary_key: id, cursor_field: at, timezone: UTC, page_size: 1"
    job = make_job(mariadb_url, source=source)
    assert job.run("beginning").books.sent == 3
    assert job.run().books.sent == 0
    assert sorted(job.sent()) == ["1", "2", "3"]


def test_a_zero_date_may_be_part_of_the_key(mariadb_url: str, make_job: Any) -> None:
    """A45."""
    put(
        mariadb_url,
        "CREATE TABLE t (day date NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (day, no))",
        "INSERT INTO t VALUES ('0000-00-00', 1), ('2024-00-00', 2), ('2024-01-01', 3), ('2024-01-01', 4)",
    )
    job = make_job(
        mariadb_url, source="table: t, primary_key: [day, no], page_size: 1", fields='userid: {template: "{no}"}'
    )
    assert job.run("beginning").books.sent == 4
    assert job.run().books.unchanged == 4


def test_a_cursor_of_broken_text_stops_the_run_with_advice(sqlite_url: str, make_job: Any) -> None:
    """A43: nothing can be said to lie behind it; no value of it is shown."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT)")
    run_sql(sqlite_url, "INSERT INTO t VALUES (1, '2024-01-01 00:00:00')", f"INSERT INTO t VALUES (2, {INVALID_UTF8})")
    with pytest.raises(SourceFailed) as error:
        make_job(sqlite_url).run("beginning")
    assert error.value.message == "a value of the cursor at cannot be decoded, so rows cannot be put in order"
    assert error.value.hint == "repair it in the database, or exclude the row with source.where"
    excluded = "table: t, primary_key: id, cursor_field: at, timezone: UTC, where: \"at < '3'\""
    assert make_job(sqlite_url, source=excluded).run("beginning").books.sent == 1


@pytest.mark.parametrize("limit", range(1, 9))
@pytest.mark.parametrize(("server", "column", "poison", "reason"), [POISON[0], POISON[1]])
def test_a_limit_passes_no_row_that_cannot_be_decoded(
    server: str, column: str, poison: str, *, reason: str, limit: int, make_job: Any, request: Any
) -> None:
    """A44: such a row counts as one of the rows of the limit, and the next run reads what lies above the last."""
    url = request.getfixturevalue(f"{server}_url")
    put(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})")
    put(
        url,
        *(f"INSERT INTO t VALUES ({n}, {poison if n in {2, 5, 6} else GOOD[dialect_of(url)]})" for n in range(1, 8)),
    )
    source = "table: t, primary_key: id, cursor_field: id, page_size: 3, timezone: UTC"
    fields = "userid: {column: id, type: text}, custom_v: {column: v, on_invalid: reject}"
    job = make_job(url, source=source, fields=fields)
    read = set(range(1, min(limit, 7) + 1))
    books = job.run("beginning", limits=RunLimits(rows=limit)).books
    assert (books.read, books.invalid) == (len(read), len(read & {2, 5, 6}))
    assert set(map(int, job.taken())) == read - {2, 5, 6}
    assert job.dead_letters() == dict.fromkeys(read & {2, 5, 6}, reason)
    job.run()
    assert set(map(int, job.taken())) == {1, 3, 4, 7} - read
    assert job.dead_letters() == dict.fromkeys({2, 5, 6}, reason)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7, 8, 9, 10])
def test_a_limit_of_pages_and_a_bit_reads_so_many_rows(sqlite_url: str, make_job: Any, limit: int) -> None:
    """Also a dry run reads no more of them, and each comes with the rows of its other table."""
    put(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE lines (order_id INTEGER, sku TEXT)")
    put(sqlite_url, *(f"INSERT INTO t VALUES ({n})" for n in range(1, 10)))
    put(sqlite_url, *(f"INSERT INTO lines VALUES ({n}, 'sku-{n}-{line}')" for n in range(1, 10) for line in range(2)))
    job = make_job(
        sqlite_url,
        source="table: t, primary_key: id, cursor_field: id, page_size: 3",
        fields="userid: {column: id, type: text}",
        top="products: {table: lines, match: {order_id: id}, fields: {id: sku, quantity: {value: 1}}}",
    )
    read = min(limit, 9)
    rehearsed = job.forecast("beginning", limits=RunLimits(rows=limit))
    assert (rehearsed.books.read, rehearsed.forecast.events) == (read, read)
    assert job.run("beginning", limits=RunLimits(rows=limit)).books.sent == read
    assert {event["userid"]: [one["id"] for one in event["products"]] for event in job.events()} == {
        f"{n}": [f"sku-{n}-0", f"sku-{n}-1"] for n in range(1, read + 1)
    }
    assert job.run().books.sent == 9 - read

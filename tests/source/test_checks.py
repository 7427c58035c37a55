"""What is refused before a run: cursors that cannot order, rows that no window holds."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.errors import SourceFailed, SourceMismatch, UsageProblem
from etl.mapping.load import load_mapping
from etl.page import Window
from etl.source.open import open_source
from etl.source.plan import ChildPlan
from etl.source.relation import Relation
from etl.source.source_parts import PreflightFinding
from tests.source.clocks import FakeClock
from tests.source.tables import dialect_of, insert, keys_of, opened, run_sql

UUIDS = ["f47ac10b-58cc-4372-a567-0e02b2c3d479", "0b9c2f0e-7f0f-4f4e-8a35-6f7f1f1b2c3d"]


@pytest.mark.parametrize(
    ("server", "column", "values", "reason"),
    [
        ("sqlite", "REAL", [1.5, 2.5], "floating-point numbers round"),
        ("postgresql", "double precision", [1.5], "floating-point numbers round"),
        ("mariadb", "FLOAT", [1.5], "floating-point numbers round"),
        ("sqlite", "TEXT", UUIDS, "random keys have no order in time"),
        ("postgresql", "uuid", UUIDS, "random keys have no order in time"),
        ("mariadb", "CHAR(36)", UUIDS, "random keys have no order in time"),
        ("postgresql", "boolean", [True], "it does not order rows in time"),
        ("sqlite", "BLOB", [b"x"], "it does not order rows in time"),
        ("sqlite", "", [1, "2024-01-01"], "it holds values of several storage classes"),
    ],
)
def test_a_column_that_cannot_order_rows_is_refused_as_cursor(
    server: str, column: str, values: list[Any], reason: str, request: pytest.FixtureRequest
) -> None:
    """A30, A31."""
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    insert(url, "t", [{"id": n, "at": value} for n, value in enumerate(values)])
    with pytest.raises(SourceMismatch, match=reason), opened(url, cursor_field="at"):
        pass


def test_rows_without_cursor_stop_the_run_or_are_counted(database_url: str) -> None:
    """A11: no window would ever hold them."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": 1, "n": 1}, {"id": 2, "n": None}, {"id": 3, "n": None}])
    with opened(database_url, cursor_field="n") as source:
        with pytest.raises(SourceFailed) as error:
            source.check_null_cursors()
        assert error.value.message == "2 rows of t have no n, so no run would read them"
        assert keys_of(source.pages(Window())) == [(1,)]
        assert source.count(Window()) == 1
    with opened(database_url, cursor_field="n", on_null_cursor="skip") as source:
        assert source.check_null_cursors() == 2
    with opened(database_url, cursor_field="n", where="id <> 2", on_null_cursor="skip") as source:
        assert source.check_null_cursors() == 1
    with opened(database_url, cursor_field="id") as source:
        assert source.check_null_cursors() == 0


def test_a_null_in_the_key_is_refused(database_url: str) -> None:
    """A12."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER, n INTEGER)")
    insert(database_url, "t", [{"id": 1, "n": 1}, {"id": None, "n": 2}])
    with (
        opened(database_url, cursor_field="n") as source,
        pytest.raises(SourceFailed, match="1 rows of t have NULL in a column"),
    ):
        source.check_null_cursors()


def test_sqlite_lets_null_into_a_declared_key(sqlite_url: str) -> None:
    """A12: PRIMARY KEY does not mean NOT NULL there."""
    run_sql(sqlite_url, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES (NULL, 1)")
    with opened(sqlite_url) as source, pytest.raises(SourceFailed, match="1 rows of t have NULL"):
        source.check_null_cursors()


def test_a_key_is_required(sqlite_url: str) -> None:
    """A9."""
    with pytest.raises(UsageProblem, match=r"source\.primary_key is required"), opened(sqlite_url, primary_key=()):
        pass


def test_the_fingerprint_names_what_gives_a_checkpoint_its_meaning(database_url: str) -> None:
    """A27, D11: no secret, and nothing that changes from run to run."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, m VARCHAR(9))")
    with opened(database_url, cursor_field="n") as source:
        plain = source.fingerprint()
        assert plain["relation"] == "table t"
        without = " (no value yet)" if database_url.startswith("sqlite") else ""
        assert plain["cursor"] == f"n: integer{without}"
        assert plain["key"] == "id"
        assert "admin" not in str(plain)
        assert "root" not in str(plain).replace("pytest-of-root", "")
    with opened(database_url, cursor_field="m") as source:
        assert source.fingerprint()["cursor"] == "m: text (no value yet)"
        run_sql(database_url, "INSERT INTO t VALUES (1, 1, '20240131')")
    with (
        opened(database_url, query="SELECT  id FROM t") as one,
        opened(database_url, query="SELECT id\nFROM t") as other,
    ):
        assert one.fingerprint() == other.fingerprint() != plain
    with opened(database_url) as source:
        assert source.fingerprint()["cursor"] == "none"


def test_columns_and_indexes_that_sqlalchemy_does_not_know_are_no_news(postgresql_url: str, mariadb_url: str) -> None:
    """Its warnings would stand on stderr every night, with a line of our code."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY, place point, name text)",
        "CREATE INDEX by_name ON t (lower(name))",
    )
    run_sql(mariadb_url, "CREATE TABLE t (id integer PRIMARY KEY, place GEOMETRY, address INET6)")
    for url in (postgresql_url, mariadb_url):
        with warnings.catch_warnings(action="error"), opened(url, columns=("place",)) as source:
            assert [one.kind for one in source.columns] == ["integer", "other"]


def test_a_changed_type_of_the_cursor_shows_in_the_fingerprint(postgresql_url: str) -> None:
    """A27."""
    run_sql(postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY, at date)")
    with opened(postgresql_url, cursor_field="at") as source:
        before = source.fingerprint()
    run_sql(postgresql_url, "ALTER TABLE t ALTER at TYPE timestamp")
    with opened(postgresql_url, cursor_field="at") as source:
        assert {name for name, value in source.fingerprint().items() if value != before[name]} == {"cursor"}


@pytest.mark.parametrize(
    ("key", "columns", "typed", "value"),
    [
        (("id",), "id INTEGER PRIMARY KEY", "42", (42,)),
        (("id",), "id INTEGER PRIMARY KEY", "id=42", (42,)),
        (("a", "b"), "a INTEGER, b VARCHAR(9), PRIMARY KEY (a, b)", "b=x,y,a=7", (7, "x,y")),
        (("a", "b"), "a INTEGER, b VARCHAR(9), PRIMARY KEY (a, b)", "a=7,b=1=2", (7, "1=2")),
    ],
)
def test_a_key_is_typed_by_its_columns(database_url: str, key: Any, columns: str, typed: str, value: Any) -> None:
    run_sql(database_url, f"CREATE TABLE t ({columns})")
    with opened(database_url, primary_key=key) as source:
        assert source.parse_key(typed) == value
        for wrong in ("a=1", "a=1,c=2", "x"):
            with pytest.raises(UsageProblem):
                source.parse_key(wrong)


def test_the_sample_is_the_newest_rows_in_order(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": n, "n": -n} for n in range(20)])
    with opened(database_url, cursor_field="n") as source:
        assert keys_of([source.sample(3)]) == [(2,), (1,), (0,)]


# --- what validate --connect finds ---


def found(url: str, **plan: Any) -> list[tuple[str, str, str]]:
    with opened(url, **plan) as source:
        return [(one.level, one.path, one.message) for one in source.preflight() if one.path != "source.url"]


def test_a_sound_table_has_no_findings(database_url: str) -> None:
    column = {"postgresql": "timestamptz", "mysql": "TIMESTAMP(6)", "sqlite": "TEXT"}[dialect_of(database_url)]
    run_sql(
        database_url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column} NOT NULL)",
        "CREATE INDEX by_at ON t (at, id)",
        "INSERT INTO t VALUES (1, '2024-01-01T00:00:00Z')"
        if column == "TEXT"
        else "INSERT INTO t VALUES (1, '2024-01-01 00:00:00')",
    )
    assert found(database_url, cursor_field="at") == []


def test_what_makes_reading_slow_or_unsafe_is_found(database_url: str) -> None:
    """A11, A12, A9."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER, n INTEGER)")
    insert(database_url, "t", [{"id": 1, "n": 1}, {"id": 1, "n": 2}, {"id": None, "n": 2}, {"id": 4, "n": None}])
    assert found(database_url, cursor_field="n", lookback=100) == [
        ("error", "source.primary_key", "1 rows of t have NULL in id"),
        ("error", "source.primary_key", "id is not unique: 1 keys of t are on several rows"),
        ("error", "source.cursor_field", "1 rows of t have no n, so no run reads them"),
        ("warning", "source.cursor_field", "no index gives the order (n, id): each run reads the whole of t"),
    ]
    skipped = found(database_url, cursor_field="n", lookback=100, on_null_cursor="skip", where="id = 4")
    assert skipped == [
        ("warning", "source.primary_key", "id is unique now, but t does not declare it"),
        ("warning", "source.cursor_field", "no index gives the order (n, id): each run reads the whole of t"),
        ("warning", "source.cursor_field", "1 rows of t have no n, so no run reads them"),
    ]


def test_a_cursor_without_clock_or_zone_is_warned_of(postgresql_url: str) -> None:
    """A7, A20, A21."""
    run_sql(
        postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY, at timestamp NOT NULL)", "CREATE INDEX i ON t (at)"
    )
    late = "id follows no clock: a transaction that commits late may leave rows below the checkpoint"
    assert found(postgresql_url, cursor_field="id") == [("warning", "source.settle", late)]
    assert found(postgresql_url, cursor_field="id", lookback=1000) == []
    zone = "at has no time zone, so it is compared with the clock as if it were UTC"
    assert found(postgresql_url, cursor_field="at") == [("warning", "source.timezone", zone)]
    assert found(postgresql_url, cursor_field="at", timezone="UTC") == []
    fold = "at is local time: in the night when the hour repeats, rows may fall below the checkpoint"
    assert found(postgresql_url, cursor_field="at", timezone="Europe/Amsterdam") == [
        ("warning", "source.lookback", fold)
    ]
    assert found(postgresql_url, cursor_field="at", timezone="Europe/Amsterdam", lookback=timedelta(hours=2)) == []
    assert found(postgresql_url, cursor_field="at", timezone="Asia/Tokyo") == []


def test_sqlite_rowids_that_may_be_reused_are_warned_of(sqlite_url: str) -> None:
    """A32."""
    run_sql(
        sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT)"
    )
    insert(sqlite_url, "t", [{"id": 1}])
    message = "SQLite may give id of a deleted last row to a new one"
    assert found(sqlite_url, cursor_field="id") == [("warning", "source.cursor_field", message)]
    assert found(sqlite_url, cursor_field="id", table="u") == []


def test_an_administrator_is_warned_of(postgresql_url: str, mariadb_url: str) -> None:
    """F23."""
    for url in (postgresql_url, mariadb_url):
        run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
        with opened(url) as source:
            assert source.preflight() == [
                PreflightFinding(
                    "warning",
                    "source.url",
                    "the database user is an administrator",
                    "a user of its own with SELECT on the mapped tables is enough",
                )
            ]


MAPPING = """
version: 1
source:
  url: "%s"
  table: t
  primary_key: id
event: CustomerUpdated
fields:
  email: amount
  birthdate: uid
  timestamp: at
  custom_paid: paid
  custom_tags: {column: note, transform: [strip]}
destination: {account: a, api_key: k}
"""


def test_fields_are_held_against_the_kinds_of_their_columns(postgresql_url: str, tmp_path: Path) -> None:
    """A20: errors first; what cannot become the field's type, in words of the mapping."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY, amount numeric, uid uuid, at timestamp, paid int4range, note text,"
        " currency text)",
        "INSERT INTO t (id, currency) VALUES (1, 'EUR'), (2, 'SEK'), (3, NULL)",
    )
    path = tmp_path / "m.yaml"
    path.write_text(MAPPING % postgresql_url)
    mapping = load_mapping(path, environment={}, read_file=lambda file: file.read_bytes())
    with open_source(mapping, clock=FakeClock()) as source:
        assert [
            (one.level, one.path, one.message) for one in source.preflight(mapping) if one.path != "source.url"
        ] == [
            (
                "error",
                "source.timezone",
                "fields.timestamp: a time without a zone, and the mapping does not say which zone it is in",
            ),
            ("warning", "fields.email", "amount holds values of kind decimal, which cannot become email"),
            ("warning", "fields.birthdate", "uid holds values of kind uuid, which cannot become date"),
            (
                "warning",
                "fields.custom_paid",
                "paid is of a kind that events do not know: its driver's text goes out, or nothing",
            ),
            ("warning", "fields", "currency holds 2 currencies, but no field sends them"),
        ]


@pytest.mark.parametrize(
    ("products", "found"),
    [
        ("table: lines, match: {order_id: id}, fields: {id: sku, price: day}", "day holds values of kind date"),
        ("fields: {id: sku, price: due}", "due holds values of kind date"),
        ("column: lines, fields: {id: day, price: due}", None),
    ],
    ids=["a table", "the row itself", "a column of JSON"],
)
def test_fields_of_products_are_held_against_the_columns_that_they_are_read_from(
    postgresql_url: str, tmp_path: Path, products: str, found: str | None
) -> None:
    """The same names are text in one of the two; what stands in JSON has no declared kind."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY, sku text, day text, due date, lines jsonb)",
        "CREATE TABLE lines (order_id integer PRIMARY KEY, sku text, day date, due text)",
    )
    path = tmp_path / "m.yaml"
    path.write_text(
        f"""version: 1
source: {{url: "{postgresql_url}", table: t, primary_key: id}}
event: Purchase
fields: {{userid: sku}}
products: {{{products}}}
destination: {{account: a, api_key: k}}
"""
    )
    mapping = load_mapping(path, environment={}, read_file=Path.read_bytes)
    with open_source(mapping, clock=FakeClock()) as source:
        told = [(one.path, one.message) for one in source.preflight(mapping) if one.path.startswith("products.fields")]
    assert told == ([("products.fields.price", f"{found}, which cannot become number")] if found else [])


@pytest.mark.parametrize("on_null_cursor", ["fail", "skip"])
@pytest.mark.parametrize("column", ["INTEGER NOT NULL", "INTEGER"])
def test_no_row_without_a_cursor_is_none(database_url: str, column: str, on_null_cursor: Any) -> None:
    """Also where the column cannot be NULL, so that nothing has to be counted."""
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, n {column})", "INSERT INTO t VALUES (1, 1)")
    with opened(database_url, cursor_field="n", on_null_cursor=on_null_cursor) as source:
        assert (source.check_null_cursors(), source.null_cursors()) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "declared", "words"),
    [
        (None, {}, "of no declared type"),
        ("integer", {}, "of kind integer"),
        ("integer", {"x": "BIGINT"}, "BIGINT"),
    ],
)
def test_a_columns_type_has_the_databases_name_or_else_ours(kind: str | None, declared: Any, words: str) -> None:
    assert Relation("t", {"x": kind}, declared=declared).type_name("x") == words


def test_a_match_of_two_types_is_refused_with_how_to_compare_them(postgresql_url: str) -> None:
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY, cart integer)",
        "CREATE TABLE lines (cart text, sku text)",
    )
    child = ChildPlan("lines", (("cart", "cart"),), (), ("sku",))
    with opened(postgresql_url, child=child, columns=("cart",)) as source:
        (refused,) = [one for one in source.preflight() if one.level == "error"]
        assert (refused.path, (refused.hint or "")[:27]) == ("products.match", "compare columns of one type")

"""Tables, names and queries as shops have them: every row once, at every page size, from every checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed
from etl.exact import parse_position_text, position_text
from etl.page import Window
from tests.source.tables import dialect_of, everything, insert, keys_of, opened, positions_of, run_sql, writer

ROWS = 30


def read_whole(
    url: str, keys: list[tuple[Any, ...]], *, page_sizes: tuple[int, ...] = (1, 4, 100), **plan: Any
) -> None:
    """Read everything, in pages of several sizes, and again from the middle on."""
    for page_size in page_sizes:
        with opened(url, page_size=page_size, **plan) as source:
            pages = everything(source)
            found = positions_of(pages)
            assert sorted(keys_of(pages)) == sorted(keys)
            rest = keys_of(source.pages(Window(after=found[len(found) // 2])))
            assert rest == keys_of(pages)[len(found) // 2 + 1 :]
            named = keys_of([source.rows_by_key(keys[:3])])
            assert named == keys[:3]
            assert [one for one in source.preflight(None) if one.level == "error"] == []


@pytest.mark.parametrize("indexed", [True, False])
def test_a_key_that_is_no_number(postgresql_url: str, *, indexed: bool) -> None:
    """A NaN is unequal to itself in Python, so that its row was taken for a deleted one, and never sent."""
    run_sql(postgresql_url, "CREATE TABLE t (id numeric PRIMARY KEY, at timestamptz DEFAULT '2024-01-01')")
    values = ["-Infinity", "-1.5", "7", "Infinity", "NaN"]
    run_sql(postgresql_url, *(f"INSERT INTO t VALUES ('{one}')" for one in values))
    if indexed:
        run_sql(postgresql_url, "CREATE INDEX ON t (at, id)")
    for page_size in (1, 2, 100):
        with opened(postgresql_url, page_size=page_size, cursor_field="at") as source:
            pages = everything(source)
            assert [str(key) for (key,) in keys_of(pages)] == values
            at = parse_position_text(position_text(positions_of(pages)[-1]))
            assert keys_of([source.rows_by_key([at.key])]) == [at.key]
            assert keys_of(source.pages(Window(upto=at)))[-1] == at.key
            assert keys_of(source.pages(Window(after=at))) == []


def numbers(url: str) -> list[tuple[int]]:
    """Fill table t with rows; their keys."""
    insert(url, "t", [{"id": n, "at": f"2024-01-0{n % 3 + 1} 10:00:00", "n": n % 4} for n in range(ROWS)])
    return [(n,) for n in range(ROWS)]


@pytest.mark.parametrize("by", ["RANGE (n)", "LIST (n)", "HASH (id)"])
@pytest.mark.parametrize("indexed", [True, False])
def test_a_partitioned_table_of_postgresql(postgresql_url: str, by: str, *, indexed: bool) -> None:
    run_sql(postgresql_url, f"CREATE TABLE t (id integer, at timestamptz, n integer) PARTITION BY {by}")
    values = {
        "RANGE (n)": ["FROM (0) TO (2)", "FROM (2) TO (9)"],
        "LIST (n)": ["IN (0, 1)", "IN (2, 3)"],
        "HASH (id)": ["WITH (MODULUS 2, REMAINDER 0)", "WITH (MODULUS 2, REMAINDER 1)"],
    }[by]
    for at, one in enumerate(values):
        run_sql(postgresql_url, f"CREATE TABLE t{at} PARTITION OF t FOR VALUES {one}")
    if indexed:
        run_sql(postgresql_url, "CREATE INDEX ON t (at, id)")
    keys = numbers(postgresql_url)
    read_whole(postgresql_url, keys, cursor_field="at", columns=("n",))
    read_whole(postgresql_url, keys)


@pytest.mark.parametrize(
    "by",
    ["HASH (id) PARTITIONS 4", "RANGE (id) (PARTITION a VALUES LESS THAN (9), PARTITION b VALUES LESS THAN MAXVALUE)"],
)
def test_a_partitioned_table_of_mariadb(mariadb_url: str, by: str) -> None:
    run_sql(
        mariadb_url,
        f"CREATE TABLE t (id INT PRIMARY KEY, at DATETIME(6), n INT, KEY (at, id)) PARTITION BY {by}",
    )
    keys = numbers(mariadb_url)
    read_whole(mariadb_url, keys, cursor_field="at", columns=("n",))
    read_whole(mariadb_url, keys)


def test_system_versioned_and_sequence_tables_of_mariadb(mariadb_url: str) -> None:
    """History rows are no rows of the table."""
    run_sql(mariadb_url, "CREATE TABLE t (id INT PRIMARY KEY, at DATETIME(6), n INT) WITH SYSTEM VERSIONING")
    keys = numbers(mariadb_url)
    run_sql(mariadb_url, "UPDATE t SET n = n + 1", "DELETE FROM t WHERE id = 7")
    keys.remove((7,))
    read_whole(mariadb_url, keys, cursor_field="at", columns=("n",))


@pytest.mark.parametrize("cursor", ["at", None])
def test_an_inherited_table_is_read_with_its_children(postgresql_url: str, cursor: str | None) -> None:
    """Its primary key is its own only, as is its index."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz, n integer)",
        "CREATE INDEX ON t (at, id)",
        "CREATE TABLE child (extra text) INHERITS (t)",
    )
    keys = numbers(postgresql_url)
    run_sql(postgresql_url, "INSERT INTO child SELECT id + 100, at, n, 'x' FROM t")
    keys += [(key + 100,) for (key,) in keys]
    read_whole(postgresql_url, keys, cursor_field=cursor, columns=("n",))


def test_a_key_that_a_child_table_repeats_ends_the_run(postgresql_url: str) -> None:
    """The declared key says nothing of the children's rows."""
    for index in ("", "CREATE INDEX ON t (at, id)"):
        run_sql(
            postgresql_url,
            "DROP TABLE IF EXISTS t CASCADE",
            "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz, n integer)",
            "CREATE TABLE child () INHERITS (t)",
            *([index] if index else []),
        )
        numbers(postgresql_url)
        run_sql(postgresql_url, "INSERT INTO child SELECT * FROM t WHERE id = 9")
        for page_size in (1, 4, 100):
            with opened(postgresql_url, cursor_field="at", columns=("n",), page_size=page_size) as source:
                with pytest.raises(SourceFailed, match=r"several rows have one key|rows are missing"):
                    everything(source)
                assert any("not unique" in one.message for one in source.preflight(None))


def test_a_materialised_view(postgresql_url: str) -> None:
    run_sql(postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz, n integer)")
    keys = numbers(postgresql_url)
    run_sql(postgresql_url, "CREATE MATERIALIZED VIEW m AS SELECT * FROM t")
    read_whole(postgresql_url, keys, table="m", cursor_field="at", columns=("n",))
    run_sql(postgresql_url, "CREATE UNIQUE INDEX ON m (id)", "CREATE INDEX ON m (at, id)")
    read_whole(postgresql_url, keys, table="m", cursor_field="at", columns=("n",))


def test_generated_columns_are_columns(database_url: str) -> None:
    """As key, as cursor and as a value."""
    stored = {"postgresql": ["STORED"], "mysql": ["STORED", "VIRTUAL"], "sqlite": ["STORED", "VIRTUAL"]}
    for how in stored[dialect_of(database_url)]:
        run_sql(
            database_url,
            "DROP TABLE IF EXISTS t",
            f"CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, twice INTEGER GENERATED ALWAYS AS (id * 2) {how})",
        )
        insert(database_url, "t", [{"id": n, "n": n % 4} for n in range(ROWS)])
        read_whole(database_url, [(n,) for n in range(ROWS)], cursor_field="twice", columns=("n",))
        read_whole(database_url, [(n * 2,) for n in range(ROWS)], primary_key=("twice",), columns=("n",))


NAMES = [
    "order", "Group By", "select", "ALL CAPS", "Id", "it's", 'dou"ble', "per%cent", "pér sé", "a:b",
    "a.b", "semi;colon", "x--y", "q?", "br[ack]et", "\\back", "{brace}", "%(x)s", "$1", "emoji😀", "end)", "x" * 60,
]  # fmt: skip


def quoted(url: str, name: str) -> str:
    mark = "`" if dialect_of(url) == "mysql" else '"'
    return f"{mark}{name.replace(mark, 2 * mark)}{mark}"


@pytest.mark.parametrize("indexed", [True, False])
def test_a_name_is_no_syntax(database_url: str, *, indexed: bool) -> None:
    """As table, key, cursor and column."""
    dialect = dialect_of(database_url)
    engine = sa.create_engine(database_url, isolation_level="AUTOCOMMIT")
    for at, name in enumerate(NAMES):
        if dialect == "mysql":
            name = name.replace("😀", "☺")  # noqa: PLW2901  # its identifiers have no characters beyond U+FFFF
        table, key, cursor, value = (quoted(database_url, name + end) for end in ("", "k", "c", "v"))
        with engine.connect() as connection:
            for statement in (
                f"CREATE TABLE {table} ({key} INTEGER PRIMARY KEY, {cursor} INTEGER, {value} INTEGER)",
                *([f"CREATE INDEX i{at} ON {table} ({cursor}, {key})"] if indexed else []),
                f"INSERT INTO {table} VALUES (1, 3, 1), (2, 2, 4), (3, 2, 9), (4, 7, 16)",
            ):
                connection.exec_driver_sql(statement if dialect == "sqlite" else statement.replace("%", "%%"))
        # A point in a table's name would be read as the end of a schema's.
        source = {"query": f"SELECT * FROM {table}"} if "." in name else {"table": name}
        plan: dict[str, Any] = {"primary_key": (name + "k",), "cursor_field": name + "c", "columns": (name + "v",)}
        read_whole(database_url, [(n,) for n in (2, 3, 1, 4)], page_sizes=(1,), **source, **plan)
    engine.dispose()


def test_rows_that_a_policy_hides_are_not_there(postgresql_url: str) -> None:
    """Row-level security: what the user may not see is neither counted nor missed."""
    run_sql(
        postgresql_url,
        "CREATE ROLE policy_reader LOGIN",
        "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz, n integer)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON t FOR SELECT USING (n = 1)",
        "GRANT SELECT ON t TO policy_reader",
    )
    numbers(postgresql_url)
    url = sa.make_url(postgresql_url).set(username="policy_reader").render_as_string(hide_password=False)
    try:
        for index in (False, True):
            if index:
                run_sql(postgresql_url, "CREATE INDEX ON t (at, id)")
            visible = [(n,) for n in range(ROWS) if n % 4 == 1]
            read_whole(url, visible, cursor_field="at", columns=("n",))
    finally:
        run_sql(postgresql_url, "DROP OWNED BY policy_reader", "DROP ROLE policy_reader")


@pytest.fixture(
    params=[
        "ANSI_QUOTES",
        "NO_BACKSLASH_ESCAPES",
        "ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
        "ANSI",
        "ORACLE",
        "PAD_CHAR_TO_FULL_LENGTH",
        "HIGH_NOT_PRECEDENCE",
        "IGNORE_SPACE",
        "REAL_AS_FLOAT",
    ]
)
def moody_url(request: pytest.FixtureRequest, mariadb_url: str) -> Iterator[str]:
    """A server whose sessions begin with another sql_mode."""
    with writer(mariadb_url) as connection:
        before = connection.execute(sa.text("SELECT @@GLOBAL.sql_mode")).scalar_one()
        connection.execute(sa.text(f"SET GLOBAL sql_mode = '{request.param}'"))
    yield mariadb_url
    with writer(mariadb_url) as connection:
        connection.execute(sa.text("SET GLOBAL sql_mode = :mode"), {"mode": before})


def test_a_mode_of_the_server_changes_no_row(moody_url: str) -> None:
    r"""Quotes, backslashes and percent signs in keys go into the statements of the next pages."""
    texts = ["a'b", 'a"b', "a\\", "a\\'b", "a%b", "a`b", "a\nb", "a--b", "a\\\\b", "a%sb", ":x", "é"]
    engine = sa.create_engine(moody_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for index in ("", ", KEY (n, id)"):
            connection.exec_driver_sql("DROP TABLE IF EXISTS t")
            connection.exec_driver_sql(
                f"CREATE TABLE t (id VARCHAR(9) COLLATE utf8mb4_bin PRIMARY KEY, n INT, pad CHAR(9){index})"
            )
            connection.execute(
                sa.text("INSERT INTO t (id, n, pad) VALUES (:id, :n, :id)"),
                [{"id": text, "n": n % 3} for n, text in enumerate(texts)],
            )
            read_whole(moody_url, [(text,) for text in texts], cursor_field="n", columns=("pad",), page_sizes=(1, 100))
            read_whole(moody_url, [(text,) for text in texts], columns=("pad",), page_sizes=(1, 100))
            read_whole(moody_url, [(text,) for text in texts], cursor_field="n", query="SELECT id, n, pad FROM t")
    engine.dispose()


QUERIES = [
    "WITH newest AS (SELECT id, n FROM t WHERE id >= 0) SELECT id, n FROM newest",
    "WITH RECURSIVE a(id, n) AS (SELECT 0, 0 UNION SELECT id + 1, (id + 1) % 4 FROM a WHERE id < 29) SELECT * FROM a",
    "SELECT id, SUM(1) OVER (PARTITION BY id % 4) + n AS n FROM t",
    "SELECT id, ROW_NUMBER() OVER (ORDER BY t.n, t.id) AS n FROM t",
    "SELECT id, n FROM t WHERE id < 9 UNION SELECT id, n FROM t WHERE id >= 5",
    "SELECT id, n FROM t WHERE id < 9 UNION ALL SELECT id, n FROM t WHERE id >= 9",
    "SELECT id, n FROM t WHERE id < 9 UNION ALL SELECT id + 0.0, n + 0.0 FROM t WHERE id > 8",
    "SELECT id, n FROM t INTERSECT SELECT id, n FROM t WHERE id >= 0",
    "SELECT id, n FROM t ORDER BY id LIMIT 30",
    "SELECT t.id, (SELECT MAX(o.n) FROM t o WHERE o.id <= t.id) AS n FROM t",
    "SELECT DISTINCT id, n FROM t",
    "SELECT id, n FROM t WHERE id IN (SELECT id FROM t) AND 'a:b' = 'a:b' AND '100%' LIKE '100%%'",
    "SELECT id, MAX(n) AS n FROM t GROUP BY id HAVING COUNT(*) = 1",
    "SELECT id, CASE WHEN n > 1 THEN n ELSE 0 END AS n FROM t",
    "SELECT id, n FROM t -- all of them",
    "/* newest */ SELECT id, n FROM t /* ; */",
    "SELECT id, n FROM t;  ",
]


def test_queries_as_people_write_them(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    insert(database_url, "t", [{"id": n, "n": n % 4} for n in range(ROWS)])
    for query in QUERIES:
        read_whole(database_url, [(n,) for n in range(ROWS)], query=query, cursor_field="n", page_sizes=(4,))
        read_whole(database_url, [(n,) for n in range(ROWS)], query=query, page_sizes=(4,))

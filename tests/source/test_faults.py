"""What the database does to us: gone, slow, locked, closed to us; and what people mistype."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed, SourceMismatch, UsageProblem
from etl.page import Window
from etl.source.connect import connect
from etl.source.fault import DatabaseFault
from etl.source.open import open_plan
from etl.source.plan import ReadLimits, ReadPlan
from tests.source.clocks import FakeClock
from tests.source.tables import dialect_of, insert, keys_of, opened, run_sql, writer

ROWS = 20
OURS = "FROM pg_stat_activity WHERE datname = current_database()"
LOCK = {"postgresql": "LOCK TABLE t IN ACCESS EXCLUSIVE MODE", "mysql": "LOCK TABLES t WRITE"}
UNLOCK = {"postgresql": "ROLLBACK", "mysql": "UNLOCK TABLES"}


def make_table(url: str, *, indexed: bool = True) -> list[tuple[int]]:
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    if indexed:
        run_sql(url, "CREATE INDEX order_of_t ON t (n, id)")
    insert(url, "t", [{"id": number, "n": number // 3} for number in range(ROWS)])
    return [(number,) for number in range(ROWS)]


def kill_sessions(url: str) -> int:
    """End every session of the product on this database, from outside."""
    with writer(url) as connection:
        if dialect_of(url) == "postgresql":
            sql = f"SELECT pg_terminate_backend(pid) {OURS} AND application_name = 'squeezely-etl'"
            return len(connection.execute(sa.text(sql)).all())
        own = "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        numbers = connection.execute(sa.text(own)).scalars().all()
        for number in numbers:
            connection.exec_driver_sql(f"KILL {number}")
        return len(numbers)


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def test_sessions_killed_between_pages_cost_nothing_but_a_new_connection(server_url: str) -> None:
    """A1, A2: after every page the server ends our session."""
    expected = make_table(server_url)
    with opened(server_url, cursor_field="n", page_size=3) as source:
        read = []
        for page in source.pages(Window()):
            read += keys_of([page])
            assert kill_sessions(server_url) >= 1
        assert read == expected


def test_a_session_killed_while_it_reads_has_its_page_read_again(server_url: str) -> None:
    """A1: the statement waits for a lock, and dies there; no half page is seen."""
    expected = make_table(server_url)
    clock = FakeClock()
    engine = sa.create_engine(server_url, poolclass=sa.pool.NullPool)
    with opened(server_url, clock, cursor_field="n", page_size=3) as source:
        pages = source.pages(Window())
        read = keys_of([next(pages)])
        with engine.connect() as locker:
            locker.exec_driver_sql(LOCK[dialect_of(server_url)])
            rest: list[tuple[int]] = []
            reader = threading.Thread(target=lambda: rest.extend(keys_of(pages)))
            reader.start()
            while not _waiting_for_the_lock(server_url):
                pass
            kill_waiting(server_url)
            # Wait until the reader has noticed and is in its second attempt.
            while not clock.waits:
                pass
            locker.exec_driver_sql(UNLOCK[dialect_of(server_url)])
        reader.join(30)
        assert read + rest == expected
        assert len(clock.waits) == 1


def _waiting_for_the_lock(url: str) -> bool:
    sql = {
        "postgresql": f"SELECT count(*) {OURS} AND wait_event_type = 'Lock'",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting%'",
    }
    with writer(url) as connection:
        return bool(connection.execute(sa.text(sql[dialect_of(url)])).scalar_one())


def kill_waiting(url: str) -> None:
    with writer(url) as connection:
        if dialect_of(url) == "postgresql":
            sql = f"SELECT pg_terminate_backend(pid) {OURS} AND wait_event_type = 'Lock'"
            connection.execute(sa.text(sql)).all()
            return
        own = "SELECT id FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting%'"
        for number in connection.execute(sa.text(own)).scalars().all():
            connection.exec_driver_sql(f"KILL {number}")


def test_a_lock_that_stays_ends_the_run_after_three_smaller_pages(server_url: str) -> None:
    """A37: half the page each time, then exit 4."""
    make_table(server_url)
    clock = FakeClock()
    engine = sa.create_engine(server_url, poolclass=sa.pool.NullPool)
    plan = ReadPlan(url=server_url, table="t", primary_key=("id",), cursor_field="n", page_size=16)
    with open_plan(plan, clock=clock, limits=ReadLimits(lock_seconds=1)) as source, engine.connect() as locker:
        locker.exec_driver_sql(LOCK[dialect_of(server_url)])
        with pytest.raises(SourceFailed) as error:
            list(source.pages(Window()))
        locker.exec_driver_sql(UNLOCK[dialect_of(server_url)])
        assert error.value.message.startswith(
            f"could not read t in {source.place}: a lock or time limit ended the statement"
        )
        assert len(clock.waits) == 3
        # What comes after reads with the page that was left, and grows again.
        assert len(next(source.pages(Window())).rows) == 1


def test_a_statement_that_takes_too_long_is_ended_by_the_server(server_url: str) -> None:
    """A37."""
    make_table(server_url)
    slow = {
        "postgresql": "SELECT id, n, pg_sleep(1.2)::text AS s FROM t",
        "mysql": "SELECT id, n, SLEEP(1.2) AS s FROM t",
    }
    plan = ReadPlan(url=server_url, query=slow[dialect_of(server_url)], primary_key=("id",), columns=("s",))
    with (
        open_plan(plan, clock=FakeClock(), limits=ReadLimits(statement_seconds=1)) as source,
        pytest.raises(SourceFailed, match="a lock or time limit ended the statement"),
    ):
        list(source.pages(Window()))


def test_a_count_for_a_report_alone_has_a_limit_of_its_own(server_url: str) -> None:
    """A37: it may not hold a run up for as long as a page may."""
    make_table(server_url)
    slow = sa.text("SELECT pg_sleep(1.2)" if dialect_of(server_url) == "postgresql" else "SELECT SLEEP(1.2)")
    plan = ReadPlan(url=server_url, table="t", primary_key=("id",))
    with open_plan(plan, clock=FakeClock(), limits=ReadLimits(statement_seconds=60)) as source:
        database = source.parts.database
        assert len(database.read(slow).rows) == 1
        with pytest.raises(DatabaseFault, match="a lock or time limit ended the statement"):
            database.read(slow, limit_seconds=1)


def test_a_statement_that_the_server_refuses_is_not_tried_again(postgresql_url: str) -> None:
    """A37: waiting helps against what is away or busy, and against nothing else."""
    make_table(postgresql_url)
    body = "BEGIN RAISE EXCEPTION ''no''; END"
    run_sql(postgresql_url, f"CREATE FUNCTION refuse() RETURNS bool LANGUAGE plpgsql AS '{body}'")
    clock = FakeClock()
    plan = ReadPlan(url=postgresql_url, table="t", primary_key=("id",), cursor_field="n", where="refuse()")
    with open_plan(plan, clock=clock) as source, pytest.raises(SourceFailed, match="refused the statement"):
        list(source.pages(Window()))
    assert not clock.waits


def test_an_interrupted_wait_ends_at_once(server_url: str) -> None:
    """E2: a stop request during the backoff is not slept through."""
    make_table(server_url)
    clock = FakeClock(interrupt_at=1)
    engine = sa.create_engine(server_url, poolclass=sa.pool.NullPool)
    plan = ReadPlan(url=server_url, table="t", primary_key=("id",), page_size=16)
    with open_plan(plan, clock=clock, limits=ReadLimits(lock_seconds=1)) as source, engine.connect() as locker:
        locker.exec_driver_sql(LOCK[dialect_of(server_url)])
        with pytest.raises(SourceFailed):
            list(source.pages(Window()))
        locker.exec_driver_sql(UNLOCK[dialect_of(server_url)])
    assert len(clock.waits) == 1


@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mariadb"])
def test_an_unreachable_server_is_given_up_after_a_few_tries(scheme: str) -> None:
    """A3: exit 4, the place named, the password not."""
    clock = FakeClock()
    with pytest.raises(SourceFailed) as error:
        connect(f"{scheme}://someone:canary-secret@127.0.0.1:1/shop", clock=clock)
    assert clock.waits == [0.5, 1.0, 2.0]
    assert error.value.message.startswith(
        f"could not connect to {scheme}://127.0.0.1:1/shop: nothing listens on that port (connection refused)"
    )
    assert error.value.hint == ("check host and port in source.url; is the database up? The next run goes on from here")
    assert "canary" not in repr(error.value) + str(error.value.__cause__)


def test_a_refused_login_is_not_tried_again(server_url: str) -> None:
    """A4: exit 4 with the cause."""
    clock = FakeClock()
    url = sa.make_url(server_url).set(username="nobody_here", password="canary-secret")
    with pytest.raises(SourceFailed) as error:
        connect(url.render_as_string(hide_password=False), clock=clock)
    assert clock.waits == []
    assert "the database refused the login" in error.value.message
    assert "canary" not in repr(error.value) + str(error.value.__cause__)


def test_a_database_that_does_not_exist_is_a_refused_login(server_url: str) -> None:
    """A4."""
    url = sa.make_url(server_url).set(database="no_such_database")
    with pytest.raises(SourceFailed, match="the server has no database of that name") as error:
        connect(url.render_as_string(hide_password=False), clock=FakeClock())
    assert error.value.hint == "check the database's name in source.url"


def test_a_table_without_privilege_says_so(server_url: str) -> None:
    """A4."""
    make_table(server_url)
    with writer(server_url) as connection:
        if dialect_of(server_url) == "postgresql":
            connection.exec_driver_sql("DROP ROLE IF EXISTS poor")
            connection.exec_driver_sql("CREATE ROLE poor LOGIN")
        else:
            connection.exec_driver_sql("CREATE OR REPLACE USER poor@127.0.0.1")
            connection.exec_driver_sql("CREATE TABLE other (id int)")
            connection.exec_driver_sql(f"GRANT SELECT ON {sa.make_url(server_url).database}.other TO poor@127.0.0.1")
    url = sa.make_url(server_url).set(username="poor").render_as_string(hide_password=False)
    with pytest.raises((SourceFailed, SourceMismatch)) as error, opened(url, cursor_field="n") as source:
        list(source.pages(Window()))
    run_sql(server_url, "DROP ROLE poor" if dialect_of(server_url) == "postgresql" else "DROP USER poor@127.0.0.1")
    assert "canary" not in error.value.message


def test_a_missing_sqlite_file_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    """A47."""
    path = tmp_path / "shpo.db"
    with pytest.raises(SourceFailed) as error:
        connect(f"sqlite:///{path}", clock=FakeClock())
    assert error.value.message == f"could not open the SQLite database {path}: no such file"
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database at all, but long enough to have a header of its own" * 20)
    with (
        pytest.raises(SourceFailed, match="could not read the structure of t in sqlite:///"),
        opened(f"sqlite:///{path}"),
    ):
        pass


def test_a_relative_path_counts_from_the_folder_of_the_call(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_table(sqlite_url)
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///source.sqlite") as source:
        assert source.count(Window()) == ROWS
        assert source.place == sqlite_url


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "not a url", "nosuchdialect://host/db"])
def test_a_url_of_no_database_is_a_mistake_of_configuration(url: str) -> None:
    with pytest.raises(UsageProblem):
        connect(url, clock=FakeClock())


def test_a_missing_table_suggests_the_nearest(database_url: str) -> None:
    """A38: exit 2."""
    run_sql(database_url, "CREATE TABLE customers (id INTEGER PRIMARY KEY)", "CREATE TABLE orders (id INTEGER)")
    with pytest.raises(SourceMismatch) as error, opened(database_url, table="custmers"):
        pass
    assert error.value.message.endswith('has no table or view "custmers"; did you mean "customers"?')


def test_missing_columns_are_named_together_with_the_nearest(database_url: str) -> None:
    """A38."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, updated_at INTEGER, email VARCHAR(9))")
    with (
        pytest.raises(SourceMismatch) as error,
        opened(database_url, cursor_field="updatedat", columns=("emial", "email")),
    ):
        pass
    assert error.value.message.splitlines() == [
        'fields: t has no column "emial"; did you mean "email"?',
        'source.cursor_field: t has no column "updatedat"; did you mean "updated_at"?',
    ]


def test_a_query_that_does_not_run_is_a_mismatch(database_url: str) -> None:
    """A38, A49."""
    with (
        pytest.raises(SourceMismatch, match="a table, column or function does not exist"),
        opened(database_url, query="SELECT id FROM gone"),
    ):
        pass


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("t.lastname", "lastname"),
        ("nosuch(t.id)", "nosuch"),
        ("t.id FORM", "FORM"),
        ("CASE WHEN 1 = 1 THEN t.id ELSE u.updated END", "updated"),
    ],
)
def test_what_is_wrong_in_a_long_query_is_named(database_url: str, wrong: str, named: str) -> None:
    """Identifiers are not personal data; literals, which may be, are not shown."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    lines = [f"  t.n + {number} AS n{number}," for number in range(20)]
    query = "\n".join(
        ["SELECT", *lines, f"  {wrong} AS x,", "  'canary' AS y, t.id", "FROM t", "JOIN t u ON u.id = t.id"]
    )
    with pytest.raises(SourceMismatch) as error, opened(database_url, query=query):
        pass
    # SQLite names what stands after a misspelt word.
    assert named in error.value.message or (named == "FORM" and "syntax error" in error.value.message)
    assert "canary" not in error.value.message


def test_a_query_with_two_columns_of_one_name_is_refused(server_url: str) -> None:
    """A49: SQLite gives the second one another name by itself."""
    with pytest.raises((SourceMismatch, SourceFailed)), opened(server_url, query="SELECT 1 AS id, 2 AS id"):
        pass


def test_a_column_that_changes_its_type_during_the_run_stops_it(server_url: str) -> None:
    """A39: never guess."""
    make_table(server_url)
    with opened(server_url, cursor_field="n", columns=(), page_size=4) as source:
        pages = source.pages(Window())
        next(pages)
        change = {"postgresql": "ALTER TABLE t ALTER n TYPE text", "mysql": "ALTER TABLE t MODIFY n varchar(9)"}
        run_sql(server_url, change[dialect_of(server_url)])
        with pytest.raises(SourceMismatch, match="the columns of t changed during the run"):
            list(pages)


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "spooled"])
def test_a_column_that_goes_away_during_the_run_stops_it(database_url: str, *, indexed: bool) -> None:
    """A39."""
    make_table(database_url, indexed=indexed)
    run_sql(database_url, "ALTER TABLE t ADD COLUMN name INTEGER")
    with opened(database_url, cursor_field="n", columns=("name",), page_size=4) as source:
        pages = source.pages(Window())
        next(pages)
        run_sql(database_url, "ALTER TABLE t DROP COLUMN name")
        with pytest.raises(SourceMismatch, match="the columns of t changed during the run"):
            list(pages)


def test_a_column_added_during_the_run_does_not_matter(database_url: str) -> None:
    """A40."""
    expected = make_table(database_url)
    with opened(database_url, cursor_field="n", page_size=4) as source:
        pages = source.pages(Window())
        read = keys_of([next(pages)])
        run_sql(database_url, "ALTER TABLE t ADD COLUMN name INTEGER")
        assert read + keys_of(pages) == expected

"""Values that the driver cannot decode: each costs its field, or its row where the field decides what the event is."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.source.drivers import require_driver
from tests.source.tables import run_sql

BEYOND = {
    "timestamptz": ("infinity", "-infinity", "0044-03-15 10:00 BC", "12024-01-01 10:00+00"),
    "timestamp": ("infinity", "-infinity", "0044-03-15 10:00 BC", "12024-01-01 10:00"),
    "date": ("infinity", "-infinity", "0044-03-15 BC", "12024-01-01"),
    "time": ("24:00",),
}
INVALID_UTF8 = "CAST(X'73656372657480ff' AS TEXT)"
FIELDS = "userid: {column: id, type: text}, firstname: first_name, custom_until: until"
# The ways of reading: pages of an index, a spool of positions, a spool of rows.
INDEXED = "table: t, primary_key: id, cursor_field: id, page_size: 3, timezone: UTC"
POSITIONS = "table: t, primary_key: id, cursor_field: n, page_size: 3, timezone: UTC"
ROWS = 'query: "SELECT * FROM t", primary_key: id, cursor_field: n, page_size: 3, timezone: UTC'


def put(url: str, column: str, values: list[str]) -> None:
    shown = (f"({n}, {n // 4}, 'Jan', {value})" for n, value in enumerate(values))
    run_sql(
        url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, first_name TEXT, until {column})",
        f"INSERT INTO t VALUES {', '.join(shown)}",
    )


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql+psycopg2", "postgresql+pg8000"])
@pytest.mark.parametrize("column", BEYOND)
def test_a_value_beyond_pythons_calendar_costs_its_field_alone(
    postgresql_url: str, make_job: Any, scheme: str, column: str
) -> None:
    """Infinity stands for "no end" in many tables: each of their persons would be lost."""
    require_driver(scheme)
    url = sa.make_url(postgresql_url).set(drivername=scheme).render_as_string(hide_password=False)
    put(url, column, [f"'{value}'" for value in BEYOND[column]] + ["NULL"])
    job = make_job(url, source=INDEXED, fields=FIELDS)
    summary = job.run("beginning").as_dict()
    assert (summary["sent"], summary["invalid"]) == (len(BEYOND[column]) + 1, 0)
    assert sum(summary["omitted"]["custom_until"].values()) == len(BEYOND[column])
    assert [event.keys() - {"event", "timestamp"} for event in job.events()] == [{"userid", "firstname"}] * (
        len(BEYOND[column]) + 1
    )


def test_a_list_with_such_an_entry_costs_its_field_alone(postgresql_url: str, make_job: Any) -> None:
    put(postgresql_url, "timestamptz[]", ["'{2024-01-01 10:00+00,infinity}'", "'{2024-01-01 10:00+00}'"])
    job = make_job(postgresql_url, source=INDEXED, fields=FIELDS)
    summary = job.run("beginning").as_dict()
    assert (summary["sent"], summary["omitted"]) == (2, {"custom_until": {"undecodable_value": 1}})


@pytest.mark.parametrize("source", [INDEXED, POSITIONS, ROWS])
@pytest.mark.parametrize(
    ("server", "column", "good", "bad"),
    [("postgresql", "timestamptz", "'2024-01-01 10:00Z'", "'infinity'"), ("sqlite", "TEXT", "'x'", INVALID_UTF8)],
)
@pytest.mark.parametrize("places", [{0}, {2, 3}, {11}, set(range(12))])
def test_it_costs_its_field_alone_in_every_way_of_reading(
    server: str, column: str, good: str, bad: str, *, source: str, places: set[int], make_job: Any, request: Any
) -> None:
    """Pages, spools, rows by their key, forecasts: the same event, and the same words about it."""
    url = request.getfixturevalue(f"{server}_url")
    put(url, column, [bad if n in places else good for n in range(12)])
    job = make_job(url, source=source, fields=FIELDS)
    forecast, summary = job.forecast("beginning").as_dict(), job.run("beginning").as_dict()
    assert (summary["sent"], summary["invalid"]) == (12, 0)
    assert summary["omitted"] == forecast["omitted"] == {"custom_until": {"undecodable_value": len(places)}}
    events = {int(event["userid"]): event for event in job.events()}
    assert {n for n, event in events.items() if "custom_until" not in event} == places
    assert job.run().books.sent == 0


@pytest.mark.parametrize("source", [INDEXED, POSITIONS, ROWS])
def test_what_the_server_cannot_compute_costs_its_field_alone(postgresql_url: str, make_job: Any, source: str) -> None:
    """A view that casts a text to a number fails for the one row that holds none."""
    put(postgresql_url, "text", ["'1'", "'2'", "'unknown'", "'4'", "'n/a'", "NULL"])
    run_sql(
        postgresql_url,
        "ALTER TABLE t RENAME TO raw",
        "CREATE VIEW t AS SELECT id, n, first_name, until::int AS until FROM raw",
    )
    job = make_job(postgresql_url, source=source, fields=FIELDS)
    summary = job.run("beginning").as_dict()
    assert (summary["sent"], summary["invalid"]) == (6, 0)
    assert summary["omitted"] == {"custom_until": {"undecodable_value": 2}}
    assert [event.get("custom_until") for event in job.events()] == [1, 2, None, 4, None, None]


@pytest.mark.parametrize("source", [INDEXED, POSITIONS, ROWS])
@pytest.mark.parametrize("places", [{0}, {2, 3}, {11}, set(range(12))])
def test_a_row_for_which_where_fails_is_a_letter(
    postgresql_url: str, make_job: Any, source: str, places: set[int]
) -> None:
    """As the page of `unreadable_row` promises: it stopped every night, told as a key that cannot be decoded."""
    put(postgresql_url, "integer", ["0" if n in places else str(1 + n % 2) for n in range(12)])
    job = make_job(postgresql_url, source=f"{source}, where: 10 / until > 5", fields=FIELDS)
    sent = {n for n in range(12) if n not in places and n % 2 == 0}
    assert job.forecast("beginning").as_dict()["invalid"] == len(places)
    summary = job.run("beginning").as_dict()
    assert (summary["sent"], summary["invalid"]) == (len(sent), len(places))
    assert {int(event["userid"]) for event in job.events()} == sent
    assert job.dead_letters() == dict.fromkeys(sorted(places), "unreadable_row")
    with job.state() as state:
        words = {letter.words for letter in state.open_dead_letters()}
    assert all(one.startswith("source.where fails for the row: ") and "division by zero" in one for one in words)
    assert job.run().books.sent == 0
    run_sql(postgresql_url, "UPDATE t SET until = 1 WHERE until = 0")
    assert job.retry().books.sent == len(places)


def test_where_the_field_decides_what_the_event_is_it_costs_the_row(postgresql_url: str, make_job: Any) -> None:
    """An event without its time would be stamped with its arrival."""
    put(postgresql_url, "timestamptz", ["'infinity'", "'2024-01-01 10:00Z'"])
    job = make_job(postgresql_url, source=INDEXED, fields="userid: {column: id, type: text}, timestamp: until")
    assert job.run("beginning").books.reasons == {"undecodable_value": 1}
    assert job.dead_letters() == {0: "undecodable_value"}
    run_sql(postgresql_url, "UPDATE t SET until = '2024-01-02'")
    assert job.retry().books.sent == 1


def test_a_column_in_a_row_of_preference_is_not_passed_over_because_it_is_wrong(
    postgresql_url: str, make_job: Any
) -> None:
    """A wrong value is not a missing one: the next column may mean something else."""
    put(postgresql_url, "timestamptz", ["'infinity'", "NULL"])
    run_sql(postgresql_url, "ALTER TABLE t ADD other timestamptz DEFAULT '2024-01-01'")
    fields = "userid: {column: id, type: text}, custom_a: {column: [until, other]}, custom_b: {template: 'to {until}'}"
    job = make_job(postgresql_url, source=INDEXED, fields=fields)
    summary = job.run("beginning").as_dict()
    assert summary["omitted"] == {"custom_a": {"undecodable_value": 1}, "custom_b": {"undecodable_value": 1}}
    assert ["custom_a" in event for event in job.events()] == [False, True]


def test_texts_of_a_database_without_an_encoding_cost_their_field_alone(postgresql_url: str, make_job: Any) -> None:
    """SQL_ASCII takes any bytes, and its server sends them as they are."""
    url = sa.make_url(postgresql_url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"{url.database}_ascii"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    try:
        bytes_of = url.set(database=name, query={"client_encoding": "utf8"}).render_as_string(hide_password=False)
        put(bytes_of, "text", ["'x'", r"E'secret\xff'", "'x'"])
        job = make_job(bytes_of, source=INDEXED, fields=FIELDS)
        summary = job.run("beginning").as_dict()
        assert (summary["sent"], summary["omitted"]) == (3, {"custom_until": {"undecodable_value": 1}})
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()

"""What a run takes of memory, whatever size rows have: the largest resident set of the real command, as a process.

Each trial ends with the peak of a process that a small one started: a child's peak begins as its parent's size.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.dead_letter import DeadLetter
from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.benchmarks import sink

MIB = 1024 * 1024
BOUND = 250 * MIB
KIB_256 = 256 * 1024
LAUNCHER = """
import json, resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"code": ended.returncode, "out": ended.stdout, "err": ended.stderr[-4000:], "peak": peak}))
"""

NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {})"
ORDER = "'p' || n || '@example.com', '2024-01-01 00:00:00'"
ORDERS = """\
version: 1
name: orders
source: {url: "${PEOPLE_URL}", table: orders, primary_key: id, cursor_field: updated_at, timezone: UTC}
event: Purchase
fields:
  email: email
  orderid: id
  totalvalue: {value: 10}
  currency: {value: EUR}
products:
  table: lines
  match: {order_id: id}
  order_by: line_no
  fields: {id: sku, name: title, quantity: {value: 1}, language: {value: nl-NL}}
destination:
  url: ${API_URL}
  account: ${ACCOUNT}
  api_key: ${API_KEY}
  rate_limit: {requests_per_second: 10000, events_per_second: 1000000}
"""


@pytest.fixture
def api_url() -> Iterator[str]:
    """A server that counts and forgets: what it holds must not fill the machine."""
    with sink.running() as running:
        running.begin()
        yield running.url


def measured(desk: Any, *arguments: str, code: int = 0) -> tuple[dict[str, Any], int]:
    """The last summary of the command, and its peak in bytes."""
    ended = subprocess.run(
        [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "etl", *arguments, "-o", "json"],
        env=desk.environment(),
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout)
    assert found["code"] == code, found["err"]
    print(f"peak {found['peak'] / MIB:.0f} MiB")
    return json.loads(found["out"].splitlines()[-1]), found["peak"]


def first_run(desk: Any, *, code: int = 0) -> tuple[dict[str, Any], int]:
    return measured(desk, "run", str(desk.mapping), "--start-from", "beginning", code=code)


def make_wide(desk: Any, *, narrow: int, wide: int, size: int) -> None:
    """`narrow` rows of a short text, then `wide` ones of `size` characters, in an indexed table."""
    desk.write_mapping(source="", top="", destination="")
    text = desk.mapping.read_text().replace("firstname: name", "custom_notes: name").replace("page_size: 500\n", "")
    desk.mapping.write_text(text.replace("  custom_points: points\n", "").replace("table: people", "table: wide"))
    engine = desk.engine()
    kind = "LONGTEXT" if engine.dialect.name == "mysql" else "TEXT"
    at = "DATETIME" if engine.dialect.name == "mysql" else "TIMESTAMP"
    filled = {"postgresql": "repeat('x', :size)", "mysql": "repeat('x', :size)"}
    notes = filled.get(engine.dialect.name, "printf('%.*c', :size, 'x')")
    insert = sa.text(f"INSERT INTO wide VALUES (:id, {notes}, :email, '2024-01-01 00:00:00')")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                f"CREATE TABLE wide (id INTEGER PRIMARY KEY, name {kind}, email VARCHAR(80), updated_at {at} NOT NULL)"
            )
        )
        connection.execute(sa.text("CREATE INDEX wide_at ON wide (updated_at, id)"))
        for first, count, length in ((0, narrow, 20), (narrow, wide, size)):
            rows = [{"id": first + n, "size": length, "email": f"p{first + n}@example.com"} for n in range(count)]
            if rows:
                connection.execute(insert, rows)


@pytest.mark.parametrize("indexed", ["by an index", "by key"])
def test_wide_rows_that_many_workers_prepare(indexed: str, make_desk: Any) -> None:
    """The process that sends, and each of the others: what is under way together is bounded, not the pages."""
    desk = make_desk()
    make_wide(desk, narrow=20_000, wide=600, size=KIB_256)
    if indexed == "by key":
        with desk.engine().begin() as connection:
            connection.execute(sa.text("DROP INDEX wide_at"))
    summary, peak = measured(desk, "run", str(desk.mapping), "--start-from", "beginning", "--workers", "6")
    assert summary["sent"] == 20_600
    assert peak < BOUND


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_wide_rows_after_narrow_ones(database: str, make_desk: Any, request: pytest.FixtureRequest) -> None:
    """Pages and what waits are sized by narrow rows when the wide ones come. It took 2.1 GiB.

    With 1,000 wide ones: three times what may wait and be under way, so that more of them do not change the peak.
    """
    desk = make_desk(None if database == "sqlite" else request.getfixturevalue(f"{database}_url"))
    make_wide(desk, narrow=20_000, wide=1_000, size=KIB_256)
    summary, peak = first_run(desk)
    assert summary["sent"] == 21_000
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_neighbours_that_no_event_can_hold(desk: Any) -> None:
    """Each is in memory once, and no copy of its text is made. It took 270 MiB for rows of 54 MB."""
    make_wide(desk, narrow=0, wide=3, size=54_000_000)
    summary, peak = first_run(desk, code=3)
    assert summary["reasons"] == {"event_too_large": 3}
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_rows_of_two_mebibytes(desk: Any) -> None:
    """The first page asks for few rows. It took 2.1 GiB for 600 of them; 200 are several times what may be held."""
    make_wide(desk, narrow=0, wide=200, size=2 * MIB)
    text = desk.mapping.read_text().replace("destination:", "destination:\n  max_batch_bytes: 4MiB")
    desk.mapping.write_text(text)
    summary, peak = first_run(desk)
    assert summary["sent"] == 200
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def make_orders(desk: Any, *, orders: int, lines: int, title: int) -> None:
    """Orders 1 to `orders`, each of `lines` lines with a title of so many characters."""
    desk.mapping.write_text(ORDERS)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("CREATE TABLE orders (id INTEGER PRIMARY KEY, email TEXT, updated_at TIMESTAMP)"))
        connection.execute(sa.text("CREATE INDEX orders_at ON orders (updated_at, id)"))
        connection.execute(sa.text("CREATE TABLE lines (order_id INTEGER, line_no INTEGER, sku TEXT, title TEXT)"))
        connection.execute(sa.text(f"{NUMBERS.format(orders)} INSERT INTO orders SELECT n, {ORDER} FROM numbers"))
        connection.execute(
            sa.text(
                f"{NUMBERS.format(orders * lines)} INSERT INTO lines "
                f"SELECT 1 + (n - 1) / {lines}, n % {lines}, 'sku-' || n, printf('%.*c', {title}, 'x') FROM numbers"
            )
        )
        connection.execute(sa.text("CREATE INDEX lines_of ON lines (order_id)"))


def bury(desk: Any, keys: range) -> None:
    """An open dead letter for each of `keys`."""
    desk.state.parent.mkdir(mode=0o700, exist_ok=True)
    at = datetime(2024, 1, 1, tzinfo=UTC)
    name = "orders" if "orders" in desk.mapping.read_text() else "people"
    with open_state(str(desk.state), clock=SystemClock(), write=True) as store:
        for first in range(keys.start, keys.stop, 60_000):
            store.mapping(name).bury(
                DeadLetter((key,), "refused", "words " * 50, 1, at, at, b"", "run")
                for key in range(first, min(first + 60_000, keys.stop))
            )


def test_orders_of_two_hundred_lines(desk: Any) -> None:
    """The lines of a page of orders are many times its rows. It took 1.0 GiB for 5,000; these are 400,000 lines."""
    make_orders(desk, orders=2000, lines=200, title=60)
    summary, peak = first_run(desk)
    assert summary["sent"] == 2000
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_an_order_of_more_lines_than_an_event_holds(desk: Any) -> None:
    """One row is the least that a page may hold. It took 610 MiB for 800,000 lines; half of them take 350."""
    make_orders(desk, orders=3, lines=2, title=20)
    more = f"{NUMBERS.format(400_000)} INSERT INTO lines SELECT 2, n, 'sku-' || n, 'A title of some words' FROM numbers"
    with desk.engine().begin() as connection:
        connection.execute(sa.text(more))
    summary, peak = first_run(desk, code=3)
    assert (summary["sent"], summary["reasons"]) == (2, {"event_too_large": 1})
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"
    with open_state(str(desk.state), clock=SystemClock(), write=False) as store:
        (letter,) = store.mapping("orders").open_dead_letters()
    assert (letter.key, letter.reason) == ((2,), "event_too_large")
    assert letter.words.startswith("an event cannot hold its rows of lines: they are ")
    assert "more lines belong to the row than an event can hold" in desk.call("explain", str(desk.mapping), "2").out


@pytest.mark.parametrize("command", ["run", "retry"])
def test_orders_whose_lines_are_as_large_as_a_request_may_be(desk: Any, command: str) -> None:
    """The first page, and the first page of a retry, ask for lines before it is known how many there are.

    500 orders of 2,000 lines: 400 KiB of JSON each, 200 MiB at once if all were read with their rows.
    """
    make_orders(desk, orders=500, lines=2000, title=100)
    if command == "run":
        summary, peak = first_run(desk)
    else:
        bury(desk, range(1, 501))
        summary, peak = measured(desk, "retry", str(desk.mapping))
    assert summary["sent"] == 500
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_retry_of_wide_rows_after_narrow_ones(desk: Any) -> None:
    """A retry asks for as many rows as the narrow ones allowed when the wide ones come."""
    make_wide(desk, narrow=2000, wide=500, size=KIB_256)
    bury(desk, range(2500))
    summary, peak = measured(desk, "retry", str(desk.mapping))
    assert summary["sent"] == 2500
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_preview_of_many_keys_of_wide_rows(desk: Any) -> None:
    """A person may name as many keys as the command line holds."""
    make_wide(desk, narrow=0, wide=1000, size=KIB_256)
    keys = [word for key in range(1000) for word in ("--key", str(key))]
    row, peak = measured(desk, "preview", str(desk.mapping), "--mask", *keys)
    assert row["key"] == {"id": 999}
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_retry_of_hundreds_of_thousands_of_letters(desk: Any) -> None:
    """Keys and cursors alone are in memory, never the letters. It took 480 MiB for 360,000, a KiB each."""
    count = 200_000
    with desk.engine().begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, updated_at TIMESTAMP, name TEXT, points INT)"
            )
        )
        filled = f"INSERT INTO people SELECT n, {ORDER}, 'Name', 1 FROM numbers"
        connection.execute(sa.text(f"{NUMBERS.format(count)} {filled}"))
    bury(desk, range(1, count + 1))
    summary, peak = measured(desk, "retry", str(desk.mapping))
    assert summary["sent"] == count
    assert peak <= BOUND, f"{peak / MIB:.0f} MiB"


def test_the_printed_unit_has_room_for_every_trial(desk: Any) -> None:
    """A pod that is killed for its memory in the middle of the night is killed each night."""
    unit = desk.call("deploy", "kubernetes", str(desk.mapping)).out
    found = re.findall(r"(requests|limits):\s+(?:cpu: \S+\s+)?memory: (\d+)Mi", unit)
    sizes = {name: int(size) * MIB for name, size in found}
    assert sizes["requests"] >= BOUND
    # The kernel counts files beside the process that were just read and written.
    assert sizes["limits"] >= 2 * BOUND

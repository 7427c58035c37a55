"""The upper bound alone against late commits, without a lookback that would catch what slips past it.

The whole product with its defaults is put to the same trial in tests/e2e.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta

import sqlalchemy as sa

from etl.host.system_clock import SystemClock
from etl.page import Position
from tests.source.tables import dialect_of, keys_of, opened, run_sql

SEEDS = 3
WRITERS = 8
TRANSACTIONS = 8
ROWS_A_TRANSACTION = 4
LONGEST_SECONDS = 0.2
NOW = {"postgresql": "clock_timestamp()", "mysql": "UTC_TIMESTAMP(6)"}
COLUMN = {"postgresql": "timestamptz", "mysql": "DATETIME(6)"}


def write(url: str, table: str, number: int, seed: int) -> None:
    chance = random.Random(seed * 1000 + number)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        for transaction in range(TRANSACTIONS):
            first = (number * TRANSACTIONS + transaction) * ROWS_A_TRANSACTION
            values = ", ".join(f"({first + n}, {NOW[dialect_of(url)]})" for n in range(ROWS_A_TRANSACTION))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES {values}")
            time.sleep(chance.uniform(0, LONGEST_SECONDS))
            connection.commit()


def live(url: str, seed: int, read: dict[tuple[str, int], list[int]]) -> None:
    """One seed: its own table, its writers, and reading after reading beside them."""
    table = f"t{seed}"
    run_sql(
        url,
        f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, at {COLUMN[dialect_of(url)]} NOT NULL)",
        f"CREATE INDEX by_{table} ON {table} (at)",
    )
    writers = [threading.Thread(target=write, args=(url, table, number, seed)) for number in range(WRITERS)]
    settle = timedelta(milliseconds=300)
    keys: list[int] = []
    checkpoint: Position | None = None
    with opened(
        url, SystemClock(), table=table, cursor_field="at", settle=settle, lookback=timedelta(0), page_size=64
    ) as source:
        for writer in writers:
            writer.start()
        unsettled = True
        while unsettled:
            writing = any(writer.is_alive() for writer in writers)
            bound = source.upper_bound()
            for window in source.windows(checkpoint, bound):
                for page in source.pages(window):
                    keys += [key for (key,) in keys_of([page])]
                    checkpoint = page.position(-1)
            unsettled = writing or bound.held > 0
            time.sleep(0.02)
    read[dialect_of(url), seed] = keys


def test_no_row_appears_below_a_bound_that_was_read(postgresql_url: str, mariadb_url: str) -> None:
    """A5, A6: what `resend: always` has to live with, since its lookback is 0."""
    read: dict[tuple[str, int], list[int]] = {}
    everything = list(range(WRITERS * TRANSACTIONS * ROWS_A_TRANSACTION))
    for url in (postgresql_url, mariadb_url):
        seeds = [threading.Thread(target=live, args=(url, seed, read)) for seed in range(SEEDS)]
        for thread in seeds:
            thread.start()
        for thread in seeds:
            thread.join()
    assert len(read) == 2 * SEEDS
    assert {which: sorted(keys) for which, keys in read.items()} == dict.fromkeys(read, everything)

"""Late commits with the mapping's defaults: rows whose time is older than rows that were read before they appeared.

Eight writers and more take a row's time when their transaction begins and commit it up to 200 ms later. The real
command, run over and over with `settle` and `lookback` as they are by default, sends every row once; the naive query,
run beside it on the same tables, does not.
"""

from __future__ import annotations

import json
import random
import threading
import time
from typing import Any

import sqlalchemy as sa

SEEDS = 20
SEEDS_AT_ONCE = 2
WRITERS = 8
TRANSACTIONS = 8
ROWS_A_TRANSACTION = 8
ROWS = SEEDS * WRITERS * TRANSACTIONS * ROWS_A_TRANSACTION
LONGEST_SECONDS = 0.2
NOW = {"postgresql": "clock_timestamp()", "mysql": "UTC_TIMESTAMP(6)"}
COLUMN = {"postgresql": "timestamptz", "mysql": "DATETIME(6)"}
MAPPING = """\
version: 1
source: {{url: "{url}", table: t, primary_key: id, cursor_field: at, timezone: UTC}}
event: PersonUpdated
fields:
  userid: {{template: "{name} {{id}}"}}
destination:
  url: ${{API_URL}}
  account: ${{ACCOUNT}}
  api_key: ${{API_KEY}}
  rate_limit: {{requests_per_second: 10000, events_per_second: 1000000}}
"""


class NaiveReader(threading.Thread):
    """`WHERE (at, id) > last ORDER BY at, id` and no bound, as most scripts have it, all the time."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._over = threading.Event()
        self.seen: set[int] = set()

    def run(self) -> None:
        first = sa.text("SELECT at, id FROM t ORDER BY at, id")
        later = sa.text("SELECT at, id FROM t WHERE (at, id) > (:at, :id) ORDER BY at, id")
        last: Any = None
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._over.is_set():
                rows = connection.execute(first if last is None else later, last or {}).all()
                if rows:
                    self.seen.update(row.id for row in rows)
                    last = {"at": rows[-1].at, "id": rows[-1].id}
                time.sleep(0.005)

    def end(self) -> int:
        """Stop; returns how many of all rows were never seen."""
        self._over.set()
        self.join()
        return ROWS - len(self.seen)


def write(engine: sa.Engine, seed: int, number: int) -> None:
    chance = random.Random(seed * 1000 + number)
    with engine.connect() as connection:
        for transaction in range(TRANSACTIONS):
            first = ((seed * WRITERS + number) * TRANSACTIONS + transaction) * ROWS_A_TRANSACTION
            values = ", ".join(f"({first + n}, {NOW[engine.dialect.name]})" for n in range(ROWS_A_TRANSACTION))
            connection.exec_driver_sql(f"INSERT INTO t VALUES {values}")
            time.sleep(chance.uniform(0, LONGEST_SECONDS))
            connection.commit()


def write_all(engine: sa.Engine) -> None:
    for first in range(0, SEEDS, SEEDS_AT_ONCE):
        writers = [
            threading.Thread(target=write, args=(engine, seed, number))
            for seed in range(first, first + SEEDS_AT_ONCE)
            for number in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()


def test_with_the_defaults_no_late_commit_is_missed_and_none_is_sent_twice(
    desk: Any, postgresql_url: str, mariadb_url: str
) -> None:
    """A5, A6: over 20 seeds on both servers, while the naive query misses a fifth and more on each."""
    desk.mapping.unlink()
    naive = []
    writing = []
    for url in (postgresql_url, mariadb_url):
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        name = engine.dialect.name
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {COLUMN[name]} NOT NULL)")
            connection.exec_driver_sql("CREATE INDEX by_at ON t (at, id)")
        (desk.folder / f"{name}.yaml").write_text(MAPPING.format(url=url, name=name))
        naive.append(NaiveReader(engine))
        writing.append(threading.Thread(target=write_all, args=(engine,)))
    for thread in (*naive, *writing):
        thread.start()

    def run(*options: str) -> list[dict[str, Any]]:
        ended = desk.call("run", str(desk.folder), "-o", "json", *options)
        assert ended.code == 0, ended.err
        return [json.loads(line) for line in ended.out.splitlines()]

    summaries = run("--start-from", "beginning")
    while any(thread.is_alive() for thread in writing):
        summaries = run()
    missed_by_naive = [reader.end() for reader in naive]
    assert all(one["held"] > 0 for one in summaries), "the youngest rows are younger than a minute"
    while any(one["held"] for one in summaries):
        time.sleep(2)
        summaries = run()
    for one in run():
        assert (one["sent"], one["unchanged"], one["held"]) == (0, ROWS, 0), "lookback reads the last hour again"
    stats = desk.stats()
    assert ROWS >= 10_000
    assert (stats["accepted"], stats["distinct_identities"], stats["duplicates"]) == (2 * ROWS, 2 * ROWS, 0)
    assert min(missed_by_naive) >= ROWS / 5, missed_by_naive

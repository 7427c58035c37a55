"""The shop's own pool, in transaction mode: every command works beside the shop's writes, and none of those fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import sqlalchemy as sa

from tests.servers.pgbouncer import pgbouncer


class Shop:
    """A program that updates and inserts without a pause, and counts; `failure` is its first error."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.writes = 0
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with self._engine.connect() as connection:
                while not self._stop.wait(0.002):
                    self.writes += 1
                    number = self.writes % 200 + 1
                    connection.execute(sa.text(f"UPDATE people SET points = points + 1 WHERE id = {number}"))
                    if self.writes % 10 == 0:
                        connection.execute(sa.text("INSERT INTO visits DEFAULT VALUES"))
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            self.failure = error


def test_every_command_works_beside_the_shops_writes_on_one_session(
    make_desk: Callable[..., Any], postgresql_url: str
) -> None:
    """One session of the server serves both, so that whatever is left on it hits the shop at once."""
    desk = make_desk(postgresql_url)
    desk.fill(200)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("CREATE TABLE visits (id serial PRIMARY KEY, at timestamptz DEFAULT now())"))
    with pgbouncer(postgresql_url) as pooled, Shop(pooled) as shop:
        desk.database_url = pooled
        commands = (
            ("validate", str(desk.mapping), "--connect"),
            ("preview", str(desk.mapping), "--limit", "3"),
            ("run", str(desk.mapping), "--start-from", "beginning"),
            ("run", str(desk.mapping), "--dry-run"),
            ("status", str(desk.mapping)),
        )
        for command in commands:
            before = shop.writes
            ended = desk.call(*command)
            assert (command, ended.code, ended.err if ended.code else "") == (command, 0, "")
            assert shop.failure is None, (command, shop.failure)
            assert shop.writes > before
    assert shop.failure is None
    assert desk.stats()["accepted"] == 200


def test_a_state_behind_that_pool_is_refused_before_anything_is_sent(
    make_desk: Callable[..., Any], postgresql_url: str
) -> None:
    desk = make_desk()
    desk.fill(5)
    with pgbouncer(postgresql_url) as pooled:
        desk.variables["SQUEEZELY_ETL_STATE"] = pooled
        ended = desk.run("--start-from", "beginning")
    assert ended.code == 8
    assert "lies behind a pooler in transaction mode" in ended.err
    assert desk.stats()["accepted"] == 0

"""Nights of a shop whose rows change, whose API fails and whose workers die: nothing is lost, nothing is overtaken."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from random import Random

import pytest

from etl.commands.workers import assignment_of
from etl.job.run import RunContext
from etl.job.spread import Workers
from etl.job.start import RunLimits
from tests.job.in_process import InProcess
from tests.job.working import ScriptedExecutor, encode_for
from tests.servers.scripted_faults import answering
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer
from tests.source.tables import run_sql

SECTIONS = {
    "source": "table: t, primary_key: id, cursor_field: at, settle: 0, lookback: 3, page_size: 5",
    "fields": "userid: {column: id, type: text}, custom_version: version",
    "destination": "concurrency: 3, batch_size: 2, retry: {max_attempts: 1, max_backoff: 1s, give_up_after: 1s}",
}


class Shop:
    """Rows by their number, each with the version that it has now, and what the API does about them."""

    def __init__(self, folder: Path, chance: Random, *, indexed: bool) -> None:
        self.chance = chance
        self.versions: dict[int, int] = {}
        self._moment = 0
        self.url = f"sqlite:///{folder}/t.sqlite"
        run_sql(
            self.url,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, version INTEGER, at INTEGER NOT NULL)",
            *["CREATE INDEX t_at ON t (at)"][: int(indexed)],
        )

    def live(self) -> None:
        """New rows, and new versions of old ones."""
        changed = self.chance.sample(sorted(self.versions), min(len(self.versions), self.chance.randrange(8)))
        new = range(len(self.versions) + 1, len(self.versions) + 1 + self.chance.choice([1, 15, 60]))
        for number in (*changed, *new):
            self._moment += self.chance.randrange(2)
            self.versions[number] = self.versions.get(number, 0) + 1
            run_sql(self.url, f"INSERT OR REPLACE INTO t VALUES ({number}, {self.versions[number]}, {self._moment})")

    def trouble(self, _: Recorded) -> Behaviour | None:
        """What the API does instead of answering."""
        return self.chance.choice([answering(503), answering(500), Exchange.close, *[None] * 12])


@pytest.mark.parametrize("seed", range(4))
def test_every_row_arrives_in_its_last_version_and_none_is_overtaken(seed: int, tmp_path: Path) -> None:
    chance = Random(f"nights {seed}")
    shop = Shop(tmp_path, chance, indexed=seed % 3 > 0)
    deaths = tasks = 0

    def opened() -> ScriptedExecutor:
        nonlocal deaths
        doomed = chance.choice([1, 2, 5, 100])
        deaths += 1

        def counted(_: int) -> None:
            nonlocal tasks
            tasks += 1

        return ScriptedExecutor(early=lambda _: chance.random() < 0.7, dies=doomed.__eq__, before=counted)

    def workers(context: RunContext) -> Workers:
        return Workers(opened, partial(encode_for, assignment_of(context, today=date(2026, 1, 1))), count=2)

    with ScriptedServer(shop.trouble) as server:
        job = InProcess(tmp_path, server, shop.url, **SECTIONS)
        codes = []
        for night in range(6):
            shop.live()
            job.workers = workers
            limits = RunLimits(rows=chance.choice([None, None, 10]))
            codes.append(job.run(None if night else "beginning", limits=limits).exit_code)
        server.script = ()
        job.workers = None
        assert job.run().exit_code == 0
        arrived: dict[int, int] = {}
        for event in server.accepted:
            number = int(event["userid"])
            assert event["custom_version"] >= arrived.get(number, 0), "overtaken"
            arrived[number] = event["custom_version"]
    assert arrived == shop.versions
    assert set(codes) <= {0, 3, 6}
    assert tasks > 10
    assert deaths > 1

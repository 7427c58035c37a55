"""`--workers tcp://…`: what arrives, and what the state holds afterwards, is byte for byte that of one process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from etl.commands.workers import SAME, workers_of_cluster
from etl.host.dask_cluster import DaskCluster
from etl.host.system_clock import SystemClock
from etl.job.run import RunContext
from etl.job.spread import Workers
from etl.state.store import open_state
from tests.job.in_process import InProcess
from tests.job.test_spread import Shop, Unordered, same_as_alone, told
from tests.servers.dask import Cluster
from tests.servers.scripted_server import ScriptedServer
from tests.source.tables import insert, run_sql


@pytest.fixture(scope="module")
def joined(cluster: Cluster) -> Iterator[DaskCluster]:
    """One connection for all tables."""
    ours = DaskCluster(cluster.address, same=SAME, clock=SystemClock())
    yield ours
    ours.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_cluster_changes_nothing_of_what_is_sent_and_recorded(seed: int, tmp_path: Path, joined: DaskCluster) -> None:
    def made(context: RunContext) -> Workers:
        return workers_of_cluster(context, joined, today=context.clock.utc_now().date())

    ranges = 0
    open_state(str(tmp_path / "made" / "state.sqlite"), clock=SystemClock(), write=True).close()
    with ScriptedServer() as server:
        for number in range(8):
            folder = tmp_path / str(number)
            folder.mkdir()
            chance = Random(f"dask {seed} {number}")
            ranges += same_as_alone(folder, made, chance=chance, server=server, begin=Unordered if seed == 3 else Shop)
            shutil.rmtree(folder)
    assert ranges > 10


@pytest.mark.parametrize("indexed", ["by an index", "by key"])
@pytest.mark.parametrize("sort", ["postgresql", "mariadb"])
def test_so_it_is_on_a_server(
    sort: str, indexed: str, tmp_path: Path, joined: DaskCluster, request: pytest.FixtureRequest
) -> None:
    """Bodies, ledger, checkpoint and dead letters of a first run, and of one after changes."""
    url = request.getfixturevalue(f"{sort}_url")
    run_sql(
        url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, email VARCHAR(80))",
        *(["CREATE INDEX t_at ON t (at, id)"] if indexed == "by an index" else []),
    )
    people = [{"id": n, "at": n // 3, "email": f"P{n}@example.com" if n % 9 else "none"} for n in range(70)]
    insert(url, "t", people)
    open_state(str(tmp_path / "made" / "state.sqlite"), clock=SystemClock(), write=True).close()
    found = []
    used: list[Workers] = []

    def made(context: RunContext) -> Workers:
        used.append(workers_of_cluster(context, joined, today=context.clock.utc_now().date()))
        return used[-1]

    with ScriptedServer() as server:
        jobs = [InProcess(tmp_path / name, server, url, **ON_A_SERVER) for name in ("dask", "alone")]
        for job in jobs:
            shutil.copytree(tmp_path / "made", job._folder / "etl")
        jobs[0].workers = made
        for start in ("beginning", None):
            for job in jobs:
                del server.requests[:]
                counted = job.run(start).books
                found.append((counted.sent, [one.body for one in server.requests], told(job._folder)))
            run_sql(url, "UPDATE t SET at = 50, email = CONCAT('new', id, '@example.com') WHERE id % 2 = 0")
    assert (found[0], found[2]) == (found[1], found[3])
    assert [found[0][0], found[2][0]] == [62, 35]
    assert all(one._executor is not None for one in used), "nothing was handed out"


ON_A_SERVER = {
    "source": "table: t, primary_key: id, cursor_field: at, settle: 0, lookback: 0, page_size: 5",
    "fields": "email: email",
    "destination": "concurrency: 1, batch_size: 10",
}

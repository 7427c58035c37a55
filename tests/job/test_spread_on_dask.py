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
from tests.job.test_spread import same_as_alone
from tests.servers.dask import Cluster
from tests.servers.scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def joined(cluster: Cluster) -> Iterator[DaskCluster]:
    """One connection for all tables."""
    ours = DaskCluster(cluster.address, same=SAME, clock=SystemClock())
    yield ours
    ours.close()


@pytest.mark.parametrize("seed", range(3))
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
            ranges += same_as_alone(folder, made, chance=chance, server=server)
            shutil.rmtree(folder)
    assert ranges > 10

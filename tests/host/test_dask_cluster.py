"""What a Dask cluster does to tasks, as the standard library and our errors tell it."""

from __future__ import annotations

import operator
import os
import socket
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from etl.errors import StoppedEarly, UsageProblem
from etl.host.dask_cluster import DaskCluster
from tests.servers.dask import dask_cluster
from tests.servers.ports import LOOPBACK
from tests.source.clocks import FakeClock


class Ahead(FakeClock):
    """Ahead of the real time by `seconds`."""

    seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds


def _look_after(clock: Ahead, ours: DaskCluster, *, seconds: int) -> None:
    for _ in range(0, seconds, 9):
        clock.seconds += 9
        ours.look()


def test_what_is_lost_is_told_and_a_cluster_without_workers_is_not_waited_for(tmp_path: Path) -> None:
    """F3: an error of Dask may quote what the task was asked."""
    with dask_cluster(tmp_path, workers=1, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as cluster:
        clock = Ahead()
        ours = DaskCluster(cluster.address, same=("distributed",), clock=clock)
        try:
            executor = ours.open()
            assert executor.submit(operator.add, 20, 3).result(timeout=30) == 23
            with pytest.raises(StoppedEarly) as failed:
                executor.submit(int, "a value of a row").result(timeout=30)
            assert failed.value.message == f"the cluster at {cluster.address} could not do a task (ValueError)"
            with pytest.raises(BrokenExecutor):
                executor.submit(os._exit, 1).result(timeout=30)
            cluster.wait_for(1)
            worker = cluster.computing(cluster.workers[0])
            cluster.workers[0].kill()
            worker.kill()
            cluster.wait_for(0)
            executor.submit(operator.add, 20, 3)
            with pytest.raises(StoppedEarly) as silent:
                _look_after(clock, ours, seconds=70)
            assert clock.seconds > 60
            assert silent.value.message == f"the scheduler at {cluster.address} had no worker for 60 s"
        finally:
            ours.close()


class Hurrying(FakeClock):
    """Five seconds further at each look."""

    def monotonic(self) -> float:
        self.seconds = getattr(self, "seconds", 0.0) + 5
        return super().monotonic() + self.seconds


def test_a_port_that_takes_a_connection_and_never_answers_is_no_scheduler() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        address = f"tcp://{LOOPBACK}:{server.getsockname()[1]}"
        with pytest.raises(StoppedEarly) as silent:
            DaskCluster(address, same=(), clock=Hurrying())
    assert silent.value.message == f"no Dask scheduler answered at {address}"


def test_a_cluster_whose_certificates_are_not_configured_is_told_which_variables_name_them() -> None:
    with pytest.raises(UsageProblem) as refused:
        DaskCluster(f"tls://{LOOPBACK}:9", same=(), clock=FakeClock())
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in str(refused.value.hint)

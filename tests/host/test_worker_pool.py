"""A pool of processes tells a worker's death from what the operating system refuses."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor

import pytest

from etl.host import worker_pool
from etl.host.worker_pool import WorkerPool


def begin(_argument: object) -> None:
    pass


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, begin, lambda: None)
    yield pool
    pool.close()


def refuse_to_start(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def start(_process: object) -> None:
        raise error

    monkeypatch.setattr(worker_pool._Process, "start", start)


def test_a_pool_whose_pipes_are_closed_while_it_starts_is_broken(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the first process is killed before the second is there: the library has closed its pipes then."""
    executor = pool.open()
    refuse_to_start(monkeypatch, OSError("handle is closed"))
    with pytest.raises(BrokenExecutor):
        executor.submit(len, "")


def test_a_process_that_the_system_refuses_is_no_dead_worker(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = pool.open()
    refuse_to_start(monkeypatch, BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"))
    with pytest.raises(BlockingIOError):
        executor.submit(len, "")

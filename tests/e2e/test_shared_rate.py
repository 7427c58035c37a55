"""One account's rate is one for every process that shares it, as the server sees it (C32)."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import pytest
import sqlalchemy as sa

from etl.delivery.throttle import BURST_SECONDS
from etl.host.shared_budget import default_folder
from tests.processes.forked_cli import Child, ForkedCli
from tests.servers.scripted_server import ScriptedServer

CREDENTIALS = ("shop-1", "key-of-the-shop")
RATE = 10
BATCH_SIZE = 5
LIMITS = {
    "requests": {"requests_per_second": RATE, "events_per_second": 1_000_000},
    "events": {"requests_per_second": 10_000, "events_per_second": RATE * BATCH_SIZE},
}


def prepare(desk: Any, server: ScriptedServer, name: str, limits: Mapping[str, int]) -> None:
    """A mapping of this name beside the desk's."""
    desk.api_url = server.url
    desk.write_mapping(destination=f"  batch_size: {BATCH_SIZE}\n  concurrency: 3")
    text = desk.mapping.read_text().replace("name: people", f"name: {name}")
    for key, value in limits.items():
        text = text.replace(f"{key}: {10_000 if key.startswith('requests') else 1_000_000}", f"{key}: {value}")
    (desk.folder / f"{name}.yaml").write_text(text)


def start(desk: Any, cli: ForkedCli, command: str, name: str, *options: str, **how: Any) -> Child:
    mapping = str(desk.folder / f"{name}.yaml")
    return cli.start(command, mapping, *options, environment=desk.environment(), folder=desk.folder, **how)


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_no_second_holds_more_than_the_rate_and_one_burst_of_four_processes(
    desk: Any, forked_cli: ForkedCli, limits: Mapping[str, int]
) -> None:
    desk.fill(16 * BATCH_SIZE)
    with ScriptedServer(credentials=CREDENTIALS) as server, (desk.folder / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        names = [f"people{number}" for number in range(4)]
        for name in names:
            prepare(desk, server, name, limits)
        options = ("--start-from", "beginning")
        where = desk.folder / "gate"
        processes = [start(desk, forked_cli, "run", name, *options, gate=where) for name in names]
        fcntl.flock(gate, fcntl.LOCK_UN)
        assert [process.wait().code for process in processes] == [0] * 4
    times = [request.at for request in server.requests]
    assert len(times) == 4 * 16
    most = max(sum(time <= other < time + 1.0 for other in times) for time in times)
    assert most <= RATE * (1 + BURST_SECONDS) + 1


def test_the_nightly_run_goes_first_beside_a_backfill(desk: Any, forked_cli: ForkedCli) -> None:
    """Once both are at work, the backfill waits until the run is over; then it gets the rate again, and ends."""
    history, night = 40 * BATCH_SIZE, 30 * BATCH_SIZE
    desk.fill(history, minutes=60 * 24 * 30)
    desk.fill(night, first=history + 1, minutes=60)
    with ScriptedServer(credentials=CREDENTIALS) as server:
        prepare(desk, server, "people", LIMITS["requests"])
        with desk.engine().connect() as connection:
            (cut,) = connection.exec_driver_sql(f"SELECT min(updated_at) FROM people WHERE id > {history}").one()
        backfill = start(desk, forked_cli, "backfill", "people", "--from", "2000-01-01", "--to", cut)
        while not server.requests:
            time.sleep(0.01)
        run = start(desk, forked_cli, "run", "people", "--start-from", cut)
        assert (run.wait().code, backfill.wait().code) == (0, 0)
    first = [int(request.events[0]["firstname"].split()[1]) for request in server.requests]
    nightly = [request.at for request, number in zip(server.requests, first, strict=True) if number > history]
    beside = [request.at for request, number in zip(server.requests, first, strict=True) if number <= history]
    assert (len(nightly), len(beside)) == (30, 40)
    assert sum(nightly[0] + 1 < time < nightly[-1] for time in beside) <= 1
    assert max(beside) > nightly[-1], "there was nothing to wait for"


def test_four_processes_that_share_nothing_but_the_state_keep_one_rate(
    desk: Any, forked_cli: ForkedCli, postgresql_url: str, tmp_path: Any
) -> None:
    """As on four hosts: each has folders of its own. The receiver sees no second above the rate and one burst."""
    rate, batch = 12, 5
    desk.fill(16 * batch)
    with ScriptedServer(credentials=CREDENTIALS) as server:
        desk.api_url = server.url
        account = blake2b(f"{desk.api_url}\0shop-1".encode(), digest_size=16).hexdigest()
        # An earlier test may have had the same port.
        (default_folder() / f"{account}.rate").unlink(missing_ok=True)
        desk.write_mapping(destination=f"  batch_size: {batch}\n  concurrency: 3")
        text = desk.mapping.read_text().replace("requests_per_second: 10000", f"requests_per_second: {rate}")
        processes = []
        for number in range(4):
            host = tmp_path / f"host{number}"
            host.mkdir(mode=0o700)
            mapping = host / f"people{number}.yaml"
            mapping.write_text(text.replace("name: people", f"name: people{number}"))
            environment = {
                **desk.environment(),
                "TMPDIR": str(host),
                "SQUEEZELY_ETL_STATE": postgresql_url,
            }
            words = ("run", str(mapping), "--start-from", "beginning")
            processes.append(forked_cli.start(*words, environment=environment, folder=host))
        ended = [process.wait() for process in processes]
        assert [one.code for one in ended] == [0] * 4, ended[0].err
    times = [request.at for request in server.requests]
    assert len(times) == 4 * 16
    most = max(sum(moment <= other < moment + 1.0 for other in times) for moment in times)
    assert most <= rate * (1 + BURST_SECONDS) + 1
    # These processes are on one host in truth, where a file of its memory would have kept the rate too.
    with sa.create_engine(postgresql_url).connect() as connection:
        assert connection.exec_driver_sql("SELECT account FROM etl_rate").scalars().all() == [account]
    assert not (default_folder() / f"{account}.rate").exists()

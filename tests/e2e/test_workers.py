"""`--workers N` as a process of its own, with real processes that die, stop and are told to end."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from tests.e2e.test_jobs import gone, wait_until
from tests.e2e.with_workers import (
    CREDENTIALS,
    EVERYBODY,
    ROWS,
    Run,
    arrived,
    children_under,
    slowly,
    with_index,
    without_index,
    workers_under,
)
from tests.servers.scripted_server import ScriptedServer


@pytest.mark.parametrize("indexed", ["with an index", ""])
def test_what_arrives_is_the_same_also_where_workers_die_or_are_stopped(indexed: str, slow_desk: Any) -> None:
    """One is killed while it starts, one is stopped for a while, one is killed when much was read."""
    if not indexed:
        without_index(slow_desk)
    with ScriptedServer(credentials=CREDENTIALS) as server:
        slow_desk.api_url = server.url
        slow_desk.variables["SQUEEZELY_ETL_STATE"] = str(slow_desk.folder / "alone.sqlite")
        alone = slow_desk.run("--start-from", "beginning").summary
        expected = list(server.accepted)
    slow_desk.variables.clear()
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = Run(slow_desk, server, "--start-from", "beginning")
        wait_until(lambda: workers_under(run.process.pid))
        os.kill(workers_under(run.process.pid)[0], signal.SIGKILL)
        stopped = run.until(100)[0]
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(stopped, signal.SIGCONT)
        os.kill(run.until(3000)[-1], signal.SIGKILL)
        summary = run.ended(0)
        assert run.err.count("a worker process died, others take over") == 2
        assert server.accepted == expected
    for kept in ("cursor", "key"):
        assert summary["checkpoint"][kept] == alone["checkpoint"][kept]
    assert [summary[kept] for kept in ("read", "sent", "requests")] == [ROWS, ROWS, 60]


def test_workers_that_die_again_and_again_end_the_run_and_the_next_one_goes_on(slow_desk: Any) -> None:
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = Run(slow_desk, server, "--start-from", "beginning")
        killed: set[int] = set()
        while run.process.poll() is None:
            for worker in set(workers_under(run.process.pid)) - killed:
                killed.add(worker)
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.01)
        run.ended(6)
        assert "worker processes died 4 times" in run.err
        assert slow_desk.run().code == 0
        assert arrived(server) == EVERYBODY


@pytest.mark.parametrize("indexed", ["with an index", ""])
def test_no_worker_goes_on_when_the_run_is_killed(indexed: str, slow_desk: Any) -> None:
    """E3, E7: no file is left of the places of rows either."""
    if not indexed:
        without_index(slow_desk)
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = Run(slow_desk, server, "--start-from", "beginning")
        run.until(200)
        children = children_under(run.process.pid)
        run.process.kill()
        run.process.communicate()
        wait_until(lambda: all(map(gone, children)))
        left = {path.name for path in slow_desk.state.parent.iterdir()}
        assert slow_desk.run().code == 0
        sent = arrived(server)
        assert set(sent) == set(EVERYBODY)
        # One request was under way.
        assert sum(sent.values()) <= ROWS + 100
    assert left <= {slow_desk.state.name + end for end in ("", "-wal", "-shm", ".lock.d")}


def test_ctrl_c_ends_workers_too_also_one_that_is_stopped(slow_desk: Any) -> None:
    """A terminal sends it to all of them."""
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = Run(slow_desk, server, "--start-from", "beginning")
        workers = run.until(200)
        os.kill(workers[0], signal.SIGSTOP)
        begun = time.monotonic()
        for pid in (*workers, run.process.pid):
            os.kill(pid, signal.SIGINT)
        assert run.ended(130)["outcome"] == "stopped"
        assert time.monotonic() - begun < 5
        assert run.err.splitlines()[-1] == "error: people: stopped by a signal; the checkpoint is saved"
        assert slow_desk.run().code == 0
        assert arrived(server) == EVERYBODY


def test_a_mapping_that_changes_meanwhile_is_refused(slow_desk: Any) -> None:
    """Half of the events would be of another mapping."""
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = Run(slow_desk, server, "--start-from", "beginning")
        worker = run.until(100)[0]
        slow_desk.mapping.write_text(slow_desk.mapping.read_text().replace("firstname: name", "lastname: name"))
        os.kill(worker, signal.SIGKILL)
        run.ended(2)
        assert "people: a worker found the mapping otherwise than the run began with" in run.err
        assert all("lastname" not in event for event in server.accepted)


def test_a_run_with_workers_is_seen_at_work_and_afterwards_as_any_other(slow_desk: Any) -> None:
    def standing() -> dict[str, Any]:
        return json.loads(slow_desk.call("status", str(slow_desk.mapping), "-o", "json").out.splitlines()[0])

    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = Run(slow_desk, server, "--start-from", "beginning")
        run.until(100)
        seen = standing()
        assert seen["holders"]["run"] is not None
        assert seen["runs"][0]["command"] == "run"
        run.ended(0)
        seen = standing()
        assert (seen["holders"]["run"], seen["runs"][0]["outcome"]) == (None, "done")


@pytest.mark.parametrize("sort", ["postgresql", "mariadb"])
def test_all_that_workers_do_is_the_same_on_a_server(sort: str, make_desk: Any, request: pytest.FixtureRequest) -> None:
    """A run, nothing new, a backfill in windows that sends all again, and its dry run."""
    desk = make_desk(request.getfixturevalue(f"{sort}_url"))
    desk.fill(3000, minutes=100)
    with_index(desk)
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = 'nobody' WHERE MOD(id, 500) = 3")
    desk.write_mapping(destination="  batch_size: 100\n  concurrency: 1")
    desk.mapping.write_text(desk.mapping.read_text().replace("page_size: 500", "page_size: 200"))
    found: list[Any] = []
    for options in ((), ("--workers", "2")):
        desk.variables["SQUEEZELY_ETL_STATE"] = str(desk.folder / f"state{len(found)}" / "state.sqlite")
        with ScriptedServer(credentials=CREDENTIALS) as server:
            desk.api_url = server.url
            told = []
            for command in (
                ("run", "--start-from", "beginning"),
                ("run",),
                ("backfill", "--resend", "--from", "2020-01-01", "--to", "2090-01-01", "--window", "1y"),
                ("backfill", "--dry-run"),
            ):
                ended = desk.call(*command, str(desk.mapping), *options, "-o", "json")
                summary = json.loads(ended.out.splitlines()[0])
                told.append([ended.code, *(summary[name] for name in ("read", "sent", "unchanged", "invalid"))])
            found.append((told, server.accepted))
    assert found[0] == found[1]
    assert [counts[:3] for counts in found[0][0][:3]] == [[3, 3000, 2994], [3, 3000, 0], [3, 3000, 2994]]


def test_few_rows_and_rows_of_a_view_need_no_other_process(desk: Any) -> None:
    desk.fill(1700)
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("CREATE VIEW all_people AS SELECT * FROM people")
    table = desk.mapping.read_text()
    desk.mapping.write_text(table.replace("table: people", "table: all_people"))
    code, sent, processes, err = _with_processes_counted(desk, "--start-from", "beginning")
    assert (code, sent, processes) == (0, 1700, 0)
    assert "one process reads and prepares all rows" in err
    desk.mapping.write_text(table)
    desk.state.unlink()
    assert desk.run("--start-from", "beginning").code == 0
    with_index(desk)
    desk.mapping.write_text(desk.mapping.read_text().replace("settle: 0s", "settle: 0s\n  lookback: 0s"))
    desk.fill(400, first=1701, minutes=30)
    assert _with_processes_counted(desk) == (0, 400, 0, "")


def _with_processes_counted(desk: Any, *options: str) -> tuple[int, int, int, str]:
    process = desk.start("run", str(desk.mapping), "--workers", "2", "-o", "json", *options)
    seen: set[int] = set()
    while process.poll() is None:
        seen.update(workers_under(process.pid))
        time.sleep(0.01)
    out, err = process.communicate()
    return process.returncode, json.loads(out)["sent"], len(seen), err


@pytest.mark.parametrize("workers", ["0", "65", "two", "tcp://", "tcp://host", "http://host:1", "tcp://eva:pw@host:1"])
def test_workers_that_are_none_are_a_mistake(desk: Any, workers: str) -> None:
    ended = desk.call("run", str(desk.mapping), "--workers", workers)
    assert (ended.code, "Traceback" in ended.err, "pw" in ended.err) == (2, False, False)
    assert "a number from 1 to 64, or the scheduler of a Dask cluster, such as tcp://10.0.0.5:8786" in ended.err

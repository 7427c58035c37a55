"""`--workers tcp://…` with a scheduler and workers of real Dask that die, stop, differ and are asked what they know."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.test_jobs import wait_until
from tests.e2e.with_workers import CREDENTIALS, EVERYBODY, ROWS, Run, arrived, slowly, with_index
from tests.servers.dask import Cluster, dask_cluster
from tests.servers.ports import LOOPBACK
from tests.servers.scripted_server import ScriptedServer


def source_on_disk(desk: Any) -> Any:
    """Workers have variables of their own; the database's address lies where each of them looks."""
    place = desk.folder / "source-url"
    place.write_text(desk.database_url)
    text = desk.mapping.read_text().replace("${PEOPLE_URL}", f"${{file:{place}}}")
    desk.mapping.write_text(text.replace("${API_URL}", "${API_URL:-https://api.squeezely.tech}"))
    return desk


@pytest.fixture
def far_desk(slow_desk: Any) -> Any:
    return source_on_disk(slow_desk)


@pytest.fixture
def slow_api() -> Iterator[ScriptedServer]:
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        yield server


def start(desk: Any, server: ScriptedServer, cluster: Cluster, *options: str) -> Run:
    return Run(desk, server, "--start-from", "beginning", *options, workers=cluster.address)


def nothing_left(cluster: Cluster) -> bool:
    counts = cluster.counts()
    # One client is Dask's own.
    return (counts["tasks"], counts["clients"]) == (0, 1)


def test_what_arrives_is_the_same_also_where_a_worker_is_stopped_and_one_is_killed(
    far_desk: Any, slow_api: ScriptedServer, cluster: Cluster
) -> None:
    with ScriptedServer(credentials=CREDENTIALS) as server:
        far_desk.api_url = server.url
        far_desk.variables["SQUEEZELY_ETL_STATE"] = str(far_desk.folder / "alone.sqlite")
        alone = far_desk.run("--start-from", "beginning").summary
        expected = list(server.accepted)
    far_desk.variables.clear()
    run = start(far_desk, slow_api, cluster)
    run.until_sent(200)
    killed, stopped = map(cluster.computing, cluster.workers)
    stopped.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    stopped.send_signal(signal.SIGCONT)
    killed.send_signal(signal.SIGKILL)
    summary = run.ended(0)
    assert slow_api.accepted == expected
    for kept in ("cursor", "key"):
        assert summary["checkpoint"][kept] == alone["checkpoint"][kept]
    assert [summary[kept] for kept in ("read", "sent", "requests")] == [ROWS, ROWS, 60]
    assert nothing_left(cluster)
    cluster.wait_for(2)


def test_no_task_is_left_when_the_run_is_killed(far_desk: Any, slow_api: ScriptedServer, cluster: Cluster) -> None:
    run = start(far_desk, slow_api, cluster)
    run.until_sent(200)
    run.process.kill()
    run.process.communicate()
    wait_until(lambda: nothing_left(cluster))
    assert far_desk.run("--workers", cluster.address).code == 0
    sent = arrived(slow_api)
    assert set(sent) == set(EVERYBODY)
    # One request was under way.
    assert sum(sent.values()) <= ROWS + 100


@pytest.mark.parametrize("stopped", ["", "workers", "scheduler"])
def test_ctrl_c_ends_it_within_five_seconds_whatever_is_stopped(
    stopped: str, far_desk: Any, slow_api: ScriptedServer, cluster: Cluster
) -> None:
    run = start(far_desk, slow_api, cluster)
    run.until_sent(200)
    held = {
        "": [],
        "workers": [cluster.computing(one).pid for one in cluster.workers],
        "scheduler": [cluster.scheduler.pid],
    }[stopped]
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        assert run.ended(130)["outcome"] == "stopped"
        assert time.monotonic() - begun < 5
        assert run.err.splitlines()[-1] == "error: people: stopped by a signal; the checkpoint is saved"
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: nothing_left(cluster))
    assert far_desk.run("--workers", cluster.address).code == 0
    assert arrived(slow_api) == EVERYBODY


def test_a_scheduler_that_dies_ends_the_run_and_the_next_one_goes_on(
    far_desk: Any, slow_api: ScriptedServer, tmp_path: Path, cluster: Cluster
) -> None:
    with dask_cluster(tmp_path / "dask", workers=1) as own:
        run = start(far_desk, slow_api, own)
        run.until_sent(200)
        begun = time.monotonic()
        own.scheduler.kill()
        run.ended(6)
        assert time.monotonic() - begun < 10
        assert run.err.splitlines()[-2:] == [
            f"error: people: the connection to the scheduler at {own.address} was lost",
            "hint: see that it runs (its log says why it ended); the next run goes on from here",
        ]
    assert far_desk.run("--workers", cluster.address).code == 0
    assert arrived(slow_api) == EVERYBODY


def test_what_a_stopped_worker_holds_is_done_by_another_once_its_time_is_over(
    far_desk: Any, slow_api: ScriptedServer, tmp_path: Path
) -> None:
    """Dask's worker-ttl, which is five minutes where nothing else is set."""
    with dask_cluster(tmp_path / "dask", DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="2s") as own:
        run = start(far_desk, slow_api, own)
        run.until_sent(200)
        stopped = own.computing(own.workers[0])
        stopped.send_signal(signal.SIGSTOP)
        run.ended(0)
        assert arrived(slow_api) == EVERYBODY


def refused(desk: Any, workers: str, *options: str) -> tuple[int, str]:
    ended = desk.run("--workers", workers, *(options or ("--start-from", "beginning")))
    return ended.code, ended.err


def test_a_cluster_that_is_not_there_or_has_no_worker_is_told_by_its_address(far_desk: Any, tmp_path: Path) -> None:
    far_desk.cli = None
    assert refused(far_desk, f"tcp://{LOOPBACK}:9") == (
        6,
        f"""error: people: no Dask scheduler answered at tcp://{LOOPBACK}:9
hint: see that it runs there; `squeezely-etl deploy dask` prints how to start one
""",
    )
    with dask_cluster(tmp_path / "dask", workers=0) as own:
        code, err = refused(far_desk, own.address)
        assert (code, err.splitlines()[0]) == (6, f"error: people: the scheduler at {own.address} has no worker")


def test_where_dask_is_not_installed_its_installation_is_told(far_desk: Any, tmp_path: Path) -> None:
    without = tmp_path / "without"
    without.mkdir()
    (without / "distributed.py").write_text("raise ModuleNotFoundError('distributed')\n")
    far_desk.cli = None
    far_desk.variables["PYTHONPATH"] = str(without)
    code, err = refused(far_desk, f"tcp://{LOOPBACK}:9")
    assert code == 2
    assert err.startswith(f"error: people: --workers tcp://{LOOPBACK}:9 needs Dask\nhint: install it here and on its")
    assert "install distributed" in err


def test_workers_with_other_versions_are_refused_by_name(far_desk: Any, tmp_path: Path) -> None:
    other = tmp_path / "other" / "orjson-1.2.3.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: orjson\nVersion: 1.2.3\n")
    with dask_cluster(tmp_path / "dask", workers=0) as own:
        own.add_worker(PYTHONPATH=f"{other.parent}:{Path(__file__).parents[2]}")
        own.wait_for(1)
        code, err = refused(far_desk, own.address)
    assert code == 2
    assert f"--workers {own.address}: orjson is 1.2.3 at worker tcp://" in err
    assert "other versions may make other events" in err


def test_a_worker_that_lacks_a_variable_or_has_another_mapping_is_refused(
    slow_desk: Any, slow_api: ScriptedServer, cluster: Cluster
) -> None:
    slow_desk.api_url = slow_api.url
    code, err = refused(slow_desk, cluster.address)
    assert (code, slow_api.accepted) == (2, [])
    assert "error: people: the Dask worker on " in err
    assert "PEOPLE_URL" in err
    assert "each worker needs the mapping at the same path, with the same files beside it, and its variables" in err
    source_on_disk(slow_desk)
    # The file is the same, but not what it means there.
    text = slow_desk.mapping.read_text().replace("firstname: name", "firstname: ${NAMED:-name}")
    slow_desk.mapping.write_text(text)
    slow_desk.variables["NAMED"] = "email"
    code, err = refused(slow_desk, cluster.address, "--limit", "5000")
    assert (code, slow_api.accepted) == (2, [])
    assert "people: a worker found the mapping and the database otherwise than the run began with" in err


@pytest.mark.parametrize("sort", ["postgresql", "mariadb"])
def test_no_secret_and_no_row_is_told_by_scheduler_and_workers(
    sort: str, make_desk: Any, request: pytest.FixtureRequest, cluster: Cluster
) -> None:
    """F2, F3: their logs, the pages and figures that they show, the keys of tasks."""
    url = request.getfixturevalue(f"{sort}_url")
    desk = make_desk(url)
    desk.fill(3000)
    with_index(desk)
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET name = 'CanaryName', email = 'not one' WHERE MOD(id, 50) = 7")
        connection.exec_driver_sql("UPDATE people SET name = 'CanaryName' WHERE MOD(id, 50) = 8")
    desk.write_mapping(destination="  batch_size: 100\n  concurrency: 1", top="max_failure_rate: 100%")
    desk.mapping.write_text(desk.mapping.read_text().replace("page_size: 500", "page_size: 50"))
    source_on_disk(desk)
    told: list[str] = []
    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        run = start(desk, server, cluster, "-v")
        run.until_sent(100)
        told += under_way(cluster)
        while run.process.poll() is None:
            told += pages_of(cluster)
            time.sleep(0.2)
        run.ended(3)
        sent = [event.get("firstname") for event in server.accepted]
        assert (len(sent), sent.count("CanaryName")) == (2940, 60)
    shown = "\n".join([*told, *pages_of(cluster), cluster.logs()])
    assert "squeezely_etl-" in shown, "no task was seen under way"
    password = quote(str(desk.engine().url.password or "no password"))
    canaries = ["CanaryName", "not one", "person8@example.com", "person4@example.com", CREDENTIALS[1], url, password]
    assert [one for one in canaries if one in shown] == []


def under_way(cluster: Cluster) -> list[str]:
    """The same pages as of a moment in which tasks are under way: while the workers are stopped, they do not end."""
    held = [cluster.computing(worker) for worker in cluster.workers]
    for process in held:
        process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: "squeezely_etl-" in "".join(pages_of(cluster, asking_workers=False)))
        return pages_of(cluster, asking_workers=False)
    finally:
        for process in held:
            process.send_signal(signal.SIGCONT)


def pages_of(cluster: Cluster, *, asking_workers: bool = True) -> list[str]:
    """What the scheduler shows: figures, state, and the pages of workers and tasks that they link."""
    texts = [cluster.page(f"/{page}") for page in ("json/identity.json", "json/counts.json", "metrics")]
    texts += [cluster.page(f"/info/main/{page}.html") for page in ("workers", "logs", "exceptions")]
    asked = ("call-stacks", "logs") if asking_workers else ()
    for worker in set(re.findall(r"tcp://[\d.:]+", "".join(texts))) - {cluster.address}:
        name = quote(worker, safe="")
        texts += [cluster.page(f"/info/{kind}/{name}.html") for kind in ("worker", *asked)]
    tasks = set(re.findall(r"squeezely_etl-[0-9a-f-]{36}", "".join(texts)))
    return texts + [
        cluster.page(f"/info/{kind}/{task}.html")
        for task in tasks
        for kind in ("task", *(("call-stack",) if asking_workers else ()))
    ]

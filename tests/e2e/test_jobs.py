"""`run --jobs N`: several mappings at a time, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from etl.commands.loading import Shard
from tests.servers.scripted_server import Exchange, ScriptedServer, like_squeezely

CREDENTIALS = ("shop-1", "key-of-the-shop")


def prepare(desk: Any, count: int, *, top: str = "") -> list[str]:
    """`count` mappings of the desk's table; their names."""
    desk.write_mapping(top=top, destination="  batch_size: 10")
    text = desk.mapping.read_text()
    desk.mapping.unlink()
    names = [f"people{number:02}" for number in range(count)]
    for name in names:
        named = text.replace("name: people\n", f"name: {name}\n").replace(
            "event: PersonUpdated", f"event: Updated{name}"
        )
        (desk.folder / f"{name}.yaml").write_text(named)
    return names


def slowly(exchange: Exchange) -> None:
    """So that a run is still under way when something happens to it: the first waits until a second has begun."""
    exchange.read_body()
    own, begun = {event["event"] for event in exchange.request.events}, set[str]()
    for _ in range(1000):
        begun = {event["event"] for event in exchange.server.accepted}
        if len(begun) > 1 or not own & begun:
            break
        time.sleep(0.02)
    time.sleep(0.05)
    like_squeezely(exchange)


def children_of(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in told.split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_twelve_mappings_of_three_accounts_run_four_at_a_time_and_one_is_broken(desk: Any) -> None:
    """Each arrives whole, each has one summary, and the worst code is the process'."""
    desk.fill(12)
    with ScriptedServer(credentials=None) as server:
        desk.api_url = server.url
        names = prepare(desk, 12)
        for at, name in enumerate(names):
            file = desk.folder / f"{name}.yaml"
            file.write_text(file.read_text().replace("${ACCOUNT}", f"shop-{at % 3}"))
        broken = desk.folder / f"{names[7]}.yaml"
        broken.write_text(broken.read_text().replace("table: people", "table: nowhere"))
        ended = desk.call("run", str(desk.folder), "--start-from", "beginning", "--jobs", "4", "-o", "json")
        summaries = {line["mapping"]: line for line in map(json.loads, ended.out.splitlines())}
        assert (ended.code, len(ended.out.splitlines()), sorted(summaries)) == (2, 12, names), ended.err
        codes = {name: line["exit_code"] for name, line in summaries.items()}
        assert codes == dict.fromkeys(names, 0) | {names[7]: 2}
        assert Counter(event["event"] for event in server.accepted) == {
            f"Updated{name}": 12 for name in names if name != names[7]
        }


@pytest.mark.parametrize("most", [1, 2])
def test_a_database_server_is_read_by_so_many_mappings_at_a_time(
    most: int, make_desk: Any, postgresql_url: str
) -> None:
    """It has so many connections, and others need some."""
    desk = make_desk(postgresql_url)
    desk.fill(30)
    requests, together, lock = Counter[str](), set[int](), threading.Lock()

    def under_way() -> int:
        return sum(count < 3 for count in requests.values())

    def count(exchange: Exchange) -> None:
        exchange.read_body()
        (name,) = {event["event"] for event in exchange.request.events}
        # It waits for as many others as may run; one too many would show meanwhile.
        end = time.monotonic() + 5
        with lock:
            requests[name] += 0
        while under_way() < most and len(requests) < 4 and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        together.add(under_way())
        with lock:
            requests[name] += 1
        like_squeezely(exchange)

    with ScriptedServer(credentials=CREDENTIALS, otherwise=count) as server:
        desk.api_url = server.url
        prepare(desk, 4)
        for file in desk.folder.glob("people*.yaml"):
            file.write_text(file.read_text().replace("batch_size: 10", "batch_size: 10\n  concurrency: 1"))
        options = ("--start-from", "beginning", "--jobs", "4", "--jobs-a-host", str(most))
        assert desk.call("run", str(desk.folder), *options).code == 0
        assert requests == {f"Updatedpeople{number:02}": 3 for number in range(4)}
    assert max(together) == most


def test_the_report_of_a_dry_run_has_every_mapping_in_its_order(desk: Any) -> None:
    desk.fill(12)
    names = prepare(desk, 3)
    broken = desk.folder / f"{names[0]}.yaml"
    broken.write_text(broken.read_text().replace("table: people", "table: nowhere"))
    (desk.folder / "none.yaml").write_text("version: 1\n")
    found = desk.folder / "found.json"
    options = ("--dry-run", "--start-from", "beginning", "--jobs", "3", "--report", str(found))
    ended = desk.call("run", str(desk.folder), *options)
    assert ended.code == 2, ended.err
    report = json.loads(found.read_text())
    told = [(one["mapping"], one["summary"]["exit_code"]) for one in report["mappings"]]
    assert told == [(names[0], 2), (names[1], 0), (names[2], 0)]
    assert [one["summary"]["forecast"]["events"] for one in report["mappings"][1:]] == [12, 12]
    assert "nowhere" in report["mappings"][0]["summary"]["error"]
    assert "none.yaml" in report["problems"][0]


def test_every_mapping_is_in_one_shard_and_stays_there() -> None:
    """By its name alone, so that a new mapping moves no other one to another machine."""
    names = [SimpleNamespace(name=f"people{number}") for number in range(200)]
    shards = [{one.name for one in Shard(index, 4).of(names)} for index in range(4)]
    assert sum(map(len, shards)) == len(set[str]().union(*shards)) == 200
    assert min(map(len, shards)) > 30
    assert [one.name for one in Shard(2, 4).of([*names, SimpleNamespace(name="x")]) if one.name != "x"] == [
        one.name for one in Shard(2, 4).of(names)
    ]


def test_a_shard_runs_its_mappings_only(desk: Any) -> None:
    desk.fill(3)
    names = prepare(desk, 5)
    ended = [
        desk.call(
            "run", str(desk.folder), "--dry-run", "--start-from", "beginning", "--shard", f"{one}/2", "-o", "json"
        )
        for one in (0, 1)
    ]
    found = [{json.loads(line)["mapping"] for line in one.out.splitlines()} for one in ended]
    assert [one.code for one in ended] == [0, 0]
    assert (found[0] | found[1], found[0] & found[1]) == (set(names), set())


@pytest.mark.parametrize("shard", ["2/2", "0/0", "1", "-1/2", "a/b"])
def test_a_shard_that_is_none_is_a_mistake(desk: Any, shard: str) -> None:
    ended = desk.call("run", str(desk.folder), f"--shard={shard}")
    assert (ended.code, "--shard" in ended.err, "Traceback" in ended.err) == (2, True, False)


def test_summaries_are_whole_and_stderr_names_the_mapping(desk: Any) -> None:
    desk.fill(5)
    prepare(desk, 3)
    ended = desk.call("run", str(desk.folder), "--jobs", "3")
    assert ended.code == 8
    assert sorted(re.findall(r"^error: (people0\d)\b", ended.err, re.MULTILINE)) == ["people00", "people01", "people02"]
    ended = desk.call("run", str(desk.folder), "--jobs", "3", "--start-from", "beginning")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("read") == 3
    assert ended.out.splitlines()[-1] == '3 of 3 mappings done; exit code 0: done; also "nothing to do"'


@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")], ids=["in turn", "side by side"])
def test_mappings_that_too_many_failures_stopped_are_not_done(desk: Any, jobs: tuple[str, ...]) -> None:
    """*2 of 2 mappings done; exit code 3: done* stood below two runs that were stopped."""
    desk.fill(300)
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = 'nobody'")
    prepare(desk, 2)
    ended = desk.call("run", str(desk.folder), "--start-from", "beginning", *jobs)
    assert ended.code == 3
    assert ended.out.splitlines()[-1] == "0 of 2 mappings done; exit code 3: max_failure_rate stopped 2"
    status = desk.call("status", str(desk.folder)).out
    assert "too many rows fail, which stops the runs: correct the mapping or the rows" in " ".join(status.split())
    assert "did not answer" not in status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_cleanly(desk: Any, number: int) -> None:
    """The mappings that wait are not begun; what was sent is settled, and the next run goes on."""
    desk.fill(400)

    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        desk.api_url = server.url
        names = prepare(desk, 3)
        process = desk.start("run", str(desk.folder), "--jobs", "2", "--start-from", "beginning", "-o", "json")
        wait_until(lambda: len({event["event"] for event in server.accepted}) == 2)
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - begun < 30
        assert process.returncode == 128 + number, err
        summaries = {line["mapping"]: line for line in map(json.loads, out.splitlines())}
        assert {name: line["exit_code"] for name, line in summaries.items()} == dict.fromkeys(names[:2], 128 + number)
        assert "Traceback" not in err
        assert desk.call("run", str(desk.folder), "--start-from", "beginning", "--jobs", "3", "--yes").code == 0
        sent = Counter((event["event"], event["email"]) for event in server.accepted)
    assert len(sent) == 3 * 400


def test_no_process_goes_on_when_the_one_that_started_it_is_killed(desk: Any) -> None:
    desk.fill(8000)

    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        desk.api_url = server.url
        prepare(desk, 2)
        process: subprocess.Popen[str] = desk.start("run", str(desk.folder), "--jobs", "2", "--start-from", "beginning")
        wait_until(lambda: len({event["event"] for event in server.accepted}) == 2)
        children = children_of(process.pid)
        assert len(children) >= 2
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: all(map(gone, children)))
        process.communicate()


def test_a_process_that_is_killed_costs_its_own_mapping_only(desk: Any) -> None:
    desk.fill(300)

    with ScriptedServer(credentials=CREDENTIALS, otherwise=slowly) as server:
        desk.api_url = server.url
        prepare(desk, 2)
        process = desk.start("run", str(desk.folder), "--jobs", "2", "--start-from", "beginning", "-o", "json")
        wait_until(lambda: len({event["event"] for event in server.accepted}) == 2)
        runs = [one for one in children_of(process.pid) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
        os.kill(runs[0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.search(
        r"^error: people0\d: its process was ended by signal 9; the checkpoint is saved$", err, re.MULTILINE
    ), err
    assert [json.loads(line)["exit_code"] for line in out.splitlines()] == [0]


def wait_until(true: Any, *, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)

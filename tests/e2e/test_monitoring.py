"""What machines hear of real runs: the metrics file and the cron monitor."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.scripted_server import Exchange, ScriptedServer, refusing_url

TOKEN = "token-4711"


def listening(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.answer(200, b"OK")


@pytest.fixture
def monitor() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: listening) as server:
        yield server


def value(path: Path, name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
        if sample.name == f"squeezely_etl_{name}" and labels.items() <= sample.labels.items()
    ]
    return found[0] if found else None


def told(monitor: ScriptedServer) -> list[tuple[str, str]]:
    """Target, and the first line of the body."""
    return [(one.target, (one.body or b"").decode().partition("\n")[0]) for one in monitor.requests]


def test_a_good_run_a_bad_one_and_a_stopped_one(desk: Any, monitor: ScriptedServer) -> None:
    """The figures and pings of three nights; the variables stand for the options."""
    metrics = desk.folder / "run.prom"
    desk.variables = {
        "SQUEEZELY_ETL_RUN_METRICS_FILE": str(metrics),
        "SQUEEZELY_ETL_RUN_PING_URL": f"{monitor.url}/{TOKEN}",
    }
    desk.fill(30)
    begun = time.time()
    assert desk.run("--start-from", "beginning").code == 0
    assert told(monitor) == [(f"/{TOKEN}/start", ""), (f"/{TOKEN}", "squeezely-etl ended with exit code 0")]
    first = value(metrics, "last_success_timestamp_seconds", mapping="people", command="run")
    assert first is not None
    assert begun - 1 <= first <= time.time() + 1
    assert value(metrics, "last_run_rows", outcome="sent") == 30
    checkpoint = value(metrics, "checkpoint_timestamp_seconds", mapping="people")
    assert checkpoint == pytest.approx(begun - 120 * 60 + 9, abs=30), "two hours ago, and ten seconds of rows"

    desk.fill(2, first=100, minutes=30)
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        database.execute("UPDATE people SET email = 'nobody' WHERE id = 100")
    assert desk.run().code == 3
    assert told(monitor)[-1] == (f"/{TOKEN}/fail", "squeezely-etl ended with exit code 3")
    assert value(metrics, "last_run_rows", outcome="invalid") == 1
    assert value(metrics, "open_dead_letters", mapping="people", reason="invalid_email") == 1
    second = value(metrics, "last_success_timestamp_seconds", mapping="people")
    assert second is not None
    assert second > first, "a run with dead letters did all there was to do"

    desk.fill(2, first=200, minutes=10)
    desk.write_mapping(destination="  retry: {give_up_after: 1s, max_backoff: 1s}")
    with refusing_url() as closed:
        desk.api_url, api_url = closed, desk.api_url
        assert desk.run().code == 6
    desk.api_url = api_url
    assert told(monitor)[-1] == (f"/{TOKEN}", "squeezely-etl ended with exit code 6"), "the next run goes on"
    assert value(metrics, "last_run_exit_code", mapping="people") == 6
    assert value(metrics, "last_success_timestamp_seconds", mapping="people") == pytest.approx(second, abs=5)
    assert value(metrics, "last_run_rows", outcome="unsent") == 2


def test_a_guard_that_stops_a_run_is_told_as_a_failure_with_its_words(desk: Any, monitor: ScriptedServer) -> None:
    desk.write_mapping(top="guards: {max_events: 20}")
    desk.fill(30)
    desk.variables = {"SQUEEZELY_ETL_RUN_PING_URL": f"{monitor.url}/{TOKEN}"}
    assert desk.run("--start-from", "beginning").code == 9
    assert told(monitor) == [(f"/{TOKEN}/fail", "squeezely-etl ended with exit code 9")], "nothing began"
    said = (monitor.requests[-1].body or b"").decode()
    assert "\n  max_events: it would send 30 events, more than 20\n" in said
    assert "@" not in said


def test_nothing_is_told_of_a_dry_run_or_of_a_mapping_that_is_busy(desk: Any, monitor: ScriptedServer) -> None:
    """The one that is busy tells its own end; a monitor that counts from the last start must not hear another."""
    desk.fill(3)
    options = ("--metrics-file", str(desk.folder / "run.prom"), "--ping-url", f"{monitor.url}/{TOKEN}")
    assert desk.run("--start-from", "beginning", "--dry-run", *options).code == 0
    desk.write_mapping(destination="  batch_size: 1\n  concurrency: 1")
    desk.mapping.write_text(desk.mapping.read_text().replace("requests_per_second: 10000", "requests_per_second: 1"))
    desk.fill(200, first=10)
    busy = desk.start("run", str(desk.mapping), "--start-from", "beginning")
    try:
        while desk.stats()["accepted"] == 0:
            assert busy.poll() is None, busy.communicate()
            time.sleep(0.05)
        assert desk.run(*options).code == 7
        assert desk.run(*options, "--if-locked", "skip").code == 0
    finally:
        busy.terminate()
        busy.communicate()
    assert monitor.requests == []
    assert not (desk.folder / "run.prom").exists()


def test_a_night_that_never_came_to_a_mapping_is_told(desk: Any, monitor: ScriptedServer) -> None:
    """A damaged state, and a mapping that cannot be read."""
    metrics = desk.folder / "run.prom"
    options = ("--metrics-file", str(metrics), "--ping-url", f"{monitor.url}/{TOKEN}")
    desk.state.parent.mkdir(mode=0o700)
    desk.state.write_bytes(b"garbage")
    desk.state.chmod(0o600)
    assert desk.run(*options).code == 8
    assert told(monitor) == [(f"/{TOKEN}/fail", "squeezely-etl ended with exit code 8")]
    assert value(metrics, "last_run_exit_code", mapping="people") == 8
    assert value(metrics, "last_success_timestamp_seconds", mapping="people") is None
    desk.mapping.write_text("version: 1\n")
    assert desk.run(*options).code == 2
    assert told(monitor)[-1] == (f"/{TOKEN}/fail", "squeezely-etl ended with exit code 2")


def test_a_monitor_that_cannot_be_told_changes_nothing_and_shows_no_address(desk: Any) -> None:
    """F2: also with every log there is."""
    desk.fill(3)
    with refusing_url() as closed:
        options = ("--ping-url", f"{closed}/{TOKEN}", "--metrics-file", str(desk.folder / "none" / "run.prom"))
        ended = desk.run("--start-from", "beginning", *options, "-v", "--log-level", "debug")
    assert ended.code == 0
    assert ended.summary["sent"] == 3
    warnings = [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        f"warning: the metrics file was not written: {desk.folder}/none/run.prom: No such file or directory",
        "warning: the ping URL was not told: no answer (ConnectError)",
    ]
    assert TOKEN not in ended.out + ended.err


def test_figures_are_pushed_where_no_file_is_collected(desk: Any, monitor: ScriptedServer) -> None:
    """Not of a dry run; of a run that failed too. A gateway that is away is a warning, and shows no password."""
    desk.variables = {"SQUEEZELY_ETL_RUN_PUSHGATEWAY": monitor.url.replace("://", f"://etl:{TOKEN}@")}
    desk.fill(3)
    assert desk.run("--start-from", "beginning", "--dry-run").code == 0
    assert monitor.requests == []
    assert desk.run("--start-from", "beginning", "--jobs", "2").code == 0
    group = "/metrics/job/squeezely-etl"
    assert [one.target for one in monitor.requests] == [
        f"{group}/command/run/mapping/people",
        f"{group}/mapping/people",
    ]
    assert b'squeezely_etl_last_run_rows{command="run",mapping="people",outcome="sent"} 3.0' in (
        monitor.requests[0].body or b""
    )
    desk.state.write_bytes(b"garbage")
    assert desk.run().code == 8
    assert b'squeezely_etl_last_run_exit_code{command="run",mapping="people"} 8.0' in (monitor.requests[2].body or b"")
    with refusing_url() as closed:
        desk.variables = {"SQUEEZELY_ETL_RUN_PUSHGATEWAY": closed.replace("://", f"://etl:{TOKEN}@")}
        ended = desk.run("-v", "--log-level", "debug")
    assert ended.code == 8
    assert "warning: the figures were not taken by the Pushgateway: no answer (ConnectError)" in ended.err
    assert TOKEN not in ended.out + ended.err


@pytest.mark.parametrize(
    ("option", "given", "words"),
    [
        ("--ping-url", f"http://monitor.example/{TOKEN}", "plain http shows the address to everybody on the way"),
        ("--pushgateway", f"http://etl:{TOKEN}@gateway:9091", "plain http shows the password to everybody on the way"),
        ("--metrics-file", "run.txt", "the collector reads files that end in .prom only"),
    ],
)
def test_a_wrong_option_ends_with_2_before_anything_runs(desk: Any, option: str, given: str, words: str) -> None:
    ended = desk.run(option, given)
    assert ended.code == 2
    assert words in ended.err
    assert TOKEN not in ended.err


def test_retry_and_backfill_tell_too(desk: Any, monitor: ScriptedServer) -> None:
    """All three commands may share a file: each has its own figures."""
    metrics = desk.folder / "run.prom"
    options = ("-o", "json", "--metrics-file", str(metrics), "--ping-url", f"{monitor.url}/{TOKEN}")
    desk.fill(5)
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        database.execute("UPDATE people SET email = 'nobody' WHERE id = 1")
    # Five rows would be a whole first page that fails in a fifth; the fuse looks at 100 rows or a whole failed page.
    assert desk.call("run", str(desk.mapping), "--start-from", "beginning", *options).code == 3
    settled = value(metrics, "checkpoint_timestamp_seconds", mapping="people")
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        database.execute("UPDATE people SET email = 'eva@example.com' WHERE id = 1")
    ended = desk.call("retry", str(desk.mapping), *options)
    assert (ended.code, json.loads(ended.out)["sent"]) == (0, 1)
    ended = desk.call("backfill", str(desk.mapping), "--from", "2020-01-01", "--to", "2021-01-01", *options)
    assert ended.code == 0
    assert [value(metrics, "last_run_read_rows", command=command) for command in ("run", "retry", "backfill")] == [
        5,
        1,
        0,
    ]
    assert value(metrics, "open_dead_letters", mapping="people") is None
    assert value(metrics, "checkpoint_timestamp_seconds", mapping="people") == settled
    assert [target for target, _ in told(monitor)] == [f"/{TOKEN}/start", f"/{TOKEN}/fail"] + [
        f"/{TOKEN}/start",
        f"/{TOKEN}",
    ] * 2

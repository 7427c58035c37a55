"""The file for the node exporter: whole, readable, and every mapping's own figures in it."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import socket
import stat
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from etl.books import Books
from etl.errors import EtlError, StateUnusable, StoppedEarly
from etl.monitoring.metrics import HELP, PREFIX
from etl.monitoring.textfile import MetricsNotWrittenError, write_metrics
from tests.monitoring.endings import NOW, an_ending

BOOKS = Books(
    read=100,
    sent=80,
    unchanged=10,
    invalid=6,
    rejected=3,
    unsent=1,
    held=7,
    unconfirmed=2,
    requests=9,
    retries=4,
    ambiguous=1,
    waited_seconds=1.25,
    omitted=Counter({("phone", "invalid_phone"): 4}),
)


def figures(text: str) -> dict[str, float]:
    return {
        f"{sample.name.removeprefix(PREFIX)}{{{','.join(map('='.join, sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_file_holds_every_figure_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    settled = datetime(2026, 1, 31, 2, 0, tzinfo=UTC)
    write_metrics(
        path,
        an_ending(
            books=BOOKS, last_done_at=NOW, dead_letters={"invalid_email": 5, "refused": 1}, checkpoint_at=settled
        ),
    )
    run = "{command=run,mapping=customers}"
    rows = {"sent": 80, "unchanged": 10, "invalid": 6, "rejected": 3, "suppressed": 0, "unsent": 1}
    assert figures(path.read_text()) == {
        f"last_run_timestamp_seconds{run}": NOW.timestamp(),
        f"last_success_timestamp_seconds{run}": NOW.timestamp(),
        f"last_run_exit_code{run}": 3,
        f"last_run_duration_seconds{run}": 12.5,
        f"last_run_read_rows{run}": 100,
        f"last_run_held_rows{run}": 7,
        f"last_run_unconfirmed_events{run}": 2,
        f"last_run_requests{run}": 9,
        f"last_run_retries{run}": 4,
        f"last_run_ambiguous_requests{run}": 1,
        f"last_run_guards_tripped{run}": 0,
        f"last_run_waited_seconds{run}": 1.25,
        **{f"last_run_rows{{command=run,mapping=customers,outcome={name}}}": rows[name] for name in rows},
        "last_run_omitted_fields{command=run,field=phone,mapping=customers,reason=invalid_phone}": 4,
        "open_dead_letters{mapping=customers,reason=invalid_email}": 5,
        "open_dead_letters{mapping=customers,reason=refused}": 1,
        "checkpoint_timestamp_seconds{mapping=customers}": settled.timestamp(),
    }
    names = {family.name for family in text_string_to_metric_families(path.read_text())}
    assert names == {PREFIX + name for name in HELP}


def test_every_name_follows_prometheus_practice() -> None:
    """A prefix, base units, and `_total` or `_count` for counters only: https://prometheus.io/docs/practices/naming/."""
    for name, text in HELP.items():
        assert name.replace("_", "").isalnum()
        assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_ms", "_minutes", "_percent"))
        assert text.endswith(".")
        if "duration" in name or "waited" in name or "timestamp" in name:
            assert name.endswith("_seconds")


def test_a_run_replaces_its_own_figures_only(tmp_path: Path) -> None:
    """Another mapping's, and the same mapping's of another command, stay."""
    path = tmp_path / "run.prom"
    write_metrics(path, an_ending("orders", last_done_at=NOW, dead_letters={"refused": 2}))
    write_metrics(path, an_ending("customers", last_done_at=NOW, dead_letters={"invalid_email": 5}))
    before = figures(path.read_text())
    write_metrics(path, an_ending("customers", "retry", books=Books(read=5, sent=5), dead_letters={}))
    after = figures(path.read_text())
    assert before["open_dead_letters{mapping=customers,reason=invalid_email}"] == 5
    assert "open_dead_letters{mapping=customers,reason=invalid_email}" not in after, "they were retried"
    assert {name: after[name] for name in before if "invalid_email" not in name} == {
        name: value for name, value in before.items() if "invalid_email" not in name
    }
    assert after["last_run_rows{command=retry,mapping=customers,outcome=sent}"] == 5


@pytest.mark.parametrize("error", [StateUnusable("gone"), StoppedEarly("later"), EtlError("a bug")])
def test_what_a_failed_run_does_not_know_stays_as_it_was(tmp_path: Path, error: EtlError) -> None:
    """The last success is what an alert looks at: a failure must not wipe it out."""
    path = tmp_path / "run.prom"
    write_metrics(path, an_ending(last_done_at=NOW, dead_letters={"refused": 2}, checkpoint_at=NOW))
    write_metrics(path, an_ending(error=error))
    after = figures(path.read_text())
    assert after["last_success_timestamp_seconds{command=run,mapping=customers}"] == NOW.timestamp()
    assert after["open_dead_letters{mapping=customers,reason=refused}"] == 2
    assert after["checkpoint_timestamp_seconds{mapping=customers}"] == NOW.timestamp()
    assert after["last_run_exit_code{command=run,mapping=customers}"] == error.exit_code


def test_others_may_read_the_file_whatever_the_umask_and_nothing_else_is_left(tmp_path: Path) -> None:
    """F18 the other way round: the exporter is another user, and the units set UMask=0077."""
    before = os.umask(0o077)
    try:
        write_metrics(tmp_path / "run.prom", an_ending())
        write_metrics(tmp_path / "run.prom", an_ending())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run.prom").stat().st_mode) == 0o644
    assert [child.name for child in tmp_path.iterdir()] == ["run.prom"]


def test_names_and_reasons_are_escaped(tmp_path: Path) -> None:
    """A reason may be a word of the API's."""
    odd = 'a "b" \\ c\nd é'
    write_metrics(tmp_path / "run.prom", an_ending(odd, dead_letters={odd: 1}))
    write_metrics(tmp_path / "run.prom", an_ending("customers"))
    (found,) = [
        sample
        for family in text_string_to_metric_families((tmp_path / "run.prom").read_text())
        for sample in family.samples
        if sample.name.endswith("open_dead_letters")
    ]
    assert found.labels == {"mapping": odd, "reason": odd}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"node_boot_time_seconds 1\n", "run.prom holds figures of something else; give a file of its own"),
        (b"not { figures", "run.prom is no file of figures; move it away, or give another"),
        (b"\xff\xfe\x00", "run.prom is no text file; give a file of its own"),
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "run.prom"
    path.write_bytes(content)
    with pytest.raises(MetricsNotWrittenError) as caught:
        write_metrics(path, an_ending())
    assert str(caught.value) == f"{tmp_path}/{words}"
    assert path.read_bytes() == content


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(MetricsNotWrittenError, match=r"none/run\.prom: No such file or directory$"):
        write_metrics(tmp_path / "none" / "run.prom", an_ending())


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    path.touch()
    write_metrics(path, an_ending())
    assert "last_run_exit_code{command=run,mapping=customers}" in figures(path.read_text())


def test_runs_that_end_together_lose_no_figures_and_a_reader_sees_whole_files(tmp_path: Path) -> None:
    """The lock belongs to an opened folder, so threads stand for the processes of several crontab lines."""
    path = tmp_path / "run.prom"
    write_metrics(path, an_ending("first"))
    names = [[f"{writer}-{number}" for number in range(3)] for writer in range(12)]
    ready = threading.Barrier(len(names))

    def run(own: list[str]) -> None:
        ready.wait()
        for name in own:
            write_metrics(path, an_ending(name))

    writers = [threading.Thread(target=run, args=(own,)) for own in names]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert "last_run_exit_code{command=run,mapping=first}" in figures(path.read_text())
    found = {name for name in figures(path.read_text()) if name.startswith("last_run_exit_code")}
    assert found == {
        f"last_run_exit_code{{command=run,mapping={name}}}" for name in ("first", *itertools.chain(*names))
    }


def test_a_stuck_neighbour_holds_nobody_up_for_long(tmp_path: Path) -> None:
    """A process that holds the folder's lock for ever must not keep a run from ending."""
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        write_metrics(tmp_path / "run.prom", an_ending())
    finally:
        os.close(folder)
    assert (tmp_path / "run.prom").exists()


def test_the_node_exporter_reads_every_figure(tmp_path: Path) -> None:
    """The real reader, over HTTP as Prometheus asks it."""
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has to check with the node exporter, but it is not installed", pytrace=False)
        pytest.skip("not checked: the node exporter is not installed")
    write_metrics(tmp_path / "run.prom", an_ending(books=BOOKS, dead_letters={'odd "reason"': 5}, last_done_at=NOW))
    write_metrics(tmp_path / "run.prom", an_ending("orders", "retry", checkpoint_at=NOW))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        program,
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={tmp_path}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as exporter:
        try:
            text = _answer(f"http://127.0.0.1:{port}/metrics", exporter)
        finally:
            exporter.terminate()
    read = figures(text)
    assert read["node_textfile_scrape_error{}"] == 0
    written = figures((tmp_path / "run.prom").read_text())
    assert {name: read[name] for name in written} == written


def _answer(url: str, process: subprocess.Popen[bytes]) -> str:
    last = time.monotonic() + 60
    while time.monotonic() < last:
        assert process.poll() is None, "the node exporter ended at its start"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the node exporter did not answer")

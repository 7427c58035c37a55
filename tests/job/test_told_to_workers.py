"""What workers are told: no secret leaves this machine, and of rows keys and cursors alone."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from etl.commands.workers import assignment_of, workers_of_cluster
from etl.job.run import RunContext
from etl.job.spread import Workers
from tests.job.test_spread import WAYS, Moving
from tests.job.working import ScriptedExecutor, encode_for
from tests.servers.scripted_server import API_KEY, ScriptedServer
from tests.source.tables import insert, run_sql


@pytest.mark.parametrize("read", WAYS)
def test_what_is_handed_out_holds_keys_and_cursors_and_nothing_else_of_a_row(
    read: str, tmp_path: Path, api: ScriptedServer
) -> None:
    """F2, F3: it may be kept and shown by whatever carries it."""
    table = Moving(tmp_path, api, read=read, fields="userid: {column: note, type: text}")
    run_sql(table.url, "ALTER TABLE t ADD COLUMN note TEXT")
    insert(table.url, "t", [{"id": number, "at": number, "note": "canary of a row"} for number in range(60)])
    table.spread()
    assert table.job.run("beginning").books.sent == 60
    asked = [arguments for executor in table.executors for arguments in executor.asked]
    assert len(asked) > 10
    told = b"".join(map(pickle.dumps, asked))
    assert not [word for word in (b"canary", API_KEY.encode(), b"sqlite", b"t.yaml") if word in told]


def test_the_key_of_the_hashes_is_not_shown(tmp_path: Path, api: ScriptedServer) -> None:
    table = Moving(tmp_path, api)
    shown: list[str] = []

    def made(context: RunContext) -> Workers:
        assignment = assignment_of(context, today=date(2026, 1, 1))
        assert assignment.hash_key == context.state.hash_key
        shown.append(repr(assignment))
        return Workers(ScriptedExecutor, partial(encode_for, assignment), count=2)

    table.job.workers = made
    table.job.run("beginning")
    assert "hash_key" not in shown[0]


def test_the_key_of_the_hashes_does_not_go_to_a_cluster(tmp_path: Path, api: ScriptedServer) -> None:
    """It would pass the scheduler, and stay in the memory of each worker."""
    table = Moving(tmp_path, api)
    insert(table.url, "t", [{"id": number, "at": number} for number in range(60)])
    given: list[Any] = []

    class Keeping(ScriptedExecutor):
        def submit(self, task: Callable[..., Any], /, *arguments: Any, **_: Any) -> Any:
            given.append((task, arguments))
            return super().submit(task, *arguments)

    def made(context: RunContext) -> Workers:
        given.append(context.state.hash_key)
        cluster: Any = SimpleNamespace(open=Keeping, count=2, look=lambda: None)
        return workers_of_cluster(context, cluster, today=date(2026, 1, 1))

    table.job.workers = made
    assert table.job.run("beginning").books.sent == 60
    key, *tasks = given
    assert len(tasks) > 10
    assert key not in b"".join(map(pickle.dumps, tasks))

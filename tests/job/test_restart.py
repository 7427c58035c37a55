"""A database server that crashes and comes back while it is read, or is not there yet when the reading begins."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.errors import SourceFailed
from etl.page import Window
from tests.servers.databases import OwnServer, own_server
from tests.servers.scripted_server import Recorded, ScriptedServer
from tests.source.clocks import FakeClock
from tests.source.tables import insert, keys_of, opened, run_sql

ROWS = 200


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest, servers_folder: Path) -> Iterator[OwnServer]:
    with own_server(request.param, servers_folder / f"own-{uuid.uuid4().hex}") as one:
        if request.param == "mariadb":
            run_sql(one.url, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
        run_sql(one.url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        insert(one.url, "t", [{"id": number, "n": number // 3} for number in range(ROWS)])
        # The servers of tests write late; what the crashes here are about was written long ago.
        if request.param == "postgresql":
            run_sql(one.url, "CHECKPOINT")
        yield one


class WaitingFor(FakeClock):
    """A clock on whose `number`th wait something happens."""

    def __init__(self, number: int, what: Callable[[], None]) -> None:
        super().__init__()
        self._number = number
        self._what = what

    def wait(self, seconds: float) -> bool:
        over = super().wait(seconds)
        if len(self.waits) == self._number:
            self._what()
        return over


def test_a_server_that_crashes_between_pages_is_waited_for(server: OwnServer) -> None:
    """A1, A2: the page is read again when the server is back, from where the last one ended."""
    clock = WaitingFor(3, server.start)
    with opened(server.url, clock, cursor_field="n", page_size=70) as source:
        pages = source.pages(Window())
        read = keys_of([next(pages)])
        server.stop()
        read += keys_of(pages)
    assert read == [(number,) for number in range(ROWS)]
    assert clock.waits == [0.5, 1.0, 2.0]


def test_a_server_that_is_not_there_yet_is_waited_for(server: OwnServer) -> None:
    """A3: it may start together with us."""
    server.stop()
    clock = WaitingFor(2, server.start)
    with opened(server.url, clock, cursor_field="n") as source:
        assert source.count(Window()) == ROWS
    assert clock.waits == [0.5, 1.0]


def test_a_server_that_stays_away_ends_the_run_and_the_next_one_goes_on(server: OwnServer, make_job: Any) -> None:
    """A1, A3: exit 4 after two minutes of the clock at most; what was sent is not sent again."""
    for crash_at in (1, 5):

        def script(request: Recorded, crash_at: int = crash_at) -> None:
            if request.number == crash_at:
                server.stop()

        with ScriptedServer(script) as api:
            job = make_job(
                server.url,
                api,
                name=f"crash-{crash_at}",
                source="table: t, primary_key: id, cursor_field: n, page_size: 5",
                destination="batch_size: 5, concurrency: 1",
            )
            clock = FakeClock()
            outcome = job.run("beginning", clock=clock)
            assert isinstance(outcome.error, SourceFailed)
            assert outcome.exit_code == 4
            assert (
                outcome.error.hint
                == "check host and port in source.url; is the database up? The next run goes on from here"
            )
            assert len(clock.waits) == 9
            assert 0 < outcome.books.sent < ROWS
            # At the start a run does not wait that long.
            begun = FakeClock()
            with pytest.raises(SourceFailed):
                job.run(clock=begun)
            assert begun.waits == [0.5, 1.0, 2.0]
            server.start()
            rest = job.run()
            assert (rest.error, rest.books.sent) == (None, ROWS - outcome.books.sent)
            assert sorted(job.sent(), key=int) == [str(number) for number in range(ROWS)]

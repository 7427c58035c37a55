"""The state fails in the middle of a run: the run stops, what is in flight is still saved where that can be."""

from __future__ import annotations

import logging
import re
import resource
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import Interrupted, StateUnusable
from etl.job.loop import Delivery
from etl.job.run import RunContext
from tests.job.nights import Nights
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer, like_squeezely

IN_FLIGHT = "  batch_size: 10\n  concurrency: 2"


@pytest.fixture
def unlimited() -> Iterator[None]:
    """Put the limit on the size of files back, whatever happens."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("room_again", [False, True])
def test_a_full_disk_stops_the_run_and_what_is_in_flight_is_tried_once_more(
    tmp_path: Path, *, room_again: bool
) -> None:
    """D5, D19."""
    state = tmp_path / "state" / "state.sqlite"
    full = threading.Event()
    deliveries: list[Delivery] = []

    def third(exchange: Exchange) -> None:
        # The fourth has left, so the first two are saved; nothing can be from now on.
        assert full.wait(60)
        like_squeezely(exchange)

    def fourth(exchange: Exchange) -> None:
        limit_files(state.with_name("state.sqlite-wal").stat().st_size)
        full.set()
        # Its answer comes when the third one could not be saved.
        while deliveries[0]._end is None:
            exchange.pause(0.05)
        if room_again:
            limit_files(2**40)
        like_squeezely(exchange)

    with ScriptedServer([None, None, third, fourth]) as server:
        nights = Nights(tmp_path, server.url, destination=IN_FLIGHT, started=deliveries.append)
        nights.fill(400)
        ended = nights.run("beginning")
        limit_files(2**40)
        assert ended.exit_code == 6
        assert ended.error is not None
        # What writes first: the settlement, or the reader that takes the next page's stamp.
        assert re.fullmatch(
            rf"cannot (save progress in|write) the state {state}: this process may write no larger files",
            ended.error.message,
        )
        assert (ended.error.hint or "").startswith("raise the limit: ulimit -f")
        accepted = len(server.accepted)
        assert accepted == 40, "no new request leaves"
        assert ended.books.sent == (accepted if room_again else 20)
        assert ended.books.read == ended.books.sent + ended.books.unsent

        again = nights.run(run_id="again")
        assert again.exit_code == 0
        assert ended.books.sent + again.books.sent == 400
        assert len(server.accepted) - 400 == (0 if room_again else accepted - 20)


def test_a_run_that_lost_its_lock_settles_nothing_more(tmp_path: Path, postgresql_url: str) -> None:
    """D7. Another run may have begun: the lock and the writing stand and fall with one connection."""
    admin = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def script(request: Recorded) -> Behaviour | None:
        if request.number == 3:
            with admin.connect() as connection:
                holders = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
                (pid,) = connection.exec_driver_sql(holders).scalars().all()
                connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
        return None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 10\n  concurrency: 1", state=postgresql_url)
        nights.fill(400)
        ended = nights.run("beginning")
        assert ended.exit_code == 6
        assert ended.error is not None
        assert ended.error.message.startswith("cannot save progress in the state postgresql")
        assert ended.error.message.endswith(": the connection to it was lost")
        assert ended.error.hint is not None
        assert "another run may have begun" in ended.error.hint
        assert ended.books.sent == 20
        assert len(server.accepted) == 30, "it stops at the first settlement that cannot be saved"

        again = nights.run(run_id="again")
        assert (again.exit_code, again.books.sent) == (0, 380)
        assert len(server.accepted) == 410


def test_a_state_from_an_older_backup_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """D15: the run goes on, and says how old the state is and how much the run sent that it does not know."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(20)
        nights.run("beginning")
        backup = tmp_path / "backup.sqlite"
        shutil.copyfile(nights.state, backup)
        nights.fill(5, first=100)
        nights.run(run_id="forgotten")
        assert caplog.records == []
        shutil.copyfile(backup, nights.state)
        ended = nights.run(run_id="after")
        # All that lies within the lookback, too: which of them the forgotten run sent is not known.
        assert (ended.exit_code, ended.books.sent) == (0, 25)
        (record,) = (one for one in caplog.records if one.levelno == logging.WARNING)
        assert record.getMessage().startswith("the state is older than its last run")
        told = (vars(record)["last_run"], vars(record)["hours_ago"], vars(record)["sent_by_it"])
        assert told == ("forgotten", 0.0, 5)
        caplog.clear()
        nights.run(run_id="later")
        assert caplog.records == []


def test_a_state_that_fails_after_a_signal_is_what_the_run_ended_with(tmp_path: Path) -> None:
    """What was in flight is answered and cannot be saved: a person has to look, and a signal alone would hide it."""
    deliveries: list[Delivery] = []

    def stopped(exchange: Exchange) -> None:
        deliveries[0].stop(Interrupted("stopped", signal_number=15))
        while deliveries[0]._end is None:
            exchange.pause(0.05)
        like_squeezely(exchange)

    def alter(context: RunContext) -> RunContext:
        settle = context.state.settle

        def failing(*arguments: Any, **named: Any) -> Any:
            if deliveries[0]._end is not None:
                raise StateUnusable("cannot save progress in the state: the disk is full")
            return settle(*arguments, **named)

        context.state.settle = failing  # type: ignore[method-assign]
        return context

    with ScriptedServer([None, stopped]) as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 10", started=deliveries.append, alter=alter)
        nights.fill(20)
        ended = nights.run("beginning")
    assert isinstance(ended.error, StateUnusable)
    assert ended.exit_code == 8

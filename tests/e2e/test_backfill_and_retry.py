"""Backfills beside the nightly run, and dead letters that get another chance; with the real command line."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tests.servers.scripted_server import ScriptedServer

A_DAY = timedelta(days=1)


def day(offset: int) -> str:
    return (datetime.now(UTC) + timedelta(days=offset)).strftime("%Y-%m-%d")


def fill_days(desk: Any, *, days: int, a_day: int) -> None:
    """`a_day` people a day, over the last `days` full days."""
    desk.fill(1)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM people"))
        statement = sa.text("INSERT INTO people VALUES (:id, :name, :email, 1, :at)").bindparams(
            sa.bindparam("at", type_=sa.DateTime())
        )
        connection.execute(
            statement,
            [
                {
                    "id": number,
                    "name": f"Name {number}",
                    "email": f"person{number}@example.com",
                    "at": midnight - A_DAY * (days - number // a_day) + timedelta(seconds=number % a_day),
                }
                for number in range(days * a_day)
            ],
        )


def fill_months(desk: Any, *, a_month: int) -> None:
    """`a_month` people in each month of 2022 and 2023, some at its very edges."""
    desk.fill(1)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM people"))
        statement = sa.text("INSERT INTO people VALUES (:id, :name, :email, 1, :at)").bindparams(
            sa.bindparam("at", type_=sa.DateTime())
        )
        months = [datetime(year, month, 1) for year in (2022, 2023) for month in range(1, 13)]  # noqa: DTZ001 - as stored
        rows = []
        for index, month in enumerate(months):
            end = (month + timedelta(days=32)).replace(day=1)
            for number in range(a_month):
                at = end - timedelta(seconds=1) if number % 10 == 9 else month + timedelta(hours=6 * (number % 100))
                key = index * a_month + number
                rows.append({"id": key, "name": f"Name {key}", "email": f"person{key}@example.com", "at": at})
        connection.execute(statement, rows)


def backfill(desk: Any, *options: str) -> Any:
    return desk.call("backfill", str(desk.mapping), "-o", "json", *options)


def test_a_backfill_sends_its_half_open_range_and_the_nightly_run_does_not_repeat_it(desk: Any) -> None:
    """D20."""
    fill_days(desk, days=6, a_day=50)
    ended = backfill(desk, "--from", day(-4), "--to", day(-2), "--window", "1d")
    assert ended.code == 0, ended.err
    assert (ended.summary["read"], ended.summary["sent"]) == (100, 100)
    assert desk.run().code == 8, "a backfill must not decide where the nightly run begins"
    nightly = desk.run("--start-from", "beginning").summary
    assert (nightly["read"], nightly["sent"], nightly["unchanged"]) == (300, 200, 100)
    assert desk.stats()["duplicates"] == 0


def test_a_finished_backfill_sends_nothing_until_it_is_restarted(desk: Any) -> None:
    fill_days(desk, days=3, a_day=20)
    span = ("--from", day(-3), "--to", day(-1), "--window", "1d")
    assert backfill(desk, *span).summary["sent"] == 40
    assert backfill(desk, *span).summary["read"] == 0
    again = backfill(desk, *span, "--restart").summary
    assert (again["read"], again["sent"], again["unchanged"]) == (40, 0, 40)


def test_a_dry_backfill_forecasts_each_window_and_changes_nothing(desk: Any) -> None:
    fill_days(desk, days=4, a_day=30)
    ended = backfill(desk, "--from", day(-3), "--to", day(-1), "--window", "1d", "--dry-run")
    assert ended.code == 0, ended.err
    assert [window["events"] for window in ended.summary["forecast"]["windows"]] == [30, 30]
    assert desk.stats()["requests"] == 0
    assert not desk.state.exists()


def test_a_killed_backfill_resumes_inside_its_window_beside_the_nightly_run(desk: Any) -> None:
    """D1, D20: 24 monthly windows, killed 20 times at random, while nightly runs go on beside it."""
    desk.write_mapping(destination="  batch_size: 20\n  concurrency: 2")
    desk.mapping.write_text(desk.mapping.read_text().replace("events_per_second: 1000000", "events_per_second: 400"))
    fill_months(desk, a_month=100)
    assert desk.run("--start-from", "now").code == 0
    time.sleep(3)  # rows of the same second as "now" are not later than it
    chance = random.Random(99)
    span = ("--from", "2022-01-01", "--to", "2024-01-01", "--window", "1mo")
    kills = 0
    while kills < 20:
        desk.fill(1, first=100_000 + kills, minutes=1 / 60)
        nightly = desk.fork("run", str(desk.mapping), "-o", "json")
        target = desk.stats()["accepted"] + chance.randint(10, 110)
        process = desk.fork("backfill", str(desk.mapping), *span)
        while desk.stats()["accepted"] < target and process.alive():
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        killed = process.wait()
        assert killed.code == -signal.SIGKILL, killed
        kills += 1
        ended = nightly.wait()
        assert ended.code == 0, ended.err
    ended = backfill(desk, *span)
    assert ended.code == 0, ended.err
    assert desk.run().code == 0
    stats = desk.stats()
    assert stats["distinct_identities"] == 2_400 + kills
    assert stats["accepted"] - 2_400 - kills <= kills * 2 * 20


def test_retry_reads_the_row_again_and_closes_what_is_sent_or_gone(desk: Any) -> None:
    """F19, F24: nothing is replayed from memory, so that a person who was erased is not sent again."""
    desk.fill(200)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id <= 3"))
    first = desk.run("--start-from", "beginning")
    assert first.code == 3
    assert (first.summary["invalid"], first.summary["reasons"]["invalid_email"]) == (3, 3)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'mended@example.com' WHERE id = 1"))
        connection.execute(sa.text("DELETE FROM people WHERE id = 2"))
    ended = desk.call("retry", str(desk.mapping), "-o", "json", "--reason", "invalid_email")
    assert ended.code == 3, ended.err
    summary = ended.summary
    assert (summary["read"], summary["sent"], summary["invalid"], summary["reasons"]["gone"]) == (2, 1, 1, 1)
    status = json.loads(desk.call("status", "-o", "json").out)
    assert status["dead_letters"] == {"invalid_email": 1}
    assert "nobody" not in ended.err + ended.out


def test_a_backfill_leaves_the_rate_to_the_nightly_run(desk: Any) -> None:
    """Both share one rate, and while the nightly run needs it the backfill hardly sends."""
    fill_days(desk, days=3, a_day=100)
    with ScriptedServer(credentials=("shop-1", "key-of-the-shop")) as api:
        desk.api_url = api.url
        desk.write_mapping(destination="  batch_size: 1\n  concurrency: 2")
        slow = desk.mapping.read_text().replace("requests_per_second: 10000", "requests_per_second: 25")
        desk.mapping.write_text(slow)
        a_moment_ago = datetime.now(UTC) - timedelta(minutes=5)
        assert desk.run("--start-from", a_moment_ago.isoformat()).code == 0
        desk.fill(75, first=10_000, minutes=1)
        process = desk.start("backfill", str(desk.mapping), "--from", day(-3), "--to", day(0))
        while not api.accepted and process.poll() is None:
            time.sleep(0.01)
        nightly = desk.run()
        process.kill()
        process.communicate()
    assert (nightly.code, nightly.summary["sent"]) == (0, 75), nightly.err
    numbers = [int(event["firstname"].removeprefix("Name ")) for event in api.accepted]
    ours = [place for place, number in enumerate(numbers) if number >= 10_000]
    # What was on its way when the nightly run came, and now and then one.
    assert ours[-1] - ours[0] + 1 - 75 <= 15
    assert ours[0] > 0

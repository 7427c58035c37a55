"""A day in the life: cron at night with next to no environment, a person in the morning who asks `status --check`.

What is asserted is what the person's own scripts could rely on: exit codes, and stable words of the JSON.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from tests.servers.scripted_server import refusing_url

COMMANDS = Path(sys.executable).parent


class Cron:
    """The crontab of the desk's machine: the line that `deploy cron` prints, with secrets in a file."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.environment_file = desk.folder / "secrets.env"
        printed = desk.call(
            *("deploy", "cron", str(desk.mapping), "--state", str(desk.state), "--log", str(desk.folder / "run.log")),
            *("--environment-file", str(self.environment_file), "--max-runtime", "10m"),
        )
        assert printed.code == 0, printed.err
        (line,) = (line for line in printed.out.splitlines() if not line.startswith("#"))
        self.command = line.split(maxsplit=5)[5].replace(r"\%", "%")

    def start(self, **variables: str) -> subprocess.Popen[str]:
        """What cron does at 03:17: its own environment, no terminal."""
        values = {name: self.desk.environment()[name] for name in ("PEOPLE_URL", "API_URL", "ACCOUNT", "API_KEY")}
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in {**values, **variables}.items()]
        self.environment_file.write_text("".join(lines))
        return subprocess.Popen(
            [
                "env",
                "-i",
                "HOME=/",
                "LOGNAME=etl",
                "SHELL=/bin/sh",
                "PATH=/usr/bin:/bin",
                "/bin/sh",
                "-c",
                self.command,
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def night(self, **variables: str) -> str:
        """One night; returns the mail that cron would send, "" for none."""
        mail, _ = self.start(**variables).communicate(timeout=300)
        return mail


@pytest.fixture
def cron(desk: Any) -> Iterator[Cron]:
    desk.write_mapping(destination="  retry: {give_up_after: 1s, max_backoff: 1s}")
    return Cron(desk)


def morning(desk: Any, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """What the person gets: the exit code of `status --check`, and the runs, newest first."""
    checked = desk.call("status", str(desk.mapping), "--check", "-o", "json", "--history", "10", *options)
    return checked.code, json.loads(checked.out)["runs"]


def codes(runs: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(run["outcome"], run["exit_code"]) for run in runs]


def test_three_nights_with_trouble(desk: Any, cron: Cron) -> None:
    """E7, E11, E13, C28, D14."""
    # Where to begin is not decided yet: the first night says so and sends nothing.
    desk.fill(150)
    assert "ended with exit code 8" in cron.night()
    assert desk.stats()["accepted"] == 0
    assert morning(desk)[0] == 3
    assert desk.run("--start-from", "beginning").code == 0
    assert morning(desk)[0] == 0

    # The first night: the API is down. Cron sends no mail; one such night needs no person.
    desk.fill(10, first=1_000, minutes=60)
    with refusing_url() as closed:
        assert cron.night(API_URL=closed) == ""
    code, runs = morning(desk)
    assert (code, codes(runs)) == (0, [("stopped", 6), ("done", 0)])
    # Had it been going on for longer than the patience, it would be.
    assert morning(desk, "--max-age", "1s")[0] == 3

    # The second night: bad rows. The ten of the night before go out, and three cannot.
    desk.fill(200, first=2_000, minutes=30)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id IN (2000, 2001, 2002)"))
    assert "ended with exit code 3" in cron.night()
    code, runs = morning(desk)
    assert (code, codes(runs)) == (3, [("done", 3), ("stopped", 6), ("done", 0)])
    assert runs[0]["summary"]["sent"] == 10 + 197
    assert runs[0]["summary"]["reasons"] == {"invalid_email": 3}
    # In the morning they are corrected and retried.
    with desk.engine().begin() as connection:
        connection.execute(
            sa.text("UPDATE people SET email = 'a' || id || '@example.com' WHERE id BETWEEN 2000 AND 2002")
        )
    assert desk.call("retry", str(desk.mapping), "--reason", "invalid_email").code == 0
    assert morning(desk)[0] == 0

    # The third night: two runs at once. The second leaves without a mail; the first sends everything, once.
    desk.fill(300, first=3_000, minutes=10)
    slow = desk.mapping.read_text()
    desk.mapping.write_text(
        slow.replace("requests_per_second: 10000", "requests_per_second: 3").replace(
            "  retry:", "  batch_size: 20\n  retry:"
        )
    )
    before = desk.stats()["accepted"]
    first = cron.start()
    while desk.stats()["accepted"] == before:
        assert first.poll() is None, (desk.folder / "run.log").read_text()
        time.sleep(0.05)
    # However slow the machine is, the first is still at work while the second comes.
    at_work = psutil.Process(first.pid).children(recursive=True)
    for process in at_work:
        process.suspend()
    assert cron.night() == ""
    for process in at_work:
        process.resume()
    assert "skipped" in (desk.folder / "run.log").read_text()
    mail, _ = first.communicate(timeout=300)
    assert mail == ""
    code, runs = morning(desk)
    assert (code, codes(runs)[0], runs[0]["summary"]["sent"]) == (0, ("done", 0), 300)
    stats = desk.stats()
    assert (stats["accepted"], stats["duplicates"]) == (150 + 10 + 200 + 300, 0)

    # No secret has found its way into what lies about.
    log = (desk.folder / "run.log").read_text()
    assert desk.environment()["API_KEY"] not in log
    assert "Traceback" not in log
    assert desk.state.stat().st_mode & 0o077 == 0


def test_the_nights_after(desk: Any, cron: Cron) -> None:
    """Known trouble is acknowledged, a person is erased for good, a mapping gets another name, its database a new home.

    E7, E13.
    """
    desk.fill(150)
    assert desk.run("--start-from", "beginning").code == 0
    shutil.copy(desk.folder / "people.sqlite", desk.folder / "backup.sqlite")

    # The fourth night: three rows that cannot be corrected. Acknowledged, they are nothing new in the morning.
    desk.fill(3, first=1_000, minutes=60)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody' WHERE id >= 1000"))
    assert "ended with exit code 3" in cron.night()
    assert morning(desk)[0] == 3
    assert desk.call("status", str(desk.mapping), "--acknowledge", "--yes").code == 0
    assert morning(desk)[0] == 0
    assert cron.night() == ""

    # The fifth: a person asked to be erased, and the database is restored from a backup that still has the row.
    erased = desk.call("forget", str(desk.mapping), "--email", "PERSON7@example.com", "--yes")
    assert erased.code == 0, erased.err
    shutil.copy(desk.folder / "backup.sqlite", desk.folder / "people.sqlite")
    before = desk.stats()["accepted"]
    assert cron.night() == ""
    span = ("--from", "2000-01-01", "--to", "2100-01-01")
    again = desk.call("backfill", str(desk.mapping), "--resend", "-o", "json", *span)
    assert (again.code, again.summary["sent"], again.summary["suppressed"]) == (0, 149, 1), again.err
    assert desk.stats()["accepted"] == before + 149

    # The sixth: the mapping has another name. The state gives it what it knows under the old one.
    desk.mapping.write_text(desk.mapping.read_text().replace("name: people", "name: klanten"))
    assert desk.call("state", "rename", "people", "klanten", "--yes").code == 0
    assert cron.night() == ""

    # The seventh: the database has moved. The night waits for a person, who says that it is the same one.
    (desk.folder / "people.sqlite").rename(desk.folder / "moved.sqlite")
    desk.database_url = f"sqlite:///{desk.folder}/moved.sqlite"
    assert "ended with exit code 8" in cron.night()
    assert morning(desk)[0] == 3
    assert desk.call("state", "adopt", str(desk.mapping), "--yes").code == 0
    desk.fill(5, first=5_000, minutes=30)
    assert cron.night() == ""
    code, runs = morning(desk)
    assert (code, codes(runs)[0], runs[0]["summary"]["sent"]) == (0, ("done", 0), 5)
    assert desk.stats()["accepted"] == before + 149 + 5

    # The eighth: a variable is not set, so that nothing begins. The morning knows it, until a night begins again.
    right = desk.mapping.read_text()
    desk.mapping.write_text(right.replace("${API_KEY}", "${NOT_SET}"))
    assert "ended with exit code 2" in cron.night()
    assert morning(desk)[0] == 3
    desk.mapping.write_text(right)
    assert cron.night() == ""
    assert morning(desk)[0] == 0

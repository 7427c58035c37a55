"""A shop's table, a sandbox, and the real command line as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.sandbox.serve import running
from tests.e2e.with_workers import ROWS, with_index
from tests.processes.forked_cli import Child, Ended, ForkedCli
from tests.processes.terminal import as_from_a_terminal

MAPPING = """\
version: 1
name: people
source:
  url: ${{PEOPLE_URL}}
  table: people
  primary_key: id
  cursor_field: updated_at
  timezone: UTC
  settle: 0s
  page_size: 500
{source}
event: PersonUpdated
fields:
  email: email
  firstname: name
  custom_points: points
{top}
destination:
  url: ${{API_URL}}
  account: ${{ACCOUNT}}
  api_key: ${{API_KEY}}
  rate_limit: {{requests_per_second: 10000, events_per_second: 1000000}}
{destination}
"""


@dataclass
class Desk:
    """A folder with a mapping, a database, a sandbox and a state, and the command line over them."""

    folder: Path
    api_url: str
    database_url: str
    variables: dict[str, str] = field(default_factory=dict)
    # Where it forks the processes that it calls; None starts each anew.
    cli: ForkedCli | None = None

    @property
    def mapping(self) -> Path:
        return self.folder / "people.yaml"

    @property
    def state(self) -> Path:
        return self.folder / "etl" / "state.sqlite"

    def write_mapping(self, *, source: str = "", top: str = "", destination: str = "") -> None:
        self.mapping.write_text(MAPPING.format(source=source, top=top, destination=destination))

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PEOPLE_URL": self.database_url,
            "API_URL": self.api_url,
            "ACCOUNT": "shop-1",
            "API_KEY": "key-of-the-shop",
            "SQUEEZELY_ETL_STATE": str(self.state),
            **self.variables,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "etl", *arguments],
            env=self.environment(),
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=as_from_a_terminal,  # noqa: PLW1509 - it takes no lock that another thread could hold
        )

    def fork(self, *arguments: str) -> Child:
        """A process like that of `start`, without the second that it takes to load the program."""
        assert self.cli is not None
        return self.cli.start(*arguments, environment=self.environment(), folder=Path(__file__).parents[2])

    def call(self, *arguments: str) -> Ended:
        if self.cli is not None:
            return self.fork(*arguments).wait()
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return Ended(process.returncode, out, err)

    def run(self, *options: str) -> Ended:
        return self.call("run", str(self.mapping), "-o", "json", *options)

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.api_url}/sandbox/stats") as answer:
            return json.load(answer)

    def engine(self) -> sa.Engine:
        return sa.create_engine(self.database_url, poolclass=sa.NullPool)

    def fill(self, count: int, *, first: int = 1, minutes: float = 120) -> None:
        """`count` people, three updated at each second, beginning `minutes` ago."""
        engine = self.engine()
        # MariaDB sets a TIMESTAMP anew with every UPDATE.
        column = "DATETIME" if engine.dialect.name == "mysql" else "TIMESTAMP"
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, name VARCHAR(40), "
                    f"email VARCHAR(80), points INTEGER, updated_at {column} NOT NULL)"
                )
            )
            connection.execute(
                PEOPLE.insert(),
                [
                    {
                        "id": number,
                        "name": f"Name {number}",
                        "email": f"person{number}@example.com",
                        "points": number % 7,
                        "updated_at": _moment((number - first) // 3, minutes),
                    }
                    for number in range(first, first + count)
                ],
            )


def _moment(seconds: int, minutes: float) -> datetime:
    return (
        datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(minutes=minutes) + timedelta(seconds=seconds)
    )


PEOPLE = sa.table(
    "people",
    sa.column("id"),
    sa.column("name"),
    sa.column("email"),
    sa.column("points"),
    sa.column("updated_at", sa.DateTime()),
)


@pytest.fixture(scope="session")
def forked_cli() -> Iterator[ForkedCli]:
    """The command line in forked children, for tests that start it often."""
    with ForkedCli() as cli:
        yield cli


@pytest.fixture
def api_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def make_desk(tmp_path: Path, api_url: str, forked_cli: ForkedCli) -> Callable[..., Desk]:
    def make(database_url: str | None = None) -> Desk:
        desk = Desk(tmp_path, api_url, database_url or f"sqlite:///{tmp_path}/people.sqlite", cli=forked_cli)
        desk.write_mapping()
        return desk

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def slow_desk(desk: Any) -> Any:
    """Sixty requests that take a while, from pages of fifty rows."""
    desk.fill(ROWS)
    with_index(desk)
    desk.write_mapping(destination="  batch_size: 100\n  concurrency: 1")
    desk.mapping.write_text(desk.mapping.read_text().replace("page_size: 500", "page_size: 50"))
    return desk


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_desk(request: pytest.FixtureRequest, make_desk: Callable[..., Desk]) -> Desk:
    """A desk over each sort of database."""
    return make_desk(None if request.param == "sqlite" else request.getfixturevalue(f"{request.param}_url"))

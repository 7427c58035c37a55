"""The stage on which the canary tests play: a shop, a mapping, a state, an API, and the search for what leaked."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from etl.host.shared_budget import default_folder
from tests.e2e import leaks
from tests.processes.forked_cli import Ended, ForkedCli
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

ACCOUNT = "shop-1"
MAPPING = """\
version: 1
name: people
source:
  url: ${PEOPLE_URL}
  table: people
  primary_key: id
  cursor_field: updated_at
  timezone: UTC
event: PersonUpdated
fields:
  email: email
  firstname: name
  phone: {column: phone, on_invalid: omit}
  custom_kind: {column: kind, map: {a: b}, on_invalid: omit}
max_failure_rate: 100%
destination:
  url: ${API_URL}
  account: shop-1
  api_key: ${API_KEY}
  timeout: 1s
  rate_limit: {requests_per_second: 10000, events_per_second: 1000000}
  retry: {max_attempts: 2, max_backoff: 1s, give_up_after: 1s}
tests: [{given: {id: 1, email: anna@example.com}, expect: {event: PersonUpdated, email: anna@example.com}}]
"""


@dataclass
class Stage:
    """A folder with a shop, a mapping and a state, and an API that does what `behave` says."""

    folder: Path
    cli: ForkedCli
    server: ScriptedServer
    variables: dict[str, str]
    stack: ExitStack
    behave: Callable[[Recorded], Behaviour | None] = lambda _: None
    began: float = field(default_factory=time.time)

    @property
    def mapping(self) -> Path:
        return self.folder / "people.yaml"

    @property
    def state(self) -> Path:
        return self.folder / "etl" / "state.sqlite"

    def call(self, *arguments: str) -> Ended:
        return self.cli.call(*arguments, environment=self.variables, folder=self.folder)

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / "people.sqlite")) as connection, connection:
            connection.execute(statement)


def a_stage(folder: Path, cli: ForkedCli, stack: ExitStack) -> Stage:
    def behave(request: Recorded) -> Behaviour | None:
        return stage.behave(request)  # as a case has set it

    server = stack.enter_context(ScriptedServer(behave, credentials=(ACCOUNT, leaks.API_KEY)))
    stage = Stage(folder, cli, server, {}, stack)
    stage.mapping.write_text(MAPPING)
    stage.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, kind TEXT, "
        "updated_at DATETIME NOT NULL)"
    )
    for number in range(1, 7):
        email = "kanarie at nowhere" if number == 5 else f"kanarie{number}@example.com"
        stage.sql(
            f"INSERT INTO people VALUES ({number}, 'Kanarie {number}', '{email}', 'kanarie', 'kanarie', "
            f"'2025-01-01 00:00:0{number}')"
        )
    return stage


@contextmanager
def on_stage(folder: Path, cli: ForkedCli) -> Iterator[Stage]:
    """A stage with all its secrets in the environment."""
    with ExitStack() as stack:
        stage = a_stage(folder, cli, stack)
        stage.variables = {
            "PATH": os.environ["PATH"],
            "PEOPLE_URL": f"sqlite:///{folder}/people.sqlite?token={leaks.QUERY}",
            "API_URL": stage.server.url,
            "API_KEY": leaks.API_KEY,
            "SQUEEZELY_ETL_STATE": str(stage.state),
            "UNRELATED": leaks.ENVIRONMENT,
        }
        yield stage


def searched(stage: Stage, ended: Ended, *, rows_on_stdout: bool = False) -> None:
    """Fail for every canary in what `ended` printed, and in every file that the product writes."""
    for leftover in (*stage.folder.glob("people*"), *stage.folder.glob("key*")):
        leftover.rename(stage.folder.parent / f"{stage.folder.name}-{leftover.name}")  # the test's own files
    # The rates of all addresses lie there, also those of thousands of other tests.
    written = leaks.files_below(stage.folder) | leaks.files_below(default_folder(), since=stage.began - 1)
    printed = {"stdout": ended.out.encode(), "stderr": ended.err.encode()}
    found = leaks.found_in({**printed, **written}, leaks.SECRETS)
    unseen = {"stderr": printed["stderr"]} if rows_on_stdout else printed
    found += leaks.found_in({**unseen, **written}, leaks.PERSONAL)
    assert not found, f"{found}\n{ended.out}\n{ended.err}"

"""What a command imports is what its user waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl.state.store import open_state
from tests.benchmarks.data import fill_sqlite
from tests.benchmarks.ours import ROOT, write_mapping
from tests.state.filling import SteppingClock, letter

HEAVY = (
    "pandas",
    "numpy",
    "sqlalchemy",
    "psycopg",
    "httpx",
    "httpcore",
    "pydantic",
    "phonenumbers",
    "email_validator",
    "prometheus_client",
)
# What a mapping file needs, and `status` without one does not: a third of its start.
FOR_A_MAPPING = (
    "yaml",
    "etl.commands.lag",
    "etl.job.fingerprint",
    "etl.mapping.load",
    "etl.mapping.model",
    "etl.source",
)
# Constants, a time, and an example of its own to go through all of it.
TRIED = """\
version: 1
source: {url: 'sqlite:///shop.db', table: customers, primary_key: id, cursor_field: at, timezone: Europe/Amsterdam}
event: E
fields:
  email: email
  language: {column: locale, default: nl-NL}
  timestamp: {column: at}
  custom_points: {column: points, type: number}
destination: {url: 'http://127.0.0.1:9', account: SQ-1, api_key: k}
tests:
  - given: {id: 1, email: Eva@Example.org, at: 2024-07-01 10:00:00, points: 2.5}
    expect:
      event: E
      email: eva@example.org
      language: nl-NL
      timestamp: "2024-07-01T10:00:00+02:00"
      custom_points: 2.5
"""
TELL = "; import sys; print(*(name for name in {names!r} if name in sys.modules), file=sys.stderr)"


def imported(arguments: list[str], folder: Path, names: tuple[str, ...] = HEAVY) -> set[str]:
    """Those of `names` that the command line imports for `arguments`."""
    code = f"from etl.cli.boundary import run; code = run({arguments!r})" + TELL.format(names=names)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SHOP_DATABASE_URL": "sqlite:////none/shop.sqlite",
    }
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    return set(ended.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["run", "--help"], ["status", "--help"], ["deploy", "--help"], ["nonsense"], ["run"]],
    ids=" ".join,
)
def test_help_and_mistakes_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert imported(arguments, tmp_path) == set()


def test_schema_needs_the_model_only(tmp_path: Path) -> None:
    assert imported(["schema"], tmp_path) <= {"pydantic"}


def test_deploy_needs_the_mappings_only(tmp_path: Path) -> None:
    assert imported(["deploy", "cron", str(ROOT / "mappings")], tmp_path) <= {"pydantic"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state that knows of a run and of a dead letter, so that there is something to show."""
    path = tmp_path / "state.sqlite"
    with open_state(str(path), clock=SteppingClock(), write=True) as store:
        customers = store.mapping("customers")
        customers.record_run(run_id="r1", command="run", summary={"outcome": "done", "exit_code": 0, "read": 1})
        customers.bury([letter((7,))])
    return path


@pytest.mark.parametrize("more", [[], ["--check"], ["-o", "json"]], ids=["text", "check", "json"])
def test_status_needs_the_state_only(more: list[str], state: Path, tmp_path: Path) -> None:
    """A person waits for it, and a monitor calls it every few minutes."""
    assert imported(["status", "--state", str(state), *more], tmp_path, HEAVY + FOR_A_MAPPING) == set()


def test_status_of_no_state_needs_as_little(tmp_path: Path) -> None:
    assert imported(["status", "--state", str(tmp_path / "none.sqlite")], tmp_path, HEAVY + FOR_A_MAPPING) == set()


def test_status_of_a_mapping_needs_no_frames_and_no_http(state: Path, tmp_path: Path) -> None:
    """It looks at the state, and at the database for the lag."""
    arguments = ["status", "--state", str(state), str(ROOT / "mappings" / "customers.yaml")]
    assert imported(arguments, tmp_path, HEAVY + FOR_A_MAPPING) == {"pydantic", "sqlalchemy", *FOR_A_MAPPING}


def test_a_run_whose_reader_is_a_program_loads_nothing_for_terminals(tmp_path: Path) -> None:
    """Httpx would, for a command line of its own that is not called here."""
    mapping = write_mapping(tmp_path, resend="changed", batch_size=100, concurrency=1)
    shop = fill_sqlite(tmp_path / "shop.sqlite", 0)
    text = mapping.read_text().replace("${BENCH_DATABASE_URL}", shop)
    mapping.write_text(text.replace("${BENCH_SINK_URL}", "http://127.0.0.1:9"))
    arguments = ["run", str(mapping), "--start-from", "beginning", "-o", "json"]
    assert imported(arguments, tmp_path, ("httpx", "rich", "pygments")) == {"httpx"}


@pytest.mark.parametrize("command", ["validate", "test"])
def test_validate_offline_and_test_need_no_frames_no_database_and_no_http(command: str, tmp_path: Path) -> None:
    """Constants and examples go through the transform that would send them, which takes a few rows without pandas."""
    path = tmp_path / "customers.yaml"
    path.write_text(TRIED)
    assert imported([command, str(path)], tmp_path) <= {"pydantic"}

"""What a command imports is what its user waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.benchmarks.ours import ROOT

HEAVY = (
    "pandas",
    "numpy",
    "sqlalchemy",
    "httpx",
    "httpcore",
    "pydantic",
    "phonenumbers",
    "pycountry",
    "email_validator",
    "prometheus_client",
)
TELL = "; import sys; print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)"


def imported(arguments: list[str], folder: Path, *, heavy: tuple[str, ...] = HEAVY) -> set[str]:
    """Those of `heavy` that the command line imports for `arguments`."""
    code = f"from etl.cli.boundary import run; code = run({arguments!r})" + TELL.format(heavy=heavy)
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
def state(tmp_path: Path) -> str:
    """A state that knows a mapping."""
    path = str(tmp_path / "state.sqlite")
    with open_state(path, clock=SystemClock(), write=True) as store:
        store.mapping("customers").start_run(run_id="r", command="run", before=None)
    return path


def test_status_of_a_state_needs_the_state_only(state: str, tmp_path: Path) -> None:
    ours = ("etl.cli.lags", "etl.job.fingerprint", "etl.mapping.load", "etl.mapping.model", "etl.source", "yaml")
    assert imported(["status", "--state", state], tmp_path, heavy=(*HEAVY, *ours)) == {"sqlalchemy"}


def test_status_of_a_mapping_needs_no_frames_and_no_http(state: str, tmp_path: Path) -> None:
    """It looks at the state, and at the database for the lag."""
    arguments = ["status", "--state", state, str(ROOT / "mappings" / "customers.yaml")]
    assert imported(arguments, tmp_path) == {"pydantic", "sqlalchemy"}

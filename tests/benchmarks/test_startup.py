"""What a command imports is what its user waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def imported(arguments: list[str], folder: Path) -> set[str]:
    """The heavy packages that the command line imports for `arguments`."""
    code = f"from etl.cli.boundary import run; code = run({arguments!r})" + TELL.format(heavy=HEAVY)
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


@pytest.mark.parametrize("arguments", [[], [str(ROOT / "mappings" / "customers.yaml")]], ids=["all", "one"])
def test_status_needs_no_frames_and_no_http(arguments: list[str], tmp_path: Path) -> None:
    """It looks at the state, and at the database for the lag."""
    assert imported(["status", *arguments], tmp_path) <= {"pydantic", "sqlalchemy"}

"""The workflow of `deploy github`: its steps are executed as GitHub's runner does, over a real repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import SECRET, Office
from tests.source.tables import insert, run_sql

MAPPING = """\
version: 1
name: customers
source: {url: "${SHOP_DATABASE_URL}", table: customers, primary_key: id}
event: CustomerUpdated
fields: {email: email, firstname: name}
tests: [{given: {id: 1, email: eva@example.com, name: Eva}, expect: {firstname: Eva}}]
"""
REPOSITORY = ("-c", "user.name=eva", "-c", "user.email=eva@example.com", "-c", "init.defaultBranch=main")


def workflow(printed: str) -> dict[Any, Any]:
    return yaml.safe_load(printed)


class Runner:
    """Executes the steps of a job, one by one, until one fails."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.summary = office.folder / "summary"
        self.log = ""

    def git(self, *words: str) -> str:
        ended = subprocess.run(["git", *REPOSITORY, *words], check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    def run(self, printed: str) -> str | None:
        """Do what the workflow says; the name of the step that failed, None when none did."""
        job = workflow(printed)["jobs"]["plan"]
        values = {
            "${{ secrets.SHOP_DATABASE_URL }}": f"sqlite:///{self._office.folder}/shop.sqlite",
            "${{ secrets.SQUEEZELY_ACCOUNT }}": "100",
            "${{ github.event.pull_request.base.sha }}": self.git("rev-parse", "main"),
        }
        self.summary.unlink(missing_ok=True)
        environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self._office.folder)}
        environment |= {"GITHUB_STEP_SUMMARY": str(self.summary)}
        for step in job["steps"][3:]:
            given = {name: values.get(value, value) for name, value in {**job["env"], **step.get("env", {})}.items()}
            ended = subprocess.run(
                ["bash", "-e", "-c", step["run"]], env=environment | given, capture_output=True, text=True, check=False
            )
            self.log += ended.stdout + ended.stderr
            if ended.returncode:
                return step["name"]
        return None


@pytest.fixture
def runner(office: Office) -> Runner:
    made = Runner(office)
    url = f"sqlite:///{office.folder}/shop.sqlite"
    run_sql(url, "CREATE TABLE customers (id VARCHAR(20) PRIMARY KEY, email VARCHAR(40), name VARCHAR(20))")
    rows = [{"id": f"kanarie-{n}", "email": f"kanarie{n}@example.com", "name": f"Kanarie {n}"} for n in range(5)]
    insert(url, "customers", rows)
    for file in office.mappings.iterdir():
        file.unlink()
    (office.mappings / "customers.yaml").write_text(MAPPING)
    made.git("init")
    made.git("add", "mappings")
    made.git("commit", "-m", "Begin")
    made.git("checkout", "-b", "branch")
    return made


def test_the_summary_shows_what_would_be_sent_and_nothing_of_a_row(runner: Runner, office: Office) -> None:
    (office.mappings / "customers.yaml").write_text(MAPPING.replace("firstname: name", "firstname: {column: name}"))
    assert runner.run(office.deploy("github", "mappings").out) is None, runner.log
    summary = runner.summary.read_text()
    assert "**5 events would be sent**" in summary
    assert "1 of 1 mapping changed since" in runner.log
    assert "kanarie" not in (summary + runner.log).lower()
    run_sql(f"sqlite:///{office.folder}/shop.sqlite", "UPDATE customers SET email = 'kanarie' WHERE id = 'kanarie-3'")
    printed = office.deploy("github", "mappings/customers.yaml").out
    assert runner.run(printed) is None, "invalid rows are told, and fail no job"
    assert "1 row would be invalid" in runner.summary.read_text()
    assert "kanarie" not in (runner.summary.read_text() + runner.log).lower()


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("firstname: name", "frstname: name", "Check the mappings that changed"),
        (
            "firstname: name",
            "firstname: {column: name, transform: [upper]}",
            "Run the examples that the mappings carry",
        ),
        ("table: customers", "table: nowhere", "Show what a run would send"),
    ],
)
def test_what_is_wrong_fails_its_step(runner: Runner, office: Office, old: str, new: str, step: str) -> None:
    printed = office.deploy("github", "mappings").out
    (office.mappings / "customers.yaml").write_text(MAPPING.replace(old, new))
    assert runner.run(printed) == step


def test_it_asks_for_no_key_and_knows_paths_within_the_repository(office: Office) -> None:
    (office.folder / ".git").mkdir()
    for file in office.mappings.iterdir():
        file.unlink()
    inner = office.mappings / "a ${{ b"
    inner.mkdir()
    (inner / "customers.yaml").write_text(MAPPING)
    printed = office.deploy("github", str(inner), "--state", f"postgresql://etl:{SECRET}@db/state").out
    assert SECRET not in printed
    found = workflow(printed)
    job = found["jobs"]["plan"]
    assert job["env"]["SQUEEZELY_API_KEY"] == "none-for-a-dry-run"
    assert job["env"]["SQUEEZELY_ETL_STATE"] == "${{ secrets.SQUEEZELY_ETL_STATE }}"
    # `on` is a yes to YAML 1.1.
    assert found[True]["pull_request"]["paths"] == ["mappings/a ${{ '${{' }} b/**"]
    assert found["permissions"] == {"contents": "read"}
    last = job["steps"][-1]["run"].replace("${{ '${{' }}", "${{")
    line = shlex.split(last.splitlines()[1])
    assert line[:5] == ["squeezely-etl", "run", "mappings/a ${{ b", "--dry-run", "--report"]
    assert "--start-from" not in line, "the state knows where"


@pytest.mark.parametrize(
    ("wheel", "installed"),
    [
        ("wheels/own tool-1-py3-none-any.whl", "{folder}/wheels/own tool-1-py3-none-any.whl[postgresql,mysql]"),
        ("https://example.com/x-1.whl", "squeezely-etl[postgresql,mysql] @ https://example.com/x-1.whl"),
        ("git+https://example.com/x@v1", "squeezely-etl[postgresql,mysql] @ git+https://example.com/x@v1"),
        ("", "::error::the variable SQUEEZELY_ETL_WHEEL of the repository is not set"),
        ("squeezely-etl", "::error::SQUEEZELY_ETL_WHEEL is neither a file here nor a URL"),
    ],
)
def test_it_installs_a_wheel_that_is_named_and_nothing_of_an_index(office: Office, wheel: str, installed: str) -> None:
    """Its name is registered in no index, so another could be found there."""
    (office.folder / ".git").mkdir()
    (office.folder / "wheels").mkdir()
    (office.folder / "wheels" / "own tool-1-py3-none-any.whl").touch()
    (office.folder / "pip").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (office.folder / "pip").chmod(0o755)
    job = workflow(office.deploy("github", "mappings/customers.yaml").out)["jobs"]["plan"]
    step = next(one for one in job["steps"] if "pip install" in one.get("run", ""))
    assert step["env"] == {"WHEEL": "${{ vars.SQUEEZELY_ETL_WHEEL }}"}
    ended = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={"PATH": f"{office.folder}:{os.environ['PATH']}", "WHEEL": wheel},
        cwd=office.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    told = ended.stdout.splitlines()
    if installed.startswith("::error::"):
        assert (ended.returncode, len(told), told[0].startswith(installed)) == (1, 1, True)
    else:
        assert (ended.returncode, told) == (0, ["install", installed.format(folder=office.folder.resolve())])


def test_mappings_of_two_repositories_are_refused(office: Office) -> None:
    (office.mappings / ".git").mkdir()
    other = office.folder / "other.yaml"
    other.write_text(MAPPING.replace("name: customers", "name: other"))
    printed = office.deploy("github", "mappings", "other.yaml")
    assert (printed.code, printed.out) == (2, "")
    assert "does not lie in the repository" in printed.err

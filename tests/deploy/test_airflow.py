"""The DAG is executed: what Airflow is handed, where credentials come from, and what each exit code becomes."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import etl
from etl.books import Books
from etl.errors import EXIT_CODES
from etl.sandbox.serve import running
from tests.deploy.airflow_stand_in import (
    Airflow,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    Connection,
)
from tests.deploy.conftest import SECRET, Office

ENDS: dict[int, type[AirflowException] | str | None] = {
    0: None,
    1: AirflowException,
    2: AirflowFailException,
    3: "warned",
    4: AirflowException,
    5: AirflowFailException,
    6: "warned",
    7: AirflowSkipException,
    8: AirflowFailException,
    9: AirflowFailException,
    129: AirflowException,
    130: AirflowException,
    143: AirflowException,
}


class Problem(etl.EtlError):
    """An error with an exit code of its own."""

    def __init__(self, code: int) -> None:
        super().__init__("what happened", hint="what to do")
        self.exit_code = code  # type: ignore[misc]  # one class for all codes


@pytest.fixture
def dag_of(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Airflow]:
    """Print the DAG of `mappings`, and read it without any variable of the mappings."""

    def read(*options: str) -> Airflow:
        printed = office.deploy("airflow", "mappings", *options)
        assert (printed.code, printed.err) == (0, "")
        assert SECRET not in printed.out
        return Airflow().read(printed.out, monkeypatch)

    return read


def test_airflow_is_handed_one_task_a_mapping_and_nothing_of_a_secret(dag_of: Callable[..., Airflow]) -> None:
    """What a task's arguments and templates hold is rendered, kept and shown; here it is the mappings' names alone."""
    dag = dag_of()
    assert dag.mapped == {"name": ["customers", "orders"]}
    assert dag.task.pop("map_index_template") == "{{ task.op_kwargs['name'] }}"
    assert "{{" not in repr((dag.dag, dag.task))
    assert set(dag.task) == {"retries", "retry_delay", "execution_timeout", "max_active_tis_per_dagrun"}
    assert dag.dag.pop("params").keys() == {"mapping", "start_from", "backfill", "from", "to", "resend"}
    assert {key: dag.dag[key] for key in ("schedule", "catchup", "max_active_runs")} == {
        "schedule": "17 3 * * *",
        "catchup": False,
        "max_active_runs": 1,
    }


@pytest.mark.parametrize("raised", [False, True], ids=["an outcome", "an error before the run"])
@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_becomes_what_airflow_knows(
    dag_of: Callable[..., Airflow],
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    raised: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    dag = dag_of()

    def run(*_: object, **__: object) -> etl.Outcome:
        if raised:
            raise Problem(code)
        error = Problem(code) if code else None
        return etl.Outcome("customers", "run", "1", Books(read=2, sent=2), 1.0, None, None, error=error)

    monkeypatch.setattr(etl, "run", run, raising=False)
    expected = ENDS[code]
    if isinstance(expected, type):
        with pytest.raises(AirflowException, match=f"exit code {code}: what happened \\(what to do\\)") as caught:
            dag.execute()
        assert caught.type is expected
        return
    found = dag.execute()
    assert found["exit_code"] == code
    assert (found.get("sent") == 2) is not raised
    assert (f"exit code {code}" in office.capture.readouterr().err) is (expected == "warned")


def test_credentials_are_of_the_workers_environment_else_of_a_connection(
    dag_of: Callable[..., Airflow], office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay in the process: nothing that is returned, raised or logged holds one."""
    dag = dag_of("--state", f"postgresql://etl:{SECRET}@db/state")
    seen: list[str] = []

    def run(*_: object, state: str, **__: object) -> etl.Outcome:
        seen.extend((os.environ["SHOP_DATABASE_URL"], state))
        return etl.Outcome("customers", "run", "1", Books(), 1.0, None, None, error=Problem(6))

    monkeypatch.setattr(etl, "run", run, raising=False)
    for name in ("SHOP_DATABASE_URL", "SQUEEZELY_ETL_STATE"):
        monkeypatch.setenv(name, "so that the test puts it back")
        monkeypatch.delenv(name)
    with pytest.raises(AirflowFailException, match="there is no Connection shop_database_url"):
        dag.execute()
    dag.connections = {
        "shop_database_url": Connection(f"postgres://etl:{SECRET}@db/shop", "db", SECRET),
        "squeezely_etl_state": Connection(f"generic://:{SECRET}@", None, f"postgresql://etl:{SECRET}@db/state"),
    }
    logging.getLogger().setLevel(logging.DEBUG)
    said = dag.execute()
    assert seen == [f"postgres://etl:{SECRET}@db/shop", f"postgresql://etl:{SECRET}@db/state"]
    assert SECRET not in repr(said) + "".join(office.capture.readouterr())
    monkeypatch.setenv("SHOP_DATABASE_URL", "of the worker")
    dag.execute()
    assert seen[2] == "of the worker"


def test_the_task_runs_and_sends_a_range_of_the_past(
    dag_of: Callable[..., Airflow], office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop:
        shop.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, updated_at DATETIME)")
        rows = [(day, f"p{day}@example.com", f"2024-01-{day:02d} 08:00:00") for day in range(1, 6)]
        shop.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        shop.commit()
    file = office.mappings / "customers.yaml"
    file.write_text(file.read_text().replace("${file:/run/secrets/squeezely key}", "key"))
    monkeypatch.setenv("SHOP_DATABASE_URL", f"sqlite:///{tmp_path / 'shop.sqlite'}")
    dag = dag_of()
    with running() as api:
        monkeypatch.setenv("SQUEEZELY_URL", api)
        with pytest.raises(AirflowFailException, match="exit code 8"):
            dag.execute()
        first = dag.execute(start_from="beginning")
        assert (first["exit_code"], first["sent"]) == (0, 5)
        assert dag.execute()["sent"] == 0
        past = {"backfill": True, "from": "2024-01-02", "to": "2024-01-04"}
        assert dag.execute(**past)["unchanged"] == 2
        assert dag.execute(**past, resend=True)["sent"] == 2
    with pytest.raises(AirflowSkipException, match="another mapping"):
        dag.execute(mapping="orders")


def test_a_state_in_a_file_is_warned_of(office: Office) -> None:
    """Tasks may run on several hosts, and a file's lock and ledger are those of one."""
    words = "right only while one host runs all tasks"
    assert words in office.deploy("airflow", "mappings").out
    assert words not in office.deploy("airflow", "mappings", "--state", "postgresql://db/state").out


def test_figures_go_to_the_file_that_was_given(dag_of: Callable[..., Airflow], monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def run(*_: object, **options: object) -> etl.Outcome:
        given.update(options)
        return etl.Outcome("customers", "run", "1", Books(), 1.0, None, None)

    monkeypatch.setattr(etl, "run", run, raising=False)
    dag = dag_of("--metrics-file", "/metrics/run.prom")
    dag.execute()
    assert (given["metrics_file"], given["pushgateway"]) == ("/metrics/run.prom", None)
    monkeypatch.setenv("SQUEEZELY_ETL_RUN_PUSHGATEWAY", "http://gateway:9091")
    dag.execute()
    assert given["pushgateway"] == "http://gateway:9091"
    assert given["notify_url"] == ""
    monkeypatch.setenv("SQUEEZELY_ETL_RUN_NOTIFY_URL", "json://chat/token")
    dag.execute()
    assert given["notify_url"] == "json://chat/token"
    assert given["max_runtime"] == "3h"

"""What `preview` and `explain` show of values: numbers as on the wire, and nothing that ends the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.cli.mapping_file import call
from tests.source.tables import run_sql

MAPPING = """\
version: 1
source: {url: "${PEOPLE_URL}", table: t, primary_key: id}
event: Purchase
fields: {userid: id, orderid: id, totalvalue: total, custom_near: near}
products: {column: items, fields: {id: sku, price: price, quantity: quantity}}
destination: {account: "1", api_key: key}
"""


@pytest.fixture
def mapping(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id char(8) PRIMARY KEY, total numeric, near float8, items jsonb)",
        """INSERT INTO t VALUES ('A1', 12.50, 1e-7, '[{"sku": "A", "price": 12.50, "quantity": 1}]')""",
        """INSERT INTO t VALUES ('A2', 'NaN', 'NaN', '[{"sku": "A", "price": 1, "quantity": 1}]')""",
        """INSERT INTO t VALUES ('A3', 1, '-Infinity', '[{"sku": "A", "price": 1, "quantity": 1}]')""",
    )
    monkeypatch.setenv("PEOPLE_URL", postgresql_url)
    path = tmp_path / "m.yaml"
    path.write_text(MAPPING)
    return path


def test_not_a_number_and_infinity_end_no_command(mapping: Path, tmp_path: Path) -> None:
    ended = call("preview", mapping, "-o", "json")
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(one["row"]["total"], one["row"]["near"]) for one in rows[1:]] == [("NaN", "NaN"), (1, "-Infinity")]
    assert [one["event"] is None for one in rows] == [False, False, False]
    assert [one["code"] for one in rows[2]["problems"]] == ["not_finite"]
    with open_state(str(tmp_path / "state.sqlite"), clock=SystemClock(), write=True):
        pass
    told = call("explain", mapping, "A2", "-o", "json", "--state", tmp_path / "state.sqlite")
    assert json.loads(told.stdout)["row"]["total"] == "NaN"
    assert "NaN" in call("preview", mapping).stdout


def test_numbers_look_as_on_the_wire(mapping: Path) -> None:
    shown = call("preview", mapping, "--key", "A1").stdout
    body = call("preview", mapping, "--key", "A1", "--request").stdout
    for number in ("12.50", "1e-7"):
        assert number in shown
        assert number in body

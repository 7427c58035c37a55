"""`validate --connect` finds what would end the night: a run's statements, and the newest rows through the mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from etl.secret import Secret
from etl.source.connect import place_of
from tests.cli.mapping_file import call
from tests.source.tables import insert, run_sql

REFUSED = "the database refuses what a run asks: a table, column or function does not exist: "
CONDITION = "could not try the condition in PLACE: a table, column or function does not exist: "
MAPPING = """\
version: 1
name: {name}
source: {{url: "${{PEOPLE_URL}}", table: orders, primary_key: id, cursor_field: n{source}}}
event: Purchase
fields:
  email: email
  orderid: id
  custom_points: {{column: {points}, type: integer}}
{more}
destination: {{url: "${{API_URL}}", account: shop-1, api_key: key}}
"""
PRODUCTS = """\
products:
  table: lines
  match: {{{match}: id}}{where}
  fields: {{id: sku, name: sku, price: price, quantity: quantity, language: {{value: nl-NL}}}}
"""


@pytest.fixture
def shop_url(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    run_sql(
        postgresql_url,
        "CREATE TABLE orders (id integer PRIMARY KEY, n integer NOT NULL UNIQUE, email text, status text, name text)",
        "CREATE TABLE lines (order_id integer, order_text text, sku text, price numeric, quantity integer, kind text)",
    )
    rows = [
        {"id": number, "n": number, "email": f"p{number}@example.com", "status": "active", "name": "Anna"}
        for number in range(30)
    ]
    insert(postgresql_url, "orders", rows)
    lines = [
        {"order_id": number, "order_text": str(number), "sku": "a", "price": 1, "quantity": 1} for number in range(30)
    ]
    insert(postgresql_url, "lines", lines)
    monkeypatch.setenv("PEOPLE_URL", postgresql_url)
    with running(SandboxSettings(account="shop-1", api_key=Secret("key"))) as url:
        monkeypatch.setenv("API_URL", url)
        yield postgresql_url


def write(folder: Path, *, name: str = "orders", source: str = "", points: str = "n", more: str = "") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(MAPPING.format(name=name, source=source, points=points, more=more))
    return path


def products(match: str = "order_id", where: str = "") -> str:
    return PRODUCTS.format(match=match, where=where and f"\n  where: {where}")


def test_a_mapping_that_is_right_is_valid(shop_url: str, tmp_path: Path) -> None:
    result = call("validate", write(tmp_path, more=products()), "--connect")
    assert "valid (" in result.output
    assert (result.return_value, "error" in result.output) == (0, False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"source": ", where: status = active"},
            (f'orders.yaml:3:88  source.where: {CONDITION}column "active" does not exist'),
        ),
        (
            {"more": products(where="kind = gift")},
            (f'orders.yaml:12:10  products.where: {CONDITION}column "gift" does not exist'),
        ),
        (
            {"more": products(match="order_text")},
            (f"orders.yaml:11:10  products.match: {REFUSED}operator does not exist: text = integer"),
        ),
        (
            {"points": "name", "more": products() + "on_invalid: reject"},
            "orders.yaml:8:18  fields.custom_points: 30 of the newest 30 rows would be invalid: ",
        ),
        (
            {"points": "name", "more": products()},
            "orders.yaml:8:18  fields.custom_points: 30 of the newest 30 rows would be sent without custom_points: ",
        ),
    ],
)
def test_what_would_fail_at_night_is_told_by_day(
    shop_url: str, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    result = call("validate", write(tmp_path, **({"more": products()} | changed)), "--connect")
    assert said.replace("PLACE", place_of(sa.make_url(shop_url))) in result.output
    assert result.return_value == (0 if "sent without" in said else 2)
    assert "validate --connect" not in result.output
    assert "Anna" not in result.output


def test_a_child_table_that_may_not_be_read_is_told(
    shop_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(shop_url, "CREATE ROLE half_reader LOGIN", "GRANT SELECT ON orders TO half_reader")
    url = sa.make_url(shop_url).set(username="half_reader").render_as_string(hide_password=False)
    monkeypatch.setenv("PEOPLE_URL", url)
    result = call("validate", write(tmp_path, more=products()), "--connect")
    run_sql(shop_url, "DROP OWNED BY half_reader", "DROP ROLE half_reader")
    assert result.return_value == 2
    assert "  products: the database refuses what a run asks: the database user may not read it" in result.output
    assert "permission denied for table lines" in result.output


def test_two_mappings_of_one_name_are_told(shop_url: str, tmp_path: Path) -> None:
    """Also offline: a run of the folder would refuse both."""
    one = write(tmp_path, more=products())
    (tmp_path / "copy.yaml").write_text(one.read_text())
    result = call("validate", tmp_path)
    assert result.return_value == 2
    assert result.output.count("error: name: orders is used twice; a name is one checkpoint") == 2


def test_values_that_cannot_be_meant_are_told(shop_url: str, tmp_path: Path) -> None:
    """Acceptable is not plausible: `init` and `validate` look at the same."""
    run_sql(
        shop_url,
        "ALTER TABLE orders ADD born date, ADD total text, ADD happened bigint, ADD tel text",
        "UPDATE orders SET happened = 100000001 + id, tel = '06123456' || (10 + id)",
        "UPDATE orders SET tel = tel || '7' WHERE id = 7",
        "UPDATE orders SET happened = extract(epoch FROM now() + interval '3 days')::bigint WHERE id > 20",
        "UPDATE orders SET email = NULL WHERE id IN (3, 4)",
        "UPDATE orders SET born = CASE WHEN id < 10 THEN date '1900-01-01' ELSE date '1980-01-01' + id END",
        "UPDATE orders SET total = id || '.234,50'",
    )
    path = write(tmp_path, more=products())
    more = "  timestamp: happened\n  phone: tel\n  birthdate: born\n  city: name\n"
    more += "  totalvalue: {column: total, on_invalid: omit}\n"
    path.write_text(path.read_text().replace("  orderid: id\n", f"  orderid: id\n{more}"))
    result = call("validate", path, "--connect", "-o", "json")
    told = " ".join(one["message"] for one in json.loads(result.stdout)["warnings"])
    assert "fields.city: of the newest 30 rows, all 30 values are the same" in told
    assert 'fields.totalvalue: of the newest 30 rows, the texts look like 1.234,50: add decimal_separator: ","' in told
    assert "10 of the newest 30 rows would be sent without birthdate: implausible_date" in told
    assert "fields.phone: of the newest 30 rows, 1 of 30 values are one digit longer than the others" in told
    assert "fields.timestamp: of the newest 30 rows, 9 of 30 values lie after tomorrow" in told
    errors = " ".join(one["message"] for one in json.loads(result.stdout)["errors"])
    assert "2 of the newest 30 rows would be invalid: missing_identity" in told + errors


def test_a_withdrawn_currency_that_the_mapping_names_has_a_remark(shop_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, more=products())
    more = "  currency: {value: HRK}\n"
    path.write_text(path.read_text().replace("  orderid: id\n", f"  orderid: id\n{more}"))
    result = call("validate", path)
    assert "fields.currency: HRK was withdrawn in 2023; it is right for amounts of before" in result.output


def test_rows_that_cannot_be_had_in_time_are_said_to_be_unseen(shop_url: str, tmp_path: Path) -> None:
    """A slow view is no wrong mapping."""
    slow = ', where: "pg_sleep(0.1) IS NOT NULL", statement_timeout: 1s'
    result = call("validate", write(tmp_path, source=slow, more=products()), "--connect")
    assert "orders.yaml:6:3  fields: the newest rows were not looked at: could not read orders in " in result.output
    assert result.return_value == 0

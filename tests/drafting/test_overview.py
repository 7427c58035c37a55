"""What `init URL` lists: what names its customer as well as what holds an address, each with a file of its own."""

from __future__ import annotations

import shlex

import pytest

from tests.cli.mapping_file import call
from tests.source.tables import run_sql


def listed(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tables that are named, each with the file that its command writes."""
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    commands = [shlex.split(one) for one in call("init", "${SHOP_DATABASE_URL}").stdout.splitlines() if one[:1] == " "]
    return {words[3]: words[5] for words in commands}


def test_a_subscription_that_names_its_customer_is_listed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sql(
        database_url,
        "CREATE TABLE guests (guest_id INTEGER PRIMARY KEY, e_mail VARCHAR(60))",
        "CREATE TABLE subscriptions (id INTEGER PRIMARY KEY, member_id INTEGER, plan_code VARCHAR(9))",
        "CREATE TABLE reservations (id INTEGER PRIMARY KEY, guest_id INTEGER, total_cents INTEGER)",
        "INSERT INTO guests VALUES (1, 'a@shop.nl')",
    )
    assert set(listed(database_url, monkeypatch)) == {"guests", "subscriptions", "reservations"}


def test_tables_of_one_name_in_two_schemas_have_two_files(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second command of the list would have found the first one's file."""
    columns = "(id INTEGER PRIMARY KEY, order_no TEXT, total NUMERIC, email TEXT)"
    run_sql(
        postgresql_url,
        "CREATE SCHEMA sales",
        "CREATE SCHEMA archive",
        f"CREATE TABLE sales.orders {columns}",
        f"CREATE TABLE archive.orders {columns}",
        f"CREATE TABLE sales.bookings {columns}",
    )
    assert listed(postgresql_url, monkeypatch) == {
        "sales.orders": "mappings/sales_orders.yaml",
        "archive.orders": "mappings/archive_orders.yaml",
        "sales.bookings": "mappings/bookings.yaml",
    }

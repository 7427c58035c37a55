"""`init` before anything is set up: what it lists, what it writes beside the draft, and that its next command works."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import SourceMismatch, UsageProblem
from etl.mapping.schema import schema_text
from tests.cli.mapping_file import call
from tests.source.tables import insert, run_sql

PASSWORD = "geheim-4711"
COMMANDS = Path(sys.executable).parent


@pytest.fixture
def shop_url(database_url: str) -> str:
    """Customers and their orders, and a view of some of them."""
    run_sql(
        database_url,
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(60), first_name VARCHAR(30), city VARCHAR(30))",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, order_number VARCHAR(20), customer_id INTEGER, total INTEGER)",
        "CREATE VIEW buyers AS SELECT id, email, city FROM customers WHERE id > 2",
    )
    insert(
        database_url,
        "customers",
        [{"id": n, "email": f"a{n}@shop.nl", "first_name": "Eva", "city": "Gent"} for n in range(1, 13)],
    )
    return database_url


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SQUEEZELY_ACCOUNT", "SQUEEZELY_API_KEY", "SQUEEZELY_URL", "SHOP_DATABASE_URL", "SOURCE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def look_of(text: str) -> list[str]:
    """The command that stands in the last line of the header."""
    return shlex.split(text.partition("\nversion:")[0].splitlines()[-1].removeprefix("#"))


def test_the_last_line_of_the_header_works_before_there_is_an_account(shop_url: str) -> None:
    """As printed, in a shell, with nothing set but what the draft itself asks for."""
    call("init", shop_url, "customers", "-o", "my drafts/klanten.yaml")
    line = (Path("my drafts") / "klanten.yaml").read_text().partition("\nversion:")[0].splitlines()[-1].lstrip("# ")
    ended = subprocess.run(
        ["sh", "-c", f"{line} -o json"],
        env={"PATH": f"{COMMANDS}:{os.environ['PATH']}", "SOURCE_DATABASE_URL": shop_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert [json.loads(one)["event"]["firstname"] for one in ended.stdout.splitlines()] == ["Eva"] * 3


def test_a_draft_on_stdout_names_the_file_that_it_would_be(shop_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATABASE_URL", shop_url)
    result = call("init", "${SOURCE_DATABASE_URL}", "customers")
    Path("customers.yaml").write_text(result.stdout)
    assert look_of(result.stdout) == ["squeezely-etl", "preview", "customers.yaml", "--limit", "3"]
    assert call(*look_of(result.stdout)[1:]).return_value == 0
    assert "squeezely-etl schema -o mapping.schema.json" in result.stderr


def test_the_schema_lies_beside_the_draft_and_one_that_is_there_stays(shop_url: str) -> None:
    """The first line of a draft names it for editors."""
    call("init", shop_url, "customers", "-o", "a/b/customers.yaml")
    assert Path("a/b/mapping.schema.json").read_text() == schema_text()
    Path("a/b/mapping.schema.json").write_text("mine")
    call("init", shop_url, "buyers", "-o", "a/b/buyers.yaml")
    assert Path("a/b/mapping.schema.json").read_text() == "mine"
    call("schema", "-o", "elsewhere/mapping.schema.json")
    assert Path("elsewhere/mapping.schema.json").read_text() == schema_text()


def test_a_view_is_drafted(shop_url: str) -> None:
    result = call("init", shop_url, "buyers")
    assert "table: buyers" in result.stdout
    assert "email: email" in result.stdout
    assert "primary_key: id" in result.stdout


def test_a_query_is_drafted(shop_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what its text holds kept as it is, dollars among it."""
    sql = "SELECT c.id, c.email,\n  '$5 ${town}' AS city\nFROM customers AS c\nWHERE c.id > 4"
    Path("some.sql").write_text(f"{sql};\n")
    monkeypatch.setenv("MY_URL", shop_url)
    call("init", "${MY_URL}", "--query", "some.sql", "-o", "some.yaml")
    text = Path("some.yaml").read_text()
    assert "\n    WHERE c.id > 4\n" in text
    assert "'$5 $${town}' AS city" in text
    looked = call(*look_of(text)[1:], "-o", "json")
    assert {json.loads(one)["event"]["city"] for one in looked.stdout.splitlines()} == {"$5 ${town}"}
    with pytest.raises(UsageProblem, match="a table and a query"):
        call("init", "${MY_URL}", "customers", "--query", "some.sql")


def test_a_wrong_query_is_told(shop_url: str) -> None:
    Path("wrong.sql").write_text("SELECT id, emial FROM customers")
    with pytest.raises(SourceMismatch, match="emial"):
        call("init", shop_url, "--query", "wrong.sql")


def test_tables_are_listed_with_a_command_that_works(shop_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE_URL", shop_url)
    listed = call("init", shop_url)
    commands = [line.strip() for line in listed.stdout.splitlines() if line.startswith("  ")]
    assert [shlex.split(one)[3] for one in commands] == ["customers", "buyers", "orders"]
    assert "subscriptions: no table looks like them" in listed.stdout
    assert shop_url not in listed.stdout + listed.stderr
    for one in commands:
        call(*shlex.split(one)[1:])
    assert sorted(path.name for path in Path("mappings").glob("*.yaml")) == [
        "buyers.yaml",
        "customers.yaml",
        "orders.yaml",
    ]


def test_a_password_of_the_command_line_reaches_no_file_and_no_message(postgresql_url: str) -> None:
    """Neither when tables are listed, nor when one is drafted; and what is to be set first is said."""
    run_sql(postgresql_url, "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT)")
    secret = sa.make_url(postgresql_url).set(password=PASSWORD).render_as_string(hide_password=False)
    listed = call("init", secret)
    drafted = call("init", secret, "customers", "-o", "customers.yaml")
    said = listed.stdout + listed.stderr + drafted.stdout + drafted.stderr + Path("customers.yaml").read_text()
    assert PASSWORD not in said
    assert "'${SOURCE_DATABASE_URL}' customers" in listed.stdout
    assert said.count("read -rs SOURCE_DATABASE_URL && export SOURCE_DATABASE_URL") == 2


def test_the_variable_that_holds_the_url_is_named_in_its_place(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `init "$SHOP_DATABASE_URL" customers`, where the shell has filled it in."""
    run_sql(postgresql_url, "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT)")
    secret = sa.make_url(postgresql_url).set(password=PASSWORD).render_as_string(hide_password=False)
    monkeypatch.setenv("SHOP_DATABASE_URL", secret)
    result = call("init", secret, "customers")
    assert "url: ${SHOP_DATABASE_URL} " in result.stdout
    assert "SOURCE_DATABASE_URL" not in result.stdout + result.stderr


def test_a_table_of_another_schema_is_found_and_several_are_named(postgresql_url: str) -> None:
    for schema in ("one", "two"):
        run_sql(
            postgresql_url,
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.people (id INTEGER PRIMARY KEY, email TEXT)",
        )
    run_sql(postgresql_url, "CREATE TABLE two.alone (id INTEGER PRIMARY KEY, email TEXT)")
    assert "table: two.alone" in call("init", postgresql_url, "alone").stdout
    with pytest.raises(SourceMismatch, match=r"several schemas have a table of that name: one\.people, two\.people"):
        call("init", postgresql_url, "people")
    assert "table: one.people" in call("init", postgresql_url, "one.people").stdout


def test_no_table_for_a_file_is_told(shop_url: str) -> None:
    with pytest.raises(UsageProblem, match="no table is named for the file"):
        call("init", shop_url, "-o", "x.yaml")


def test_orders_are_listed_though_their_total_or_their_buyer_stands_elsewhere(database_url: str) -> None:
    """By their name; and what belongs to an order is no table of people."""
    run_sql(
        database_url,
        "CREATE TABLE web_orders (id INTEGER PRIMARY KEY, code VARCHAR(9), customer_id INTEGER)",
        "CREATE TABLE shop_orders (id INTEGER PRIMARY KEY, code VARCHAR(9), total INTEGER)",
        "CREATE TABLE order_contacts (id INTEGER PRIMARY KEY, email VARCHAR(60), first_name VARCHAR(9))",
        "CREATE TABLE employees (id INTEGER PRIMARY KEY, email VARCHAR(60), first_name VARCHAR(9))",
        "CREATE TABLE newsletter_subscribers (id INTEGER PRIMARY KEY, email VARCHAR(60), state VARCHAR(9))",
    )
    listed = call("init", database_url).stdout
    tables = [shlex.split(line)[3] for line in listed.splitlines() if line.startswith("  ")]
    assert tables == ["shop_orders", "web_orders", "newsletter_subscribers"]
    assert "customers: no table looks like them" in listed

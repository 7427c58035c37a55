"""`preview --key K --as-test`: a real row as an example that passes and shows no value of a person."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import sqlalchemy as sa

from etl.errors import UsageProblem
from tests.cli.mapping_file import call

MAPPING = """\
version: 1
name: people
source: {url: "${PEOPLE_URL}", table: people, primary_key: id, timezone: Europe/Amsterdam}
event: PersonUpdated
fields:
  email: email
  firstname: {column: first, transform: [title]}
  lastname: last
  phone: {column: phone, on_invalid: omit}
  birthdate: birthdate
  custom_hello: {template: "Dear {first} {last}"}
  custom_note: remarks_of_shop
  custom_vip: vip
  custom_since: since
  custom_money: money
  custom_data: data
products:
  table: lines
  match: {person: id}
  fields: {id: sku, name: engraving}
"""
PERSON = {
    "email": " Noor.Bakker@Private.example.ORG ",
    "first": "NOOR",
    "last": "Bakker",
    "phone": "+31 6 87654329",
    "birthdate": "1991-07-13",
    "remarks_of_shop": "Mrs Bakker (noor.bakker@private.example.org) calls often",
    "vip": True,
    "since": "2024-03-31 12:00:00",
    "money": "1249.50",
    "data": '{"owner": "Noor", "n": 1.10}',
}
SECRETS = ("noor", "bakker", "87654329", "1991-07-13", "private")


@pytest.fixture
def mapping(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, first TEXT, last TEXT, phone TEXT,"
            " birthdate DATE, remarks_of_shop TEXT, vip BOOLEAN, since DATETIME, money NUMERIC(10,2), data JSON)"
        )
        connection.exec_driver_sql("CREATE TABLE lines (person INTEGER, sku TEXT, engraving TEXT)")
        names = ", ".join(PERSON)
        values = ", ".join(f":{name}" for name in PERSON)
        connection.execute(sa.text(f"INSERT INTO people (id, {names}) VALUES (1, {values})"), PERSON)
        connection.exec_driver_sql("INSERT INTO people (id, first) VALUES (2, 'Noor')")
        connection.exec_driver_sql("INSERT INTO lines VALUES (1, 'no', 'for Noor'), (1, '007', NULL)")
    engine.dispose()
    for name, value in {"PEOPLE_URL": sqlite_url, "SQUEEZELY_ACCOUNT": "1", "SQUEEZELY_API_KEY": "key"}.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "people.yaml"
    path.write_text(MAPPING)
    return path


def test_what_is_printed_passes_and_shows_nobody(mapping: Path) -> None:
    printed = call("preview", mapping, "--key", 1, "--as-test").stdout
    assert not [word for word in SECRETS if word in printed.lower()]
    mapping.write_text(MAPPING + printed)
    result = call("test", mapping)
    assert result.return_value == 0, result.stdout + printed
    assert "people: 1 test, all pass" in result.stdout


def test_the_expectation_is_that_of_the_real_row_but_for_the_stand_ins(mapping: Path) -> None:
    printed = call("preview", mapping, "--key", 1, "--as-test").stdout
    assert "gives another event" not in printed
    for line in (
        'email: " Eva@Example.com "',
        "first: EVA",
        'custom_hello: "Dear EVA Jansen"',
        'custom_note: "Abc Jansen (Eva@Example.com) abcde abcde"',
        'custom_vip: "yes"',
        'custom_since: "2024-03-31T12:00:00+02:00"',
        "custom_money: 1234.5",
        '{id: "no", name: "abc EVA"}',
        '{id: "123"}',
    ):
        assert line in printed, printed


def test_an_invalid_row_expects_its_problems(mapping: Path) -> None:
    printed = call("preview", mapping, "--key", 2, "--as-test").stdout
    assert "expect_problems: [missing_identity]" in printed
    mapping.write_text(MAPPING + printed)
    assert call("test", mapping).return_value == 0


def test_a_key_is_needed_and_must_be_there(mapping: Path) -> None:
    with pytest.raises(click.UsageError, match="--key"):
        call("preview", mapping, "--as-test")
    with pytest.raises(UsageProblem):
        call("preview", mapping, "--key", 99, "--as-test")


PRIVATE = {
    "bank": "NL91ABNA0417164300",
    "bsn": 987654321,
    "ip": "203.0.113.77",
    "extra": '{"contact": {"who": "Wilhelmina", "age": 47}, "tags": ["Oosterbeek"], "vip": true}',
    "free": "zoon Sjoerd, tel. 0201112223",
}


def test_what_is_in_no_closed_list_is_replaced_and_what_stays_is_told(mapping: Path, sqlite_url: str) -> None:
    """No list of what is personal is whole: a bank account, a national number, an address, a name inside JSON."""
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as connection:
        names = ", ".join(f"{name} {'INTEGER' if name == 'bsn' else 'TEXT'}" for name in PRIVATE)
        connection.exec_driver_sql(f"CREATE TABLE private (id INTEGER PRIMARY KEY, country TEXT, {names})")
        values = ", ".join(f":{name}" for name in PRIVATE)
        connection.execute(sa.text(f"INSERT INTO private VALUES (4711, 'nl', {values})"), PRIVATE)
    engine.dispose()
    fields = "".join(f"  custom_{name}: {name}\n" for name in PRIVATE)
    text = MAPPING[: MAPPING.index("fields:")].replace("table: people", "table: private")
    mapping.write_text(f"{text}fields:\n  userid: {{column: id, type: text}}\n  country: country\n{fields}")
    printed = call("preview", mapping, "--key", 4711, "--as-test").stdout
    for secret in ("4711", "NL91", "0417", "98765", "203.0", "Wilhelmina", "47", "Oosterbeek", "Sjoerd", "0201112"):
        assert secret not in printed, printed
    for line in (
        "# As in the database: country. Everything else is a stand-in.",
        "id: 1234",
        "bank: AB12CDEF3456789123",
        "bsn: 123456789",
        'custom_ip: "123.1.123.12"',
        "country: NL",
    ):
        assert line in printed, printed

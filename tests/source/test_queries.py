"""What a mapping says that the database does not have is named, with the mapping's line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from etl.errors import SourceMismatch, UsageProblem
from etl.mapping.load import load_mapping
from etl.source.open import open_source
from tests.source.clocks import FakeClock
from tests.source.tables import everything, keys_of, opened, run_sql


def test_a_wrong_column_of_a_query_is_named_with_the_mappings_line(database_url: str, tmp_path: Path) -> None:
    """Identifiers are not personal data, and the query may have many lines."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9))")
    file = tmp_path / "m.yaml"
    file.write_text("version: 1\nsource:\n  query: SELECT id, naam FROM t\n")
    with (
        pytest.raises(SourceMismatch, match="naam") as error,
        opened(database_url, query="SELECT id, naam FROM t", mapping_path=file),
    ):
        pass
    assert error.value.message.startswith(f"{file}:3:21  source.query: could not run the query")


LINES = """\
SELECT t.id,
       '100%' AS share,

  {wrong} AS x
FROM t
WHERE t.id > 0"""


@pytest.mark.parametrize("wrong", ["t.naam", "nosuch(t.id)", "t.id FORM", "naam"])
@pytest.mark.parametrize("style", ["|", "|-"])
def test_a_mistake_in_a_long_query_is_named_with_its_own_line(
    database_url: str, tmp_path: Path, wrong: str, style: str
) -> None:
    """As far as the database says where it is, or what it is."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9))")
    query = LINES.format(wrong=wrong)
    file = tmp_path / "m.yaml"
    file.write_text("version: 1\nsource:\n  query: " + "\n    ".join([style, *query.splitlines()]))
    read = yaml.safe_load(file.read_text())["source"]["query"]
    with pytest.raises(SourceMismatch) as error, opened(database_url, query=read, mapping_path=file):
        pass
    line, column = map(int, error.value.message.removeprefix(f"{file}:").partition("  ")[0].split(":"))
    if database_url.startswith("sqlite") and "FORM" in wrong:
        # It calls the word after it wrong, and does not say which: there are two.
        assert (line, column) == (3, 10)
    else:
        assert line == 7
        assert file.read_text().splitlines()[6][column - 1 :].startswith(("t.naam", "naam", "nosuch", "FORM", "AS x"))


def test_of_a_query_whose_lines_are_folded_the_key_is_named(sqlite_url: str, tmp_path: Path) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    file = tmp_path / "m.yaml"
    file.write_text("version: 1\nsource:\n  query: >\n    SELECT id,\n    naam\n    FROM t\n")
    with (
        pytest.raises(SourceMismatch) as error,
        opened(sqlite_url, query="SELECT id, naam FROM t", mapping_path=file),
    ):
        pass
    assert error.value.message.startswith(f"{file}:3:10  source.query: ")


MAPPING = """\
version: 1
source:
  url: {url}
  {source}
  primary_key: {key}
  cursor_field: {cursor}
event: {{column: {event}}}
fields:
  email: {email}
  userid:
    column: [id, {userid}]
  custom_name: {{template: "{{{name}}} {{name}}"}}
products:
  table: parts
  match: {{{child}: {parent}}}
  order_by: [line, {order}]
  fields:
    id: {{column: {sku}}}
    name: {{parent: {of_parent}}}
destination: {{account: a, api_key: k}}
"""
RIGHT = {
    "source": "table: t", "key": "id", "cursor": "[at, made]", "event": "name", "email": "name", "userid": "name",
    "name": "name", "child": "t_id", "parent": "id", "order": "sku", "sku": "sku", "of_parent": "name",
}  # fmt: skip


def message_of(url: str, tmp_path: Path, **wrong: str) -> str:
    """What opening the mapping tells, with parts of it `wrong`."""
    file = tmp_path / "m.yaml"
    file.write_text(MAPPING.format(url=url, **RIGHT | wrong))
    mapping = load_mapping(file, environment={}, read_file=lambda path: path.read_bytes())
    with pytest.raises((SourceMismatch, UsageProblem)) as error, open_source(mapping, clock=FakeClock()):
        pass
    return error.value.message.replace(f"{file}:", "")


@pytest.fixture
def shop_url(database_url: str) -> str:
    run_sql(
        database_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9), at INTEGER, made INTEGER, odd REAL)",
        "CREATE TABLE parts (t_id INTEGER, line INTEGER, sku VARCHAR(9))",
    )
    return database_url


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("key", "5:16  source.primary_key"),
        ("cursor", "6:17  source.cursor_field"),
        ("event", "7:17  event.column"),
        ("email", "9:10  fields.email"),
        ("userid", "11:18  fields.userid.column[1]"),
        ("name", "12:27  fields.custom_name.template"),
        ("order", "16:20  products.order_by[1]"),
        ("sku", "18:18  products.fields.id.column"),
        ("of_parent", "19:20  products.fields.name.parent"),
    ],
)
def test_an_unknown_column_is_named_with_the_place_that_names_it(
    shop_url: str, tmp_path: Path, part: str, place: str
) -> None:
    """As for mistakes that are found without the database."""
    told = message_of(shop_url, tmp_path, **{part: "nmae"}).splitlines()
    table = "parts" if part in {"order", "sku"} else "t"
    (line,) = [one for one in told if one.startswith(place)]
    assert line.startswith(f'{place}: {table} has no column "nmae"')
    assert len(told) == 1


def test_unknown_columns_of_match_are_named_where_they_stand(shop_url: str, tmp_path: Path) -> None:
    child = message_of(shop_url, tmp_path, child="tid")
    parent = message_of(shop_url, tmp_path, parent="idd")
    assert child == '15:16  products.match.tid: parts has no column "tid"; did you mean "t_id"?'
    assert parent == '15:17  products.match.t_id: t has no column "idd"; did you mean "id"?'


def test_a_column_that_cannot_be_key_or_cursor_is_named_with_its_line(shop_url: str, tmp_path: Path) -> None:
    assert message_of(shop_url, tmp_path, key="[odd, id]").startswith("5:16  source.primary_key: odd cannot be part")
    assert message_of(shop_url, tmp_path, cursor="odd").startswith(
        "6:17  source.cursor_field: odd cannot be the cursor"
    )
    mixed = message_of(shop_url, tmp_path, cursor="[at, name]")
    assert mixed.startswith("6:17  source.cursor_field: its columns are of different types")


def test_a_table_that_is_not_there_is_named_with_its_line(shop_url: str, tmp_path: Path) -> None:
    told = message_of(shop_url, tmp_path, source="table: tt")
    assert told.startswith("4:10  source.table: ")
    assert 'has no table or view "tt"; did you mean "t"?' in told


@pytest.mark.parametrize("twice", ["id", "name"])
def test_a_column_that_a_query_gives_twice_is_named_with_its_line(shop_url: str, tmp_path: Path, twice: str) -> None:
    """SQLite would take the first of them."""
    told = message_of(shop_url, tmp_path, source=f"query: SELECT id, name, at, made, {twice} FROM t")
    assert told.startswith("4:")
    assert "  source.query: " in told
    assert twice in told
    assert "twice" in told or "several columns of one name" in told or "Duplicate column name" in told


WRITTEN = {
    "parenthesised": "(SELECT id, name FROM t WHERE id < 5) UNION ALL (SELECT id, name FROM t WHERE id > 4);",
    "quoted": "SELECT id, name FROM t WHERE name <> $$it's; -- one$$ AND name <> $q$two ${HOME:-a}$q$ -- all\n;",
}


@pytest.mark.parametrize(
    ("server", "kind"), [("postgresql", "parenthesised"), ("postgresql", "quoted"), ("mariadb", "parenthesised")]
)
def test_a_query_of_a_mapping_is_read_as_people_write_it(
    server: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(f"{server}_url")
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9))")
    run_sql(url, *(f"INSERT INTO t VALUES ({n}, 'n{n}')" for n in range(10)))
    file = tmp_path / "m.yaml"
    text = MAPPING.partition("event:")[0].format(
        url=url, source=f"query: {json.dumps(WRITTEN[kind])}", key="id", cursor="id"
    )
    file.write_text(
        f"{text}  page_size: 3\nevent: CustomerUpdated\nfields: {{userid: id, custom_name: name}}\n"
        "destination: {account: a, api_key: k}\n"
    )
    mapping = load_mapping(file, environment={}, read_file=lambda path: path.read_bytes())
    with open_source(mapping, clock=FakeClock()) as source:
        assert [one.message for one in source.preflight() if one.level == "error"] == []
        assert keys_of(everything(source)) == [(n,) for n in range(10)]


def test_a_column_named_like_the_second_of_two_is_no_second_one(sqlite_url: str) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9))")
    with opened(sqlite_url, query='SELECT id, name AS "name:1" FROM t', columns=("name:1",)):
        pass

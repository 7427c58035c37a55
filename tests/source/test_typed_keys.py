"""A key as a person types it becomes the key of the row that it names, so that its dead letters are found too."""

from __future__ import annotations

import pytest

from tests.source.tables import everything, opened, run_sql

UUID = "0fa9c3d4-0000-4000-8000-0000000000ff"
RAW = bytes.fromhex(UUID.replace("-", ""))


@pytest.mark.parametrize("typed", [f"0x{RAW.hex()}", RAW.hex(), RAW.hex().upper(), UUID, f"id={UUID}"])
@pytest.mark.parametrize("relation", [{"table": "t"}, {"query": "SELECT * FROM t"}])
def test_a_binary_key_is_typed_with_and_without_0x_or_as_a_uuid(
    mariadb_url: str, typed: str, relation: dict[str, str]
) -> None:
    """`status` prints it with 0x."""
    run_sql(mariadb_url, "CREATE TABLE t (id BINARY(16) PRIMARY KEY)", f"INSERT INTO t VALUES (x'{RAW.hex()}')")
    with opened(mariadb_url, **relation) as source:
        assert source.parse_key(typed) == (RAW,)


@pytest.mark.parametrize(
    ("server", "column", "kept", "typed"),
    [
        ("postgresql", "char(8)", "A1", "A1"),
        ("postgresql", "citext", "Ab", "aB"),
        ("postgresql", "numeric(8,2)", "7", "7.0"),
        ("postgresql", "uuid", UUID, UUID.upper()),
        ("mariadb", "CHAR(8)", "A1", "a1"),
        ("mariadb", "VARCHAR(8)", "É", "e"),
        ("mariadb", "UUID", UUID, UUID.upper()),
        ("mariadb", "ENUM('Push','sms')", "Push", "push"),
        ("sqlite", "VARCHAR(8) COLLATE NOCASE", "Ab", "AB"),
    ],
)
def test_a_key_typed_otherwise_is_that_of_the_row_that_is_found(
    server: str, column: str, kept: str, typed: str, request: pytest.FixtureRequest
) -> None:
    """The database equates them; the state's letters are under the row's own spelling."""
    url = request.getfixturevalue(f"{server}_url")
    if column == "citext":
        run_sql(url, "CREATE EXTENSION citext")
    run_sql(url, f"CREATE TABLE t (id {column} PRIMARY KEY)", f"INSERT INTO t VALUES ('{kept}')")
    with opened(url) as source:
        ((row,),) = [page.rows for page in everything(source)]
        assert source.parse_key(typed) == row


def test_a_key_without_a_row_stays_as_it_was_typed(database_url: str) -> None:
    """Its row may be gone, and its dead letter not."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(8))")
    with opened(database_url) as source:
        assert source.parse_key("7") == (7,)
    with opened(database_url, primary_key=("code",)) as source:
        assert source.parse_key("gone") == ("gone",)

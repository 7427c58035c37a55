"""`init` as a person uses it: where the mapping goes, what of the URL is in it, what is said beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from etl.drafting.url import url_for_file
from etl.errors import SourceMismatch, UsageProblem
from tests.cli.mapping_file import call

PASSWORD = "geheim-4711"


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = tmp_path / "shop.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, updated_at DATETIME)")
        database.execute("INSERT INTO people VALUES (1, 'someone@private.example', '2024-01-01 12:00:00')")
    database.close()
    return f"sqlite:///{path}"


def test_a_mapping_goes_to_stdout_and_remarks_to_stderr(url: str) -> None:
    result = call("init", url, "people")
    assert result.stdout.startswith("# yaml-language-server")
    assert f'url: "{url}"' in result.stdout
    assert "cursor_field is not indexed" in result.stderr
    assert "validate FILE --connect" in result.stderr


def test_no_comment_holds_a_value_of_a_row(url: str) -> None:
    """F2."""
    result = call("init", url, "people")
    assert "private.example" not in result.stdout + result.stderr


def test_a_file_is_written_and_never_overwritten_without_yes(url: str, tmp_path: Path) -> None:
    path = tmp_path / "mappings" / "people.yaml"
    assert "wrote" in call("init", url, "people", "-o", path).stderr
    assert "email: email" in path.read_text()
    path.write_text("mine")
    with pytest.raises(UsageProblem, match="is there already"):
        call("init", url, "people", "-o", path)
    assert path.read_text() == "mine"
    call("init", url, "people", "-o", path, "--yes")
    assert "email: email" in path.read_text()
    assert sorted(one.name for one in path.parent.iterdir()) == ["mapping.schema.json", "people.yaml"]


def test_a_variable_stays_a_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no password needs to stand on the command line."""
    monkeypatch.setenv("MY_SHOP_URL", url)
    result = call("init", "${MY_SHOP_URL}", "people")
    assert "url: ${MY_SHOP_URL}" in result.stdout
    assert url not in result.stdout
    monkeypatch.delenv("MY_SHOP_URL")
    with pytest.raises(UsageProblem, match="MY_SHOP_URL is not set"):
        call("init", "${MY_SHOP_URL}", "people")


@pytest.mark.parametrize(
    "secret",
    [
        f"postgresql://reader:{PASSWORD}@host/shop",
        f"postgresql://host/shop?user=reader&password={PASSWORD}",
        f"mssql+pyodbc://?odbc_connect=DRIVER%3D1%3BPWD%3D{PASSWORD}",
        f"mysql://reader@host/shop?ssl_key={PASSWORD}",
    ],
)
def test_a_password_never_reaches_the_file(secret: str) -> None:
    """F2. Nor does a parameter that may hold one."""
    written = url_for_file(secret, variable=None)
    assert written.text == written.argument == "${SOURCE_DATABASE_URL}"
    assert PASSWORD not in written.reason


def test_a_password_is_replaced_in_a_whole_draft(postgresql_url: str) -> None:
    """The test server's URL names user and password."""
    import sqlalchemy as sa  # noqa: PLC0415 - only this test needs a server

    with_password = sa.make_url(postgresql_url).set(password=PASSWORD)
    engine = sa.create_engine(with_password.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
    engine.dispose()
    result = call("init", with_password.render_as_string(hide_password=False), "people")
    assert PASSWORD not in result.stdout + result.stderr
    assert "url: ${SOURCE_DATABASE_URL}" in result.stdout
    assert "export SOURCE_DATABASE_URL" in result.stderr


@pytest.mark.parametrize("wrong", ["not a url", "shop.db"])
def test_what_is_no_url_says_so(wrong: str) -> None:
    with pytest.raises(UsageProblem, match="not a database URL"):
        call("init", wrong, "people")


def test_a_mistyped_table_suggests_the_nearest(url: str) -> None:
    with pytest.raises(SourceMismatch, match="people"):
        call("init", url, "peple")


def test_a_variable_without_braces_is_told_how_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageProblem, match="without braces") as raised:
        call("init", "$MY_SHOP_URL", "people")
    assert raised.value.hint == "write '${MY_SHOP_URL}', in single quotes"

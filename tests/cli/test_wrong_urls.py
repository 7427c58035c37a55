"""`validate` says offline what is wrong with a database's URL, and nothing of what is secret in it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tests.cli.mapping_file import call, write

SECRET = "geh31m"
WRONG = {
    f"postgress://eva:{SECRET}@host/shop": "no dialect for postgress databases is installed",
    f"mysq://eva:{SECRET}@host/shop": "no dialect for mysq databases is installed",
    f"postgresql://eva:{SECRET}@host/shop?sslmoode=require": 'has an option "sslmoode" that the driver',
    f"postgresql+psycopg2://eva:{SECRET}@host/shop?sslmoode=require": 'has an option "sslmoode" ',
    f"postgresql+pg8000://eva:{SECRET}@host/shop?sslmode=require": 'has an option "sslmode" that the driver pg8000',
    f"mysql+pymysql://eva:{SECRET}@host/shop?sslmode=require": 'has an option "sslmode" that the driver pymysql',
    f"mysql+pymysql://eva:{SECRET}@host/shop?connect_timeout=soon": 'has an option "connect_timeout" with a value',
    f"postgresql://eva:{SECRET}@host/shop?sslmode=a&sslmode=b": 'gives the option "sslmode" more than once',
    f"postgresql+asyncpg://eva:{SECRET}@host/shop": "names the driver asyncpg, which does not read here",
    f"postgresql://eva:a@{SECRET}@host/shop": "has an @ too many",
    f"postgresql://eva:{SECRET}@host:port/shop": "is not a database URL",
    f"sqlite://{SECRET}.db": "the URL of a file has three slashes",
}
RIGHT = (
    "postgresql://eva:a%40b@host:5432/shop",
    "postgresql+psycopg://eva:a%40b@host/shop?sslmode=verify-full&sslrootcert=/not/here&options=-csearch_path%3Dshop",
    "postgresql://host/shop?connect_timeout=5&application_name=etl&target_session_attrs=any&charset=utf8",
    "postgresql+pg8000://eva@host/shop?client_encoding=utf8",
    "mysql+pymysql://eva@host/shop?ssl_ca=/not/here&charset=utf8mb4&read_timeout=5",
    "mariadb://host/shop",
    "duckdb:///shop.duckdb",
    "sqlite:////srv/shop@night.db",
    "snowflake://eva:word@account/shop",
)


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_cannot_be_right_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PEOPLE_URL", url)
    path = write(tmp_path)
    ended = call("validate", path)
    assert f"error: {path}:3:15  source.url: " in ended.stdout
    assert WRONG[url] in ended.stdout
    assert SECRET not in ended.output + caplog.text
    assert ended.return_value == 2
    assert not json.loads(call("validate", path, "-o", "json").stdout)["valid"]


@pytest.mark.parametrize("url", RIGHT)
def test_a_url_that_may_be_right_is_none_of_its_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Also where its driver or its files are on another machine."""
    monkeypatch.setenv("PEOPLE_URL", url)
    ended = call("validate", write(tmp_path))
    assert (ended.return_value, "error" in ended.output) == (0, False), ended.output

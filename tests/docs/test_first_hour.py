"""The page's first hour, word for word, on a server: from `make install` to the first events, and nowhere else.

Every process of it tells what it connects to, so that a request to the real account cannot hide.
"""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from tests.docs.test_commands import Reader, blocks, copy_shop, small_shop
from tests.docs.test_readme import README
from tests.drafting.tables import with_driver

# Python calls this module when it starts; the interpreter's own audit tells of every connection that it makes.
WITNESS = """
import os, sys
def tell(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        where = arguments[1] if event != "socket.getaddrinfo" else arguments[0]
        with open(os.environ["WITNESS_FILE"], "a") as file:
            file.write(f"{where[0] if isinstance(where, tuple) else where}\\n")
sys.addaudithook(tell)
"""
LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|localhost|::1|/.*|b?'?/.*")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness" / "sitecustomize.py").write_text(WITNESS)
    with contextlib.ExitStack() as sandboxes:
        found = Reader(tmp_path, f"sqlite:///{small_shop(tmp_path)}", sandboxes)
        found.variables["PYTHONPATH"] = str(tmp_path / "witness")
        found.variables["WITNESS_FILE"] = str(tmp_path / "connections")
        yield found


def in_a_schema_of_its_own(url: str) -> None:
    """The shop's tables moved out of `public`, where another program's table of people stays."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA webshop")
        for table in ("customers", "orders", "order_lines"):
            connection.exec_driver_sql(f"ALTER TABLE {table} SET SCHEMA webshop")
        connection.exec_driver_sql("CREATE TABLE migrations (id INTEGER PRIMARY KEY, name TEXT)")
    engine.dispose()


@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_the_first_hour_goes_as_the_page_says(reader: Reader, database: str, request: pytest.FixtureRequest) -> None:
    """On PostgreSQL in a second schema, without that the page says so: the tables are found."""
    url = request.getfixturevalue(f"{database}_url")
    copy_shop(reader.folder / "shop.sqlite", plain(url))
    if database == "postgresql":
        in_a_schema_of_its_own(plain(url))
    reader.database_url = url
    for language, text in blocks(README.partition("## Install")[2].partition("\n## Three uses")[0]):
        reader.read(language, text)
    assert reader.done.count("squeezely-etl init") == 3
    assert reader.done[-2:] == ["squeezely-etl run"] * 2
    draft = yaml.safe_load((reader.project / "mappings" / "customers.yaml").read_text())
    assert draft["source"]["url"] == "${SHOP_DATABASE_URL}"
    assert draft["source"]["table"] == ("webshop.customers" if database == "postgresql" else "customers")
    assert (reader.project / "mappings" / "mapping.schema.json").exists()
    events = arrived(reader)
    assert len(events) == sendable(reader, plain(url))
    assert Counter(one["event"] for one in events) == {"CustomerUpdated": len(events)}
    places = set((reader.folder / "connections").read_text().split())
    assert places, "no process told of a connection"
    assert [one for one in places if not LOOPBACK.fullmatch(one)] == []


def plain(url: str) -> str:
    return with_driver(url).render_as_string(hide_password=False)


def arrived(reader: Reader) -> list[dict[str, Any]]:
    with urllib.request.urlopen(
        f"{reader.sandbox_url}/sandbox/events?limit=20000&content=1&outcome=accepted"
    ) as answer:
        return [one["content"] for one in json.load(answer)["events"]]


def sendable(reader: Reader, url: str) -> int:
    """The rows of the table less those that the run itself called invalid."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        schema = "webshop." if url.startswith("postgresql") else ""
        rows = connection.exec_driver_sql(f"SELECT count(*) FROM {schema}customers").scalar_one()
    engine.dispose()
    reader.ended(["bash", "-c", "squeezely-etl status -o json > status.json"], reader.variables, "status")
    runs = json.loads((reader.project / "status.json").read_text().splitlines()[0])["runs"]
    return int(rows) - max(one["summary"]["invalid"] for one in runs)

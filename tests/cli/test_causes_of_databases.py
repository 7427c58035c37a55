"""What is wrong with a database, a mapping or a state, and all that is said about it, compared with `screens/causes.*`.

So that no cause is told in fewer words one day. `make golden` writes the files anew, for a person to look at.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.host.system_clock import SystemClock
from etl.source import connect
from etl.state.store import open_state
from tests.cli.conftest import SCREENS, settled
from tests.source.tables import run_sql

RUN = "run people.yaml --start-from beginning"
VALIDATE = "validate people.yaml --connect"
TABLE = "table: people"
NUMBERS = "custom_points: {column: name, type: integer, on_invalid: reject}"
QUERY = """query: |
    SELECT id, name, email, points,
           {} AS more,
           updated_at
    FROM people"""
LINES = """products:
  table: order_lines
  match: {{{}: id}}
  where: {}
  fields: {{id: sku, quantity: quantity}}
destination:"""


@dataclass(frozen=True)
class Case:
    """`url`: of the database, with HOST, PORT, NAME and USER of the server. `changes` are made in the mapping."""

    name: str
    call: str = RUN
    url: str = "SCHEME://USER@HOST:PORT/NAME"
    changes: tuple[tuple[str, str], ...] = ()


def query(more: str) -> tuple[tuple[str, str], ...]:
    return ((TABLE, QUERY.format(more)),)


def lines(match: str, where: str = "quantity > 0") -> tuple[tuple[str, str], ...]:
    event = ("event: PersonUpdated", "event: Purchase")
    return (event, ("  email: email", "  email: email\n  orderid: id"), ("destination:", LINES.format(match, where)))


CASES = [
    Case("nothing listens on the port", url="SCHEME://USER@HOST:CLOSED/NAME"),
    Case("the host is not known", url="SCHEME://USER@db.invalid:PORT/NAME"),
    Case("nothing answers", url="SCHEME://USER@HOST:SILENT/NAME?connect_timeout=2"),
    Case("another server answers", url="SCHEME://USER@HOST:OTHER/NAME?connect_timeout=2"),
    Case("the database is not known", url="SCHEME://USER@HOST:PORT/nosuch"),
    Case("the login is refused", url="SCHEME://nobody:word@HOST:PORT/NAME"),
    Case("no such database, or no right on it", url="SCHEME://causes_poor@HOST:PORT/somewhere_else"),
    Case("a / in a user name is not escaped", url="SCHEME://US/ER:p@HOST:PORT/NAME"),
    Case("a : stands for a port that is none", url="SCHEME://USER@HOST:PORT:1/NAME"),
    Case("TLS is asked for, and not offered", url="SCHEME://USER@HOST:PORT/NAME?TLS"),
    Case("an option is not known", url="SCHEME://USER@HOST:PORT/NAME?sslmod=require"),
    Case("an @ is not escaped", url="SCHEME://USER:p@ss@HOST:PORT/NAME"),
    Case("the table is not there", changes=((TABLE, "table: poeple"),)),
    Case("a column of a field is not there", changes=(("firstname: name", "firstname: nmae"),)),
    Case("the table may not be read", url="SCHEME://causes_poor@HOST:PORT/NAME"),
    Case("a column of a query is not there", changes=query("people.nmae")),
    Case("a function of a query is not there", changes=query("nosuch(id)")),
    Case("a word of a query is wrong", changes=query("id FORM people WHERE id")),
    Case("a table of a query is not there", changes=query("(SELECT max(id) FROM gone)")),
    Case("a table of a query may not be read", url="SCHEME://causes_poor@HOST:PORT/NAME", changes=query("id")),
    Case("a text of a where without quotes", changes=((TABLE, f"{TABLE}\n  where: name = anna"),)),
    Case("the same by day", VALIDATE, changes=((TABLE, f"{TABLE}\n  where: name = anna"),)),
    Case("a where that takes a word for a number", VALIDATE, changes=((TABLE, f"{TABLE}\n  where: points = 'hoog'"),)),
    Case("a where of lines", VALIDATE, changes=lines("order_id", "kind = gift")),
    Case("a match of a text with a number", VALIDATE, changes=lines("order_text")),
    Case("lines that may not be read", VALIDATE, url="SCHEME://causes_half@HOST:PORT/NAME", changes=lines("order_id")),
    Case(
        "numbers from names",
        VALIDATE,
        changes=(("custom_points: points", NUMBERS),),
    ),
    Case("no API key, asked by day", VALIDATE, changes=(("${API_KEY}", "${NOT_SET}"),)),
    Case("the indentation does not fit", changes=(("  primary_key", "   primary_key"),)),
    Case("a choice that there is not", "run people.yaml -o yaml"),
    Case("a first run that is not decided", "run people.yaml"),
    Case("a state that was made just now", "retry people.yaml --state elsewhere.sqlite"),
    Case("a state that is not there", "state show people.yaml --state elsewhere.sqlite"),
    Case("another run is at work, for a run", RUN + " --state held.sqlite"),
    Case("another run is at work, for a retry", "retry people.yaml --state held.sqlite"),
    Case("another run is at work, for a reset", "state reset people.yaml --yes --state held.sqlite"),
]


@contextmanager
def listening(says: bytes) -> Iterator[int]:
    """The port of a server that is no database: it `says` this to everybody, or nothing at all."""

    def answer() -> None:
        with suppress(OSError):
            while says:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def told(ended: Any, call: str) -> str:
    """Stderr; of a report on stdout its errors with their hints."""
    text = ended.err
    if call == VALIDATE:
        text += "".join(re.findall(r"^error: .*\n(?:  hint: .*\n)?", ended.out, re.MULTILINE))
    return text


@pytest.mark.parametrize(("server", "scheme"), [("postgresql_url", "postgresql"), ("mariadb_url", "mysql")])
def test_every_cause_is_told(
    make_office: Any, server: str, scheme: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = sa.make_url(request.getfixturevalue(server))
    office = make_office(there.render_as_string(hide_password=False))
    office.fill(20)
    prepare(office.database_url, scheme)
    # What may pass is tried again, which is tested elsewhere.
    monkeypatch.setattr(connect, "FIRST_CONNECT_SECONDS", ())
    good = office.mapping.read_text()
    text = ""
    with ExitStack() as stack:
        held = stack.enter_context(open_state(str(office.folder / "held.sqlite"), clock=SystemClock(), write=True))
        for track in ("run", "backfill"):
            stack.enter_context(held.mapping("people").lock(track))
        stands_for = {
            "SCHEME": scheme,
            "USER": str(there.username) + (f":{there.password}" if there.password else ""),
            "HOST": str(there.host),
            "PORT": str(there.port),
            "NAME": str(there.database),
            "CLOSED": "1",
            "SILENT": str(stack.enter_context(listening(b""))),
            "OTHER": str(stack.enter_context(listening(b"220 mail.example ESMTP\r\n"))),
            "TLS": "sslmode=require" if scheme == "postgresql" else "ssl_ca=/etc/ssl/certs/ca-certificates.crt",
        }
        for case in CASES:
            if case.name == "nothing answers" and scheme == "mysql":
                continue  # PyMySQL waits for a greeting as long as for a row
            url, written = case.url, good
            for word, value in stands_for.items():
                url = url.replace(word, value)
            office.variables["PEOPLE_URL"] = url
            for old, new in case.changes:
                assert old in written
                written = written.replace(old, new)
            office.mapping.write_text(written)
            (office.folder / "elsewhere.sqlite").unlink(missing_ok=True)
            ended = office.call(*case.call.split())
            said = told(ended, case.call).replace(str(there.database), "shop").replace(f":{there.port}/", ":5432/")
            said = said.replace(str(office.folder), "/srv/shop")
            text += f"# {case.name}\n$ squeezely-etl {case.call}\nexit code {ended.code}\n{settled(said)}\n"
    path = Path(SCREENS) / f"causes.{scheme}.txt"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def prepare(url: str, scheme: str) -> None:
    """Lines of orders, a user who may read nothing, and one who may read the orders alone."""
    name = sa.make_url(url).database
    columns = "order_id integer, order_text varchar(9), sku varchar(9), quantity integer, kind varchar(9)"
    run_sql(url, f"CREATE TABLE order_lines ({columns})")
    run_sql(url, "INSERT INTO order_lines SELECT id, id, 'a', 1, 'gift' FROM people")
    if scheme == "postgresql":
        run_sql(
            url,
            *(f"DROP ROLE IF EXISTS {one}" for one in ("causes_poor", "causes_half")),
            "CREATE ROLE causes_poor LOGIN",
        )
        run_sql(url, "CREATE ROLE causes_half LOGIN", "GRANT SELECT ON people TO causes_half")
    else:
        run_sql(url, *(f"CREATE OR REPLACE USER {one}@127.0.0.1" for one in ("causes_poor", "causes_half")))
        run_sql(
            url,
            f"GRANT SELECT ON {name}.people TO causes_half@127.0.0.1",
            f"GRANT SELECT ON {name}.order_lines TO causes_poor@127.0.0.1",
        )

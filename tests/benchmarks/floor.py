"""The floor: the least that this job costs in Python, written by hand for this one table.

Driver cursor, one generated function a row, orjson, raw sockets. The same 12 fields in the same form as everybody
else's; no validation, no ledger, no checkpoint, no retry, no throttle: nothing that makes it safe.

    python floor.py DATABASE-URL SINK-URL BATCH-SIZE CONNECTIONS
"""

from __future__ import annotations

import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import orjson

QUERY = (
    "SELECT id, email, first_name, last_name, locale, currency, newsletter, birthdate, lifetime_value, order_count, "
    "province, updated_at FROM customers ORDER BY updated_at, id"
)
PAGE_ROWS = 5000

# What differs between the drivers: how the three typed columns become JSON.
FORMS = {
    "sqlite": {"birthdate": "birthdate", "ltv": "ltv", "moment": "moment[:10] + 'T' + moment[11:] + '+00:00'"},
    "postgresql": {"birthdate": "birthdate", "ltv": "Fragment(ltv)", "moment": "moment"},
}
ROW = """\
def event_of(row):
    number, email, first, last, locale, currency, newsletter, birthdate, ltv, orders, province, moment = row
    event = {{
        "event": "CustomerUpdated",
        "email": email.strip().lower(),
        "firstname": first.strip(),
        "lastname": last.strip(),
    }}
    if locale is not None:
        event["language"] = locale.replace("_", "-")
    event["currency"] = currency.upper()
    if newsletter is not None:
        event["newsletter"] = "yes" if newsletter else "no"
    if birthdate is not None:
        event["birthdate"] = {birthdate}
    event["custom_ltv"] = {ltv}
    event["custom_order_count"] = orders
    if province is not None:
        event["custom_province"] = province
    event["custom_customer_id"] = number
    event["timestamp"] = {moment}
    return event
"""


def generated(kind: str) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    """The function that makes an event of a row."""
    names: dict[str, Any] = {"Fragment": orjson.Fragment}
    exec(ROW.format(**FORMS[kind]), names)
    made: Callable[[tuple[Any, ...]], dict[str, Any]] = names["event_of"]
    return made


def pages(url: str) -> Iterator[list[tuple[Any, ...]]]:
    """The rows, from one cursor, in the driver's form."""
    if url.startswith("sqlite"):
        cursor: Any = sqlite3.connect(url.removeprefix("sqlite:///")).execute(QUERY)
        while page := cursor.fetchmany(PAGE_ROWS):
            yield page
        return
    import psycopg  # noqa: PLC0415 - not for SQLite
    from psycopg.adapt import Loader  # noqa: PLC0415

    class DigitsLoader(Loader):
        def load(self, data: Any) -> bytes:
            return bytes(data)

    connection = psycopg.connect(url.replace("+psycopg", ""))
    connection.adapters.register_loader("numeric", DigitsLoader)
    with connection.cursor("floor") as cursor:
        cursor.itersize = PAGE_ROWS
        cursor.execute(QUERY)
        while page := cursor.fetchmany(PAGE_ROWS):
            yield page


class Connection:
    """One kept-alive HTTP connection, written by hand."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = (
            f"POST /v1/track HTTP/1.1\r\nHost: {address.netloc}\r\nX-AUTH-ACCOUNT: 1\r\nX-AUTH-APIKEY: key\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    def send(self, body: bytes) -> None:
        """Send one request and read its answer."""
        self.socket.sendall(b"%b%d\r\n\r\n%b" % (self.head, len(body), body))
        answer = self.socket.recv(65536)
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            answer += self.socket.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")


def bodies(url: str, batch_size: int) -> Iterator[bytes]:
    """The requests' bodies."""
    event_of = generated("sqlite" if url.startswith("sqlite") else "postgresql")
    for page in pages(url):
        for at in range(0, len(page), batch_size):
            events = list(map(event_of, page[at : at + batch_size]))
            yield orjson.dumps({"events": events}, option=orjson.OPT_NAIVE_UTC)


def send_all(url: str, sink: str, batch_size: int, connections: int) -> None:
    """Read, convert and send everything; with one connection in this thread, with more in as many threads."""
    if connections == 1:
        connection = Connection(sink)
        for body in bodies(url, batch_size):
            connection.send(body)
        return
    waiting: SimpleQueue[bytes | None] = SimpleQueue()
    places = threading.Semaphore(2 * connections)

    def work() -> None:
        mine = Connection(sink)
        while (body := waiting.get()) is not None:
            mine.send(body)
            places.release()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for body in bodies(url, batch_size):
        places.acquire()
        waiting.put(body)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    send_all(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

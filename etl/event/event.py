"""An event: encoded once, with what delivery and the ledger need to know about it.

The rule: the payload is not parsed again; every attempt sends these very bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from etl.page import Key

DIGEST_BYTES = 8


class Event(NamedTuple):
    """One event to send.

    `seq` is the running number of its row in the run (all rows count, from 0). `body` is the JSON object. `identities`
    are "u:<userid>" and "e:<email>", those present: events that share one never overtake each other. `ledger_key` and
    `digest` are the keyed hashes of key and content, empty with `resend: always`. `stamp` numbers the reading of the
    page: a larger one was read later, so its version of the row is at least as new. `marks` are those of its fields
    (`etl.event.hashes`), empty with `resend: always`.
    """

    seq: int
    key: Key
    body: bytes
    identities: tuple[str, ...]
    ledger_key: bytes
    digest: bytes
    stamp: int
    marks: bytes = b""


def events_of(rows: Iterable[tuple[Any, ...]]) -> list[Event]:
    """Events of tuples that have every field: `Event._make` for a page, without a line of Python a row."""
    return list(map(partial(tuple.__new__, Event), rows))

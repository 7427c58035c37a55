"""Encodes a page into columns of events: the half of its preparation that needs no state, so any process can do it.

The rule: what comes out depends on the page, the mapping and the keys of the hashes alone; what the receiver has
already is asked later, by the process that holds the state (`etl.job.prepare`).
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import compress
from operator import itemgetter
from typing import Any

import numpy as np

from etl.event.encode import encode_column, join_fields
from etl.event.hashes import FieldHashes, Hashers, Marker, digests
from etl.job.ports import Transform
from etl.mapping.catalogue import IDENTITY_FIELDS
from etl.page import Key, Page, UnreadableRow
from etl.transform.transformer import Problem, Transformed

# Only pages of at most so many rows are searched for long texts: pages of wide rows have few rows, and searching every
# page would cost as much as encoding it.
_FEW_ROWS = 64


@dataclass(slots=True)
class Columns:
    """The rows of a page that make an event, as columns of one length.

    For each row: its index in the page, the JSON texts of its fields, and the key and digest that the ledger compares
    (empty without a ledger). Packed for another process, it holds each event as one text (`bodies`) instead of
    `fields`, and `marks` instead of `hashes`. Pickled without being packed, it keeps `fields` and loses `hashes`.
    """

    rows: Sequence[int]
    fields: dict[str, Sequence[bytes]] = field(default_factory=dict)
    ledger_keys: Sequence[bytes] = ()
    digests: Sequence[bytes] = ()
    hashes: FieldHashes = field(default_factory=dict)
    bodies: Sequence[bytes] | None = None
    marks: Sequence[bytes] | None = None

    def packed(self, marker: Marker | None) -> Columns:
        """These columns in their smallest form, for another process; `marker` None: there is no ledger, so no marks."""
        return Columns(
            self.rows,
            ledger_keys=self.ledger_keys,
            digests=self.digests,
            bodies=self.joined(),
            marks=None if marker is None else self.marked(marker),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: numbers and bytes by `marshal`, which costs a fifth of what a pickle does."""
        fields = self.fields if self.bodies is None else {}
        columns: Any = (list(self.rows), fields, self.ledger_keys, self.digests, self.bodies, self.marks)
        # Version 2: later ones keep a table of all objects, so that each is written once, which takes longer.
        return _unpacked, (marshal.dumps(columns, 2),)

    def joined(self) -> Sequence[bytes]:
        """The event of each row, a JSON object."""
        return join_fields(self.fields) if self.bodies is None else self.bodies

    def marked(self, marker: Marker) -> Sequence[bytes]:
        """The marks of each row's fields."""
        return marker.marks(self.hashes, len(self.rows)) if self.marks is None else self.marks

    def keep(self, wanted: Sequence[bool]) -> None:
        """Drop the rows that are not wanted."""
        if not any(wanted):
            # The usual case of a nightly run: nothing changed.
            self.rows = self.ledger_keys = self.digests = ()
            self.fields = dict.fromkeys(self.fields, ())
            self.hashes = {}
            self.bodies, self.marks = self.bodies and (), self.marks and ()
            return
        self.rows = list(compress(self.rows, wanted))
        self.fields = {name: list(compress(texts, wanted)) for name, texts in self.fields.items()}
        self.ledger_keys = list(compress(self.ledger_keys, wanted))
        self.digests = list(compress(self.digests, wanted))
        mask = np.array(wanted, dtype=bool)
        self.hashes = {name: hashes[mask] for name, hashes in self.hashes.items()}
        if self.bodies is not None:
            self.bodies = list(compress(self.bodies, wanted))
        if self.marks is not None:
            self.marks = list(compress(self.marks, wanted))

    def drop(self, rows: AbstractSet[int] | Mapping[int, object]) -> None:
        """Drop those of `rows`, by their index in the page."""
        self.keep([row not in rows for row in self.rows])


def _unpacked(data: bytes) -> Columns:
    rows, fields, ledger_keys, digests, bodies, marks = marshal.loads(data)  # noqa: S302 - of a process of ours
    return Columns(rows, fields, ledger_keys=ledger_keys, digests=digests, bodies=bodies, marks=marks)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A page reduced to what delivery and the state need.

    Columns over all readable rows: `keys`, one for each part of the key; `cursors` (None without a cursor); `people`,
    the values that say whom the event is about. `problems` name their row. Each row is in exactly one of: `invalid`,
    the rows that make no event; `faults`, the rows that cannot be written as JSON, with the reason; `large`, the rows
    that a single text makes too large (searched for in small pages only); `events`, the rest.
    """

    keys: Sequence[list[Any]]
    cursors: list[Any] | None
    unreadable: Sequence[UnreadableRow]
    people: Mapping[str, Sequence[object]]
    problems: Sequence[Problem]
    invalid: AbstractSet[int]
    faults: Mapping[int, str]
    large: Mapping[int, str]
    events: Columns

    def __len__(self) -> int:
        """The number of readable rows."""
        return len(self.keys[0])

    @property
    def count(self) -> int:
        """The number of all rows, unreadable ones included."""
        return len(self) + len(self.unreadable)

    def packed(self, hashers: Hashers | None) -> Encoded:
        """This page in its smallest form, for another process."""
        return replace(self, events=self.events.packed(None if hashers is None else hashers.marker))

    def key(self, row: int) -> Key:
        """The key of row `row`."""
        return tuple(column[row] for column in self.keys)


class Encoder:
    """Transforms, encodes and hashes pages of one mapping.

    `hashers` is None with `resend: always`. `resend_ignores` names the top-level fields that alone do not make an event
    "changed". An event may have `max_event_bytes`; None: any number.
    """

    def __init__(
        self,
        transform: Transform,
        *,
        hashers: Hashers | None,
        resend_ignores: Sequence[str] = (),
        max_event_bytes: int | None = None,
    ) -> None:
        self.hashers = hashers
        self._max_event_bytes = max_event_bytes
        self._transform = transform
        self.ignored = frozenset(resend_ignores)

    def __call__(self, page: Page) -> Encoded:
        """Encode `page`."""
        transformed = self._transform(page)
        keys = [_column(page, at) for at in page.key_at]
        count = len(keys[0])
        large: Mapping[int, str] = {}
        if self._max_event_bytes is not None and count <= _FEW_ROWS:
            large = _too_long(transformed, self._max_event_bytes)
        events, faults = _events(transformed, without=transformed.invalid | large.keys(), count=count)
        self._hash(events, keys)
        return Encoded(
            keys=keys,
            cursors=None if page.cursor_at is None else _column(page, page.cursor_at),
            unreadable=page.unreadable,
            people={name: transformed.columns[name] for name in IDENTITY_FIELDS if name in transformed.columns},
            problems=transformed.problems,
            invalid=transformed.invalid,
            faults=faults,
            large=large,
            events=events,
        )

    def complete(self, page: Encoded) -> None:
        """Hash a page that another process encoded, unless that process had the key of the hashes and did so."""
        if page.events.bodies is None:
            self._hash(page.events, page.keys)

    def _hash(self, events: Columns, keys: Sequence[Sequence[Any]]) -> None:
        if self.hashers is None:
            return
        whole = list(zip(*keys, strict=True))
        events.ledger_keys = self.hashers.keys.ledger_keys(
            whole if len(events.rows) == len(whole) else [whole[row] for row in events.rows]
        )
        events.hashes = self.hashers.content.field_hashes(events.fields)
        events.digests = digests(hashes for name, hashes in events.hashes.items() if name not in self.ignored)


def _too_long(transformed: Transformed, most: int) -> dict[int, str]:
    """The rows with a text too long for any event, and the reason; taken out before copies of it fill the memory."""
    return {
        row: f"{name} has {len(value)} characters; a request may have {most} bytes"
        for name, column in transformed.columns.items()
        for row, value in enumerate(column)
        if isinstance(value, str) and len(value) > most and row not in transformed.invalid
    }


def _events(transformed: Transformed, *, without: AbstractSet[int], count: int) -> tuple[Columns, Mapping[int, str]]:
    columns: Mapping[str, Sequence[object]] = transformed.columns
    events = Columns(range(count))
    if without:
        valid = [row not in without for row in events.rows]
        columns = {name: list(compress(column, valid)) for name, column in columns.items()}
        events.rows = list(compress(events.rows, valid))
    faults: dict[int, str] = {}
    for name, column in columns.items():
        events.fields[name], found = encode_column(column)
        faults.update((events.rows[at], str(fault)) for at, fault in found.items())
    if faults:
        events.drop(faults)
    return events, faults


def _column(page: Page, at: int) -> list[Any]:
    return list(map(itemgetter(at), page.rows))

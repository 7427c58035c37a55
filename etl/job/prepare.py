"""Prepares a page: encodes its rows, and drops events that the receiver already has.

The rule: every row of the page ends in exactly one of `events`, `unchanged`, `given_up`, `invalid` or `suppressed`, so
that the books balance.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress, repeat
from operator import not_
from typing import Any

from etl.dead_letter import DeadLetter
from etl.event.encode import envelope
from etl.event.event import Event, events_of
from etl.event.identities import identities_of
from etl.job.again import Changes
from etl.job.encoder import Columns, Encoded, Encoder
from etl.job.ports import Doubts, Ledger, OpenLetters, Suppressions
from etl.job.under_way import UnderWay
from etl.page import Key, Page, Position
from etl.transform.problem import doubts, omitted_fields
from etl.transform.transformer import Problem


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """An invalid row: its key, the code of its first problem and a sentence without values."""

    key: Key
    reason: str
    words: str

    def letter(self, *, now: datetime, run_id: str, stamp: int) -> DeadLetter:
        """Its dead letter; `stamp` is that of its page, `now` in UTC."""
        return DeadLetter(
            key=self.key,
            reason=self.reason,
            words=self.words,
            attempts=1,
            opened_at=now,
            last_at=now,
            digest=b"",
            run_id=run_id,
            stamp=stamp,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared page. It has no rows: several pages wait for the courier, and a row weighs as much as its event.

    `position` gives the position of a row by its running number (of a page without `events`, only of the last row);
    unreadable rows stand behind the page's last row. `events` ascend by `seq`, the first row of the page being
    `first_seq`; `rows` counts all rows, unreadable ones included. `unchanged_keys` are the ledger keys of rows that
    need not be sent. `given_up` counts rows whose event is identical to that of their open dead letter: only `retry`
    sends it again. `suppressed` are the keys of rows whose identity was forgotten, valid or not. `reasons` counts rows:
    each invalid row by its first problem, and rows with a doubtful time; `omitted` counts the events that go without a
    field, by field and code. `again` has, by `seq`, the events of keys of which an earlier event was accepted, with the
    fields that changed since (None: no field). `stamp` was taken before the page was read. `follows`: an earlier event
    of one of its keys is under way, so nothing of this page may leave until that one is settled.
    """

    position: Callable[[int], Position]
    first_seq: int
    rows: int
    events: Sequence[Event]
    unchanged_keys: Sequence[bytes]
    invalid: Sequence[InvalidRow]
    given_up: int = 0
    suppressed: Sequence[Key] = ()
    reasons: Counter[str] = field(default_factory=Counter)
    omitted: Counter[tuple[str, str]] = field(default_factory=Counter)
    again: Changes = field(default_factory=dict)
    moves_checkpoint: bool = True
    stamp: int = 0
    follows: bool = False


class Preparer:
    """Encodes pages of one mapping, and filters what must not or need not be sent.

    `ledger` is None with `resend: always`; without `compare` no row counts as unchanged; `doubts` is None in a dry run;
    `letters` is None when events that were refused before are to be sent again; `suppressions` is None where forgotten
    people need no check. An event whose request would exceed `max_event_bytes` is invalid.
    """

    def __init__(  # noqa: PLR0913 - what a mapping and its state say about a row
        self,
        encode: Encoder,
        *,
        ledger: Ledger | None,
        compare: bool = True,
        doubts: Doubts | None = None,
        letters: OpenLetters | None = None,
        suppressions: Suppressions | None = None,
        max_event_bytes: int,
    ) -> None:
        self._encode = encode
        self._hashers = encode.hashers
        self._ledger = ledger
        self._compare = compare
        self._doubts = doubts
        self._under_way = UnderWay()
        self._letters = letters
        self._suppressions = suppressions
        self._max_body_bytes = max_event_bytes - len(envelope(()))

    def __call__(self, page: Page | Encoded, *, first_seq: int, stamp: int, moves_checkpoint: bool = True) -> Prepared:
        """Prepare `page`, unless another process encoded it already; `stamp` was taken before it was read."""
        encoded = page if isinstance(page, Encoded) else self._encode(page)
        suppressed = self._suppressed(encoded)
        problems: Sequence[Problem] = encoded.problems
        if suppressed:
            # Suppressed rows are only counted, so their problems are dropped.
            problems = [problem for problem in problems if problem.row not in suppressed]
            encoded.events.drop(suppressed)
        invalid = [
            *_invalid_rows(encoded, problems),
            *_refused(encoded, "unsupported_type", _without(encoded.faults, suppressed)),
            *_refused(encoded, "event_too_large", _without(encoded.large, suppressed)),
        ]
        rows = _Rows(encoded.events)
        unchanged = self._drop_unchanged(rows)
        if rows.columns.rows:
            keys = list(zip(*map(_kept, encoded.keys), strict=True))
            position = _position_by_seq(encoded, keys, first_seq)
        else:
            keys = []
            position = _position_of_end(encoded)
        events, too_large = self._events(encoded, rows.columns, keys, first_seq=first_seq, stamp=stamp)
        invalid += _refused(encoded, "event_too_large", too_large)
        reasons = Counter(row.reason for row in invalid)
        reasons.update(doubts(problems, invalid=encoded.invalid))
        given_up = self._given_up(events)
        if given_up:
            events = [event for event in events if event.ledger_key not in given_up]
            reasons["dead_letter"] += len(given_up)
        follows = self._doubts is not None and self._doubt(self._doubts, events, rows.changed, stamp)
        return Prepared(
            position=position,
            first_seq=first_seq,
            rows=encoded.count,
            events=events,
            unchanged_keys=unchanged,
            invalid=invalid,
            given_up=len(given_up),
            suppressed=[encoded.key(row) for row in sorted(suppressed)],
            reasons=reasons,
            omitted=omitted_fields(problems, invalid=encoded.invalid),
            again=self._again(events, rows.known),
            moves_checkpoint=moves_checkpoint,
            stamp=stamp,
            follows=follows,
        )

    def settled(self, stamps: Sequence[int]) -> None:
        """Every event of the pages read at `stamps` is settled and recorded. Safe in any thread."""
        self._under_way.settled(stamps)

    def _suppressed(self, encoded: Encoded) -> AbstractSet[int]:
        """The rows whose identity was forgotten, valid or not."""
        if self._suppressions is None or not self._suppressions.newest():
            return frozenset()
        people = encoded.people
        identities = identities_of(people.get("email"), people.get("userid"), len(encoded))
        return frozenset(self._suppressions.among(identities))

    def _doubt(self, doubts: Doubts, events: Sequence[Event], changed: AbstractSet[bytes], stamp: int) -> bool:
        """Record, before any of `events` leaves, that the ledger entries of their keys become doubtful.

        Returns whether an earlier event of one of the keys is under way.
        """
        keys = [event.ledger_key for event in events]
        follows = self._under_way.enter(stamp, keys)
        if changed and (in_doubt := [key for key in keys if key in changed]):
            doubts.doubt(in_doubt, stamp=stamp)
        return follows

    def _drop_unchanged(self, rows: _Rows) -> list[bytes]:
        """Drop what the receiver has already, and return its ledger keys."""
        if self._hashers is None or self._ledger is None:
            return []
        ledger_keys = rows.columns.ledger_keys
        same, other = self._ledger.compare(ledger_keys, rows.columns.digests)
        rows.changed = set(compress(ledger_keys, other))
        rows.known = rows.changed if self._compare else rows.changed.union(compress(ledger_keys, same))
        if earlier := self._under_way.among(ledger_keys):
            rows.changed |= earlier
            same = [each and key not in earlier for each, key in zip(same, ledger_keys, strict=True)]
        if not (self._compare and any(same)):
            return []
        unchanged = list(compress(ledger_keys, same))
        rows.columns.keep(list(map(not_, same)))
        return unchanged

    def _events(
        self, encoded: Encoded, columns: Columns, keys: Sequence[Key], *, first_seq: int, stamp: int
    ) -> tuple[list[Event], Mapping[int, str]]:
        """The events of `columns`, and by row why the others are too large."""
        bodies = columns.joined()
        large: dict[int, str] = {}
        if max(map(len, bodies), default=0) > self._max_body_bytes:
            room = self._max_body_bytes
            sizes = zip(columns.rows, map(len, bodies), strict=True)
            words = "the event has {} bytes; a request may have {}"
            large = {row: words.format(size, room) for row, size in sizes if size > room}
            bodies = [body for body in bodies if len(body) <= room]
            columns.drop(large)
        rows, count = columns.rows, len(bodies)
        hashes: tuple[Iterable[bytes], Iterable[bytes]] = repeat(b"", count), repeat(b"", count)
        marks: Iterable[bytes] = repeat(b"", count)
        if self._hashers is not None:
            hashes = columns.ledger_keys, columns.digests
            marks = columns.marked(self._hashers.marker)
        people = {name: _at(column, rows) for name, column in encoded.people.items()}
        whom = identities_of(people.get("email"), people.get("userid"), count)
        seqs = [first_seq + row for row in rows]
        parts = (seqs, _at(keys, rows), bodies, whom, *hashes, repeat(stamp, count), marks)
        return events_of(zip(*parts, strict=True)), large

    def _again(self, events: Sequence[Event], all_known: AbstractSet[bytes]) -> Changes:
        if self._ledger is None or self._hashers is None or not events:
            return {}
        keys = [event.ledger_key for event in events]
        known = list(filter(all_known.__contains__, keys)) if all_known else []
        others = (key for key in keys if key not in all_known)
        before = self._ledger.earlier(known, others)
        sent_before = [event for event in events if event.ledger_key in before]
        if not sent_before:
            return {}
        marks = [before[event.ledger_key][1] for event in sent_before]
        fields = self._hashers.marker.differing(marks, [event.marks for event in sent_before])
        return {
            event.seq: None
            if before[event.ledger_key][0] == event.digest
            else tuple(name for name in names if name not in self._encode.ignored)
            for event, names in zip(sent_before, fields, strict=True)
        }

    def _given_up(self, events: Sequence[Event]) -> frozenset[bytes]:
        # Sent again, the event would be refused again, or would repeat what was accepted in part (`partly_accepted`).
        if self._letters is None or self._hashers is None or not events:
            return frozenset()
        refused = self._letters.refused([event.ledger_key for event in events])
        if not refused:
            return frozenset()
        return frozenset(event.ledger_key for event in events if refused.get(event.ledger_key) == event.digest)


@dataclass(slots=True)
class _Rows:
    """The rows that make an event, and what the ledger says of them; the sets are empty until it is asked.

    `changed`: the ledger keys of events that differ from an earlier one which the receiver has, or may have. `known`:
    those of all events to send whose key has an earlier event.
    """

    columns: Columns
    changed: AbstractSet[bytes] = frozenset()
    known: AbstractSet[bytes] = frozenset()


def _at(column: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    return column if len(rows) == len(column) else [column[row] for row in rows]


def _kept(values: list[Any]) -> list[Any]:
    """Copies of a column's values, to be kept after the page is freed.

    The driver's own values lie between others that are freed with the page: kept, they would fragment the heap.
    """
    if not {int, str}.issuperset(map(type, values)):
        return values
    # Version 2: later ones keep a table of all objects, so that each is written once, which takes longer.
    copies: list[Any] = marshal.loads(marshal.dumps(values, 2))  # noqa: S302 - of a moment ago
    return copies


def _position_by_seq(encoded: Encoded, keys: Sequence[Key], first_seq: int) -> Callable[[int], Position]:
    cursors = [None] * len(keys) if encoded.cursors is None else _kept(encoded.cursors)

    def position(seq: int) -> Position:
        row = min(seq - first_seq, len(keys) - 1)
        return Position(cursors[row], keys[row])

    return position


def _position_of_end(encoded: Encoded) -> Callable[[int], Position]:
    # Nothing of this page is to be sent, so the checkpoint passes the whole page at once.
    last = len(encoded) - 1
    if last < 0:
        end = encoded.unreadable[-1].position
    else:
        end = Position(None if encoded.cursors is None else encoded.cursors[last], encoded.key(last))
    return lambda _: end


def _invalid_rows(encoded: Encoded, problems: Sequence[Problem]) -> Iterator[InvalidRow]:
    for row in encoded.unreadable:
        yield InvalidRow(row.position.key, row.reason, row.cause)
    seen: set[int] = set()
    for problem in problems:
        if problem.fatal and problem.row not in seen:
            seen.add(problem.row)
            yield InvalidRow(encoded.key(problem.row), problem.code, f"{problem.field}: {problem.message}")


def _without(words: Mapping[int, str], suppressed: AbstractSet[int]) -> Mapping[int, str]:
    return {row: why for row, why in words.items() if row not in suppressed}


def _refused(encoded: Encoded, code: str, words: Mapping[int, str]) -> list[InvalidRow]:
    """Rows that are refused for a reason in words."""
    return [InvalidRow(encoded.key(row), code, words[row]) for row in sorted(words)]

"""A page becomes events to send: transformed, encoded, and compared with what the receiver already has.

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
from operator import itemgetter, not_
from typing import Any

import numpy as np

from etl.dead_letter import DeadLetter
from etl.event.encode import encode_column, envelope, join_fields
from etl.event.event import Event, events_of
from etl.event.hashes import FieldHashes, Hashers, digests
from etl.event.identities import identities_of
from etl.job.again import Changes
from etl.job.ports import Doubts, Ledger, OpenLetters, Suppressions, Transform
from etl.job.under_way import UnderWay
from etl.mapping.catalogue import IDENTITY_FIELDS
from etl.page import Key, Page, Position
from etl.transform.omissions import doubts, omitted_fields
from etl.transform.transformer import Problem, Transformed


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that we refuse: its key, the code of its first problem and a sentence without values."""

    key: Key
    reason: str
    words: str

    def letter(self, *, now: datetime, run_id: str, stamp: int) -> DeadLetter:
        """Its dead letter, of the reading `stamp` in run `run_id`."""
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
    """A page on its way to the courier, without its rows: several wait, and a row weighs as much as its event.

    `position` gives that of a row with a running number, of a page without `events` only the last; unreadable rows
    stand behind the page's last row. `events` ascend by `seq`, the first row of the page being `first_seq`; `rows`
    counts all rows, unreadable ones included.
    `unchanged_keys` are the ledger keys of rows that need not be sent. `given_up` counts rows whose event is the very
    one that their open dead letter speaks of: `retry` sends it, not the next run. `suppressed` are the keys of rows
    whose identity was forgotten, whatever else is wrong with them. `reasons` counts rows, each invalid one by its first
    problem, and those with a doubtful time; `omitted` counts the events that go without a field, by field and code.
    `again` has the events, by `seq`, of keys of which an earlier one was accepted, and the fields that changed since:
    None when none did.
    `stamp` was taken before the page was read. `follows`: an earlier event of one of its keys is under way, so that
    nothing of this page may leave before that has a certain end.
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
    """Transforms, encodes and filters pages of one mapping.

    `hashers` and `ledger` are None with `resend: always`; without `compare` nothing counts as unchanged; `doubts` is
    None where nothing will leave (a dry run); `letters` is None when what was refused before is to be sent again;
    `suppressions` is None where it does not matter who was forgotten. `resend_ignores` names the top-level fields that
    alone do not make an event "changed". An event whose request would exceed `max_event_bytes` is invalid.
    """

    def __init__(  # noqa: PLR0913 - what a mapping and its state say about a row
        self,
        transform: Transform,
        *,
        hashers: Hashers | None,
        ledger: Ledger | None,
        compare: bool = True,
        doubts: Doubts | None = None,
        letters: OpenLetters | None = None,
        suppressions: Suppressions | None = None,
        resend_ignores: Sequence[str] = (),
        max_event_bytes: int,
    ) -> None:
        self._transform = transform
        self._hashers = hashers
        self._ledger = ledger
        self._compare = compare
        self._doubts = doubts
        self._under_way = UnderWay()
        self._letters = letters
        self._suppressions = suppressions
        self._ignored = frozenset(resend_ignores)
        self._max_body_bytes = max_event_bytes - len(envelope(()))

    def __call__(self, page: Page, *, first_seq: int, stamp: int, moves_checkpoint: bool = True) -> Prepared:
        """Prepare `page`; `stamp` was taken before the page was read."""
        transformed, suppressed = self._without_suppressed(self._transform(page), page)
        invalid = list(_invalid_rows(page, transformed.problems))
        rows = self._encoded(transformed, range(first_seq, first_seq + len(page.rows)), _keys(page, _column))
        unchanged = self._drop_unchanged(rows)
        if rows.keys:
            keys = _keys(page, _kept)
            rows.keys = [keys[seq - first_seq] for seq in rows.seqs]
            position = _position_by_seq(page, keys, first_seq)
        else:
            position = _position_of_end(page)
        events = self._events(rows, stamp)
        invalid += rows.refused
        reasons = Counter(row.reason for row in invalid)
        reasons.update(doubts(transformed.problems, invalid=transformed.invalid))
        given_up = self._given_up(events)
        if given_up:
            events = [event for event in events if event.ledger_key not in given_up]
            reasons["dead_letter"] += len(given_up)
        follows = self._doubts is not None and self._doubt(self._doubts, events, rows.changed, stamp)
        return Prepared(
            position=position,
            first_seq=first_seq,
            rows=len(page.rows) + len(page.unreadable),
            events=events,
            unchanged_keys=unchanged,
            invalid=invalid,
            given_up=len(given_up),
            suppressed=suppressed,
            reasons=reasons,
            omitted=omitted_fields(transformed.problems, invalid=transformed.invalid),
            again=self._again(events, rows),
            moves_checkpoint=moves_checkpoint,
            stamp=stamp,
            follows=follows,
        )

    def settled(self, stamps: Sequence[int]) -> None:
        """Every event of the pages read at `stamps` has a certain end, which is recorded. For any thread."""
        self._under_way.settled(stamps)

    def _without_suppressed(self, transformed: Transformed, page: Page) -> tuple[Transformed, Sequence[Key]]:
        """What was made of `page` with no word of the rows whose identity was forgotten, and their keys."""
        if self._suppressions is None or not self._suppressions.newest():
            return transformed, ()
        emails, userids = (transformed.columns.get(name) for name in IDENTITY_FIELDS)
        found = self._suppressions.among(identities_of(emails, userids, len(page.rows)))
        if not found:
            return transformed, ()
        problems = [problem for problem in transformed.problems if problem.row not in found]
        # As invalid ones they go no further; without a problem nothing is recorded of them.
        without = Transformed(transformed.columns, {*transformed.invalid, *found}, problems)
        return without, [page.position(row).key for row in sorted(found)]

    def _doubt(self, doubts: Doubts, events: Sequence[Event], changed: AbstractSet[bytes], stamp: int) -> bool:
        """Before any of `events` may leave: those of keys with an earlier one make that one doubtful.

        Returns whether an earlier one is under way.
        """
        keys = [event.ledger_key for event in events]
        follows = self._under_way.enter(stamp, keys)
        if changed and (in_doubt := [key for key in keys if key in changed]):
            doubts.doubt(in_doubt, stamp=stamp)
        return follows

    def _encoded(self, transformed: Transformed, seqs: Sequence[int], keys: Sequence[Key]) -> _Rows:
        columns: Mapping[str, Sequence[object]] = transformed.columns
        if transformed.invalid:
            valid = [row not in transformed.invalid for row in range(len(keys))]
            columns = {name: list(compress(column, valid)) for name, column in columns.items()}
            rows = _Rows(list(compress(seqs, valid)), list(compress(keys, valid)))
        else:
            rows = _Rows(seqs, keys)
        rows.people = {name: columns[name] for name in IDENTITY_FIELDS if name in columns}
        faults: dict[int, str] = {}
        for name, column in columns.items():
            rows.fields[name], found = encode_column(column)
            faults.update((at, str(fault)) for at, fault in found.items())
        if faults:
            rows.refuse("unsupported_type", faults)
        return rows

    def _drop_unchanged(self, rows: _Rows) -> list[bytes]:
        """Hash `rows`; drop those that the receiver has already and return their ledger keys."""
        if self._hashers is None:
            return []
        rows.ledger_keys = self._hashers.keys.ledger_keys(rows.keys)
        rows.hashes = self._hashers.content.field_hashes(rows.fields)
        rows.digests = digests(hashes for name, hashes in rows.hashes.items() if name not in self._ignored)
        if self._ledger is None:
            return []
        same, other = self._ledger.compare(rows.ledger_keys, rows.digests)
        rows.changed = set(compress(rows.ledger_keys, other))
        rows.known = rows.changed if self._compare else rows.changed.union(compress(rows.ledger_keys, same))
        if earlier := self._under_way.among(rows.ledger_keys):
            rows.changed |= earlier
            same = [each and key not in earlier for each, key in zip(same, rows.ledger_keys, strict=True)]
        if not (self._compare and any(same)):
            return []
        unchanged = list(compress(rows.ledger_keys, same))
        rows.keep(list(map(not_, same)))
        return unchanged

    def _events(self, rows: _Rows, stamp: int) -> list[Event]:
        bodies = join_fields(rows.fields)
        if max(map(len, bodies), default=0) > self._max_body_bytes:
            room = self._max_body_bytes
            words = "the event has {} bytes; a request may have {}"
            large = {at: words.format(len(body), room) for at, body in enumerate(bodies) if len(body) > room}
            bodies = [body for at, body in enumerate(bodies) if at not in large]
            rows.refuse("event_too_large", large)
        count = len(bodies)
        hashes: tuple[Iterable[bytes], Iterable[bytes]] = repeat(b"", count), repeat(b"", count)
        marks: Iterable[bytes] = repeat(b"", count)
        if self._hashers is not None:
            hashes = rows.ledger_keys, rows.digests
            marks = self._hashers.marker.marks(rows.hashes, count)
        whom = identities_of(rows.people.get("email"), rows.people.get("userid"), count)
        columns = (rows.seqs, rows.keys, bodies, whom, *hashes, repeat(stamp, count), marks)
        return events_of(zip(*columns, strict=True))

    def _again(self, events: Sequence[Event], rows: _Rows) -> Changes:
        if self._ledger is None or self._hashers is None or not events:
            return {}
        keys = [event.ledger_key for event in events]
        known = list(filter(rows.known.__contains__, keys)) if rows.known else []
        others = (key for key in keys if key not in rows.known)
        before = self._ledger.earlier(known, others)
        sent_before = [event for event in events if event.ledger_key in before]
        if not sent_before:
            return {}
        marks = [before[event.ledger_key][1] for event in sent_before]
        fields = self._hashers.marker.differing(marks, [event.marks for event in sent_before])
        return {
            event.seq: None
            if before[event.ledger_key][0] == event.digest
            else tuple(name for name in names if name not in self._ignored)
            for event, names in zip(sent_before, fields, strict=True)
        }

    def _given_up(self, events: Sequence[Event]) -> frozenset[bytes]:
        # A resend would be refused again, or repeat what was taken in part (`partly_accepted`).
        if self._letters is None or self._hashers is None or not events:
            return frozenset()
        refused = self._letters.refused([event.ledger_key for event in events])
        if not refused:
            return frozenset()
        return frozenset(event.ledger_key for event in events if refused.get(event.ledger_key) == event.digest)


@dataclass(slots=True)
class _Rows:
    """The valid rows of a page as columns of one length.

    By row a running number, a key, the JSON texts of the fields, the values that say whom the event is about, and what
    the ledger compares, empty before it was asked. `changed`: the ledger keys of events that differ from an earlier one
    which the receiver has, or may have. `known`: those of all events that are to be sent though there was an earlier
    one.
    """

    seqs: Sequence[int]
    keys: Sequence[Key]
    fields: dict[str, Sequence[bytes]] = field(default_factory=dict)
    people: Mapping[str, Sequence[object]] = field(default_factory=dict)
    ledger_keys: Sequence[bytes] = ()
    digests: Sequence[bytes] = ()
    hashes: FieldHashes = field(default_factory=dict)
    changed: AbstractSet[bytes] = frozenset()
    known: AbstractSet[bytes] = frozenset()
    refused: list[InvalidRow] = field(default_factory=list)

    def refuse(self, code: str, words: Mapping[int, str]) -> None:
        """Move rows, by index, to `refused`, for a reason in words."""
        self.refused += [InvalidRow(self.keys[at], code, words[at]) for at in sorted(words)]
        self.keep([at not in words for at in range(len(self.keys))])

    def keep(self, wanted: Sequence[bool]) -> None:
        """Drop the rows that are not wanted."""
        if not any(wanted):
            # Most pages of a nightly run.
            self.seqs = self.keys = self.ledger_keys = self.digests = ()
            self.fields, self.people = dict.fromkeys(self.fields, ()), dict.fromkeys(self.people, ())
            self.hashes = {}
            return
        self.seqs, self.keys = list(compress(self.seqs, wanted)), list(compress(self.keys, wanted))
        self.fields = {name: list(compress(texts, wanted)) for name, texts in self.fields.items()}
        self.people = {name: list(compress(values, wanted)) for name, values in self.people.items()}
        self.ledger_keys = list(compress(self.ledger_keys, wanted))
        self.digests = list(compress(self.digests, wanted))
        mask = np.array(wanted, dtype=bool)
        self.hashes = {name: hashes[mask] for name, hashes in self.hashes.items()}


def _keys(page: Page, values: Callable[[Page, int], Sequence[Any]]) -> list[Key]:
    return list(zip(*[values(page, at) for at in page.key_at], strict=True))


def _column(page: Page, at: int) -> list[Any]:
    return list(map(itemgetter(at), page.rows))


def _kept(page: Page, at: int) -> list[Any]:
    """A column's values, to be kept after the page.

    Numbers and texts are copied: the driver's own lie between values that are freed with the page. Kept, they would
    fragment the heap.
    """
    values = _column(page, at)
    if not {int, str}.issuperset(map(type, values)):
        return values
    # Version 2: a later one remembers each object, to write it once.
    copies: list[Any] = marshal.loads(marshal.dumps(values, 2))  # noqa: S302 - of a moment ago
    return copies


def _position_by_seq(page: Page, keys: Sequence[Key], first_seq: int) -> Callable[[int], Position]:
    at = page.cursor_at
    cursors = [None] * len(keys) if at is None else _kept(page, at)

    def position(seq: int) -> Position:
        row = min(seq - first_seq, len(keys) - 1)
        return Position(cursors[row], keys[row])

    return position


def _position_of_end(page: Page) -> Callable[[int], Position]:
    # Nothing of this page waits for an answer, so that a checkpoint passes all of it at once.
    end = page.position(len(page.rows) - 1) if page.rows else page.unreadable[-1].position
    return lambda _: end


def _invalid_rows(page: Page, problems: Sequence[Problem]) -> Iterator[InvalidRow]:
    for row in page.unreadable:
        yield InvalidRow(row.position.key, "unreadable_row", row.cause)
    seen: set[int] = set()
    for problem in problems:
        if problem.fatal and problem.row not in seen:
            seen.add(problem.row)
            yield InvalidRow(page.position(problem.row).key, problem.code, f"{problem.field}: {problem.message}")

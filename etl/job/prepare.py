"""A page becomes events to send: transformed, encoded, and compared with what the receiver already has.

The rule: every row of the page ends in exactly one of `events`, `unchanged`, `given_up` or `invalid`, so that the books
balance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import itemgetter, not_

from etl.batch.digest import Hasher
from etl.batch.encode import UnencodableError, encode_events, envelope
from etl.batch.event import Event
from etl.batch.marks import Marker
from etl.job.ports import Ledger, OpenLetters, Transform
from etl.page import Key, Page, Position
from etl.transform.identities import identities_of
from etl.transform.transformer import Problem


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that we refuse: its key, the code of its first problem and a sentence without values."""

    key: Key
    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page on its way to the courier.

    `events` ascend by `seq`, the first row of the page being `first_seq`; `rows` counts all rows, unreadable ones
    included. `unchanged_keys` are the ledger keys of rows that need not be sent. `given_up` counts rows whose event is
    the very one that their open dead letter speaks of: `retry` sends it, not the next run. `reasons` counts the codes
    of all problems, also of fields that were left out by `on_invalid: omit`.
    """

    page: Page
    first_seq: int
    rows: int
    events: Sequence[Event]
    unchanged_keys: Sequence[bytes]
    invalid: Sequence[InvalidRow]
    given_up: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    moves_checkpoint: bool = True

    def position(self, seq: int) -> Position:
        """The position of the row with running number `seq`; unreadable rows stand behind the page's last row."""
        if not self.page.rows:
            return self.page.unreadable[-1].position
        return self.page.position(min(seq - self.first_seq, len(self.page.rows) - 1))


class Preparer:
    """Transforms, encodes and filters pages of one mapping.

    `hasher` and `marker` are None with `resend: always`; `ledger` is None when nothing counts as unchanged; `letters`
    is None when what was refused before is to be sent again. `resend_ignores` names the top-level fields that alone do
    not make an event "changed". An event whose request would exceed `max_event_bytes` is invalid.
    """

    def __init__(  # noqa: PLR0913 - what a mapping and its state say about a row
        self,
        transform: Transform,
        *,
        hasher: Hasher | None,
        marker: Marker | None = None,
        ledger: Ledger | None,
        letters: OpenLetters | None = None,
        resend_ignores: Sequence[str] = (),
        max_event_bytes: int,
    ) -> None:
        self._transform = transform
        self._hasher = hasher
        self._marker = marker
        self._ledger = ledger
        self._letters = letters
        self._ignored = frozenset(resend_ignores)
        self._max_body_bytes = max_event_bytes - len(envelope(()))

    def __call__(self, page: Page, *, first_seq: int, stamp: int, moves_checkpoint: bool = True) -> Prepared:
        """Prepare `page`; `stamp` was taken before the page was read."""
        transformed = self._transform(page)
        invalid = list(_invalid_rows(page, transformed.problems))
        reasons = Counter(problem.code for problem in transformed.problems)
        reasons.update(row.reason for row in invalid[: len(page.unreadable)])
        rows = self._encoded(page, transformed.events, first_seq)
        if rows.refused:
            invalid += rows.refused
            reasons.update(row.reason for row in rows.refused)
        events, unchanged = self._filtered(rows, stamp)
        given_up = self._given_up(events)
        if given_up:
            events = [event for event in events if event.ledger_key not in given_up]
            reasons["dead_letter"] += len(given_up)
        return Prepared(
            page=page,
            first_seq=first_seq,
            rows=len(page.rows) + len(page.unreadable),
            events=events,
            unchanged_keys=unchanged,
            invalid=invalid,
            given_up=len(given_up),
            reasons=reasons,
            moves_checkpoint=moves_checkpoint,
        )

    def _encoded(self, page: Page, events: Sequence[dict[str, object] | None], first_seq: int) -> _Rows:
        valid = [event for event in events if event is not None]
        bodies, faults = encode_events(valid)
        rows = _Rows(range(first_seq, first_seq + len(events)), _keys(page), valid, bodies)
        if len(valid) != len(events):
            present = [event is not None for event in events]
            rows.seqs, rows.keys = list(compress(rows.seqs, present)), list(compress(rows.keys, present))
        if faults or max(map(len, bodies), default=0) > self._max_body_bytes:
            rows.refuse([self._refusal(faults.get(at), body) for at, body in enumerate(bodies)])
        return rows

    def _refusal(self, fault: UnencodableError | None, body: bytes) -> tuple[str, str] | None:
        if fault is not None:
            return "unsupported_type", str(fault)
        if len(body) > self._max_body_bytes:
            return "event_too_large", f"the event has {len(body)} bytes; a request may have {self._max_body_bytes}"
        return None

    def _contents(self, rows: _Rows) -> Sequence[bytes]:
        # The bytes that decide whether an event changed.
        ignored = self._ignored
        if not ignored:
            return rows.bodies
        kept = [{name: value for name, value in event.items() if name not in ignored} for event in rows.events]
        contents, _ = encode_events(kept)
        return contents

    def _filtered(self, rows: _Rows, stamp: int) -> tuple[list[Event], list[bytes]]:
        if self._hasher is None:
            nothing = [b""] * len(rows.bodies)  # a list: an iterator in two columns would lose every second row
            return rows.to_send(nothing, nothing, nothing, stamp), []
        keys = self._hasher.ledger_keys(rows.keys)
        digests = self._hasher.digests(self._contents(rows))
        same = [False] if self._ledger is None else self._ledger.same(keys, digests)
        if not any(same):
            return rows.to_send(keys, digests, self._marks(rows), stamp), []
        changed = list(map(not_, same))
        rows.keep(changed)
        fresh = rows.to_send(compress(keys, changed), compress(digests, changed), self._marks(rows), stamp)
        return fresh, list(compress(keys, same))

    def _given_up(self, events: Sequence[Event]) -> frozenset[bytes]:
        # A resend would be refused again, or repeat what was taken in part (`partly_accepted`).
        if self._letters is None or self._hasher is None or not events:
            return frozenset()
        refused = self._letters.refused([event.ledger_key for event in events])
        if not refused:
            return frozenset()
        return frozenset(event.ledger_key for event in events if refused.get(event.ledger_key) == event.digest)

    def _marks(self, rows: _Rows) -> Sequence[bytes]:
        return [b""] * len(rows.bodies) if self._marker is None else self._marker.marks(rows.events)


@dataclass(slots=True)
class _Rows:
    """The valid rows of a page as columns of one length: by row a running number, a key, an event, its bytes."""

    seqs: Sequence[int]
    keys: Sequence[Key]
    events: Sequence[dict[str, object]]
    bodies: Sequence[bytes]
    refused: list[InvalidRow] = field(default_factory=list)

    def refuse(self, refusals: Sequence[tuple[str, str] | None]) -> None:
        """Move the rows that have a refusal (code, words) to `refused`."""
        self.refused = [InvalidRow(key, *found) for key, found in zip(self.keys, refusals, strict=True) if found]
        self.keep([found is None for found in refusals])

    def keep(self, wanted: Sequence[bool]) -> None:
        """Drop the rows that are not wanted."""
        self.seqs, self.keys = list(compress(self.seqs, wanted)), list(compress(self.keys, wanted))
        self.events, self.bodies = list(compress(self.events, wanted)), list(compress(self.bodies, wanted))

    def to_send(
        self, ledger_keys: Iterable[bytes], digests: Iterable[bytes], marks: Iterable[bytes], stamp: int
    ) -> list[Event]:
        """The rows as events."""
        columns = (self.seqs, self.keys, self.bodies, identities_of(self.events), ledger_keys, digests)
        return list(map(Event._make, zip(*columns, repeat(stamp, len(self.bodies)), marks, strict=True)))


def _keys(page: Page) -> list[Key]:
    if len(page.key_at) == 1:
        only = page.key_at[0]
        return list(zip(map(itemgetter(only), page.rows), strict=True))
    return list(map(itemgetter(*page.key_at), page.rows))


def _invalid_rows(page: Page, problems: Sequence[Problem]) -> Iterator[InvalidRow]:
    for row in page.unreadable:
        yield InvalidRow(row.position.key, "unreadable_row", row.cause)
    seen: set[int] = set()
    for problem in problems:
        if problem.fatal and problem.row not in seen:
            seen.add(problem.row)
            yield InvalidRow(page.position(problem.row).key, problem.code, f"{problem.field}: {problem.message}")

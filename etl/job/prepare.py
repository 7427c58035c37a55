"""A page becomes events to send: transformed, encoded, and compared with what the receiver already has.

The rule: every row of the page ends in exactly one of `events`, `unchanged` or `invalid`, so that the books balance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from etl.batch.digest import Hasher
from etl.batch.encode import UnencodableError, encode_event, envelope
from etl.batch.event import Event
from etl.job.ports import Ledger, Transform
from etl.page import Key, Page, Position
from etl.transform.identities import identities
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
    included. `unchanged_keys` are the ledger keys of rows that need not be sent. `reasons` counts the codes of
    all problems, also of fields that were left out by `on_invalid: omit`.
    """

    page: Page
    first_seq: int
    rows: int
    events: Sequence[Event]
    unchanged_keys: Sequence[bytes]
    invalid: Sequence[InvalidRow]
    reasons: Counter[str] = field(default_factory=Counter)
    moves_checkpoint: bool = True

    def position(self, seq: int) -> Position:
        """The position of the row with running number `seq`; unreadable rows stand behind the page's last row."""
        if not self.page.rows:
            return self.page.unreadable[-1].position
        return self.page.position(min(seq - self.first_seq, len(self.page.rows) - 1))


class Preparer:
    """Transforms, encodes and filters pages of one mapping.

    `hasher` and `ledger` are None with `resend: always`. `resend_ignores` names the top-level fields that alone
    do not make an event "changed". An event whose request would exceed `max_event_bytes` is invalid.
    """

    def __init__(
        self,
        transform: Transform,
        *,
        hasher: Hasher | None,
        ledger: Ledger | None,
        resend_ignores: Sequence[str] = (),
        max_event_bytes: int,
    ) -> None:
        self._transform = transform
        self._hasher = hasher
        self._ledger = ledger
        self._ignored = frozenset(resend_ignores)
        self._max_body_bytes = max_event_bytes - len(envelope(()))

    def __call__(self, page: Page, *, first_seq: int, stamp: int, moves_checkpoint: bool = True) -> Prepared:
        """Prepare `page`; `stamp` was taken before the page was read."""
        transformed = self._transform(page)
        invalid = list(_invalid_rows(page, transformed.problems))
        reasons = Counter(problem.code for problem in transformed.problems)
        reasons.update(row.reason for row in invalid[: len(page.unreadable)])
        keys = _keys(page)
        alive = [at for at, event in enumerate(transformed.events) if event is not None]
        bodies, contents = self._encode(transformed.events, alive, keys, invalid, reasons)
        if len(bodies) != len(alive):
            alive = [at for at in alive if at in bodies]
        events, unchanged = self._filter(transformed.events, alive, keys, bodies, contents, first_seq, stamp)
        return Prepared(
            page=page,
            first_seq=first_seq,
            rows=len(page.rows) + len(page.unreadable),
            events=events,
            unchanged_keys=unchanged,
            invalid=invalid,
            reasons=reasons,
            moves_checkpoint=moves_checkpoint,
        )

    def _encode(
        self,
        events: Sequence[dict[str, object] | None],
        alive: Sequence[int],
        keys: Sequence[Key],
        invalid: list[InvalidRow],
        reasons: Counter[str],
    ) -> tuple[dict[int, bytes], dict[int, bytes]]:
        # Two maps by row: the bytes to send, and the bytes that decide whether the event changed.
        bodies: dict[int, bytes] = {}
        contents: dict[int, bytes] = {}
        ignored = self._ignored
        for at in alive:
            event = events[at]
            assert event is not None
            try:
                if ignored and not ignored.isdisjoint(event):
                    content = encode_event({name: value for name, value in event.items() if name not in ignored})
                    tail = encode_event({name: value for name, value in event.items() if name in ignored})
                    body = content[:-1] + b"," + tail[1:]
                else:
                    body = content = encode_event(event)
            except UnencodableError as problem:
                invalid.append(InvalidRow(keys[at], "unsupported_type", str(problem)))
                reasons["unsupported_type"] += 1
                continue
            if len(body) > self._max_body_bytes:
                words = f"the event has {len(body)} bytes; a request may have {self._max_body_bytes}"
                invalid.append(InvalidRow(keys[at], "event_too_large", words))
                reasons["event_too_large"] += 1
                continue
            bodies[at] = body
            contents[at] = content
        return bodies, contents

    def _filter(  # noqa: PLR0913, PLR0917 - the columns of one table, side by side
        self,
        events: Sequence[dict[str, object] | None],
        alive: Sequence[int],
        keys: Sequence[Key],
        bodies: dict[int, bytes],
        contents: dict[int, bytes],
        first_seq: int,
        stamp: int,
    ) -> tuple[list[Event], list[bytes]]:
        if self._hasher is None or self._ledger is None:
            return [
                Event(first_seq + at, keys[at], bodies[at], identities(events[at] or {}), b"", b"", stamp)
                for at in alive
            ], []
        ledger_keys = self._hasher.ledger_keys([keys[at] for at in alive])
        digests = self._hasher.digests([contents[at] for at in alive])
        known = self._ledger.digests(ledger_keys)
        fresh: list[Event] = []
        unchanged: list[bytes] = []
        for at, its_key, its_digest in zip(alive, ledger_keys, digests, strict=True):
            if known.get(its_key) == its_digest:
                unchanged.append(its_key)
            else:
                who = identities(events[at] or {})
                fresh.append(Event(first_seq + at, keys[at], bodies[at], who, its_key, its_digest, stamp))
        return fresh, unchanged


def _keys(page: Page) -> list[Key]:
    if len(page.key_at) == 1:
        only = page.key_at[0]
        return [(row[only],) for row in page.rows]
    return list(map(itemgetter(*page.key_at), page.rows))


def _invalid_rows(page: Page, problems: Sequence[Problem]) -> Iterator[InvalidRow]:
    for row in page.unreadable:
        yield InvalidRow(row.position.key, "unreadable_row", row.cause)
    seen: set[int] = set()
    for problem in problems:
        if problem.fatal and problem.row not in seen:
            seen.add(problem.row)
            yield InvalidRow(page.position(problem.row).key, problem.code, f"{problem.field}: {problem.message}")

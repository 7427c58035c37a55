"""A clock that a test moves, and events and settlements in one line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from etl.dead_letter import DeadLetter
from etl.delivery.settlement import RejectedEvent, Settlement
from etl.event.event import DIGEST_BYTES, Event
from etl.event.key_hash import KeyHasher
from etl.page import Key, Position
from etl.state.mapping_state import MappingState

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@dataclass
class SteppingClock:
    """A clock that stands still until a test moves it; only waiting for other processes is real."""

    now: datetime = field(default=NOON)

    def utc_now(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return time.monotonic()

    def jitter(self) -> float:
        return 0.5

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return False

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)


def digest_of(content: bytes) -> bytes:
    """Eight bytes that stand for `content`."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def event(
    state: MappingState,
    number: int,
    *,
    stamp: int = 1,
    seq: int | None = None,
    content: bytes = b"{}",
    ledger: bool = True,
) -> Event:
    """The event of the row whose key is `number`."""
    hasher = KeyHasher(state.hash_key)
    key = (number,)
    entry = (hasher.ledger_key(key), digest_of(content)) if ledger else (b"", b"")
    return Event(number if seq is None else seq, key, content, (), *entry, stamp)


def settled(
    accepted: Sequence[Event] = (),
    rejected: Sequence[Event] = (),
    *,
    upto: int | None = None,
    words: str = "no",
    uncertain: bool = False,
    pages: Sequence[int] = (),
    said: str = "",
) -> Settlement:
    """What became certain, with the checkpoint at the row `upto`, and the stamps of pages that are settled whole."""
    refused = tuple(RejectedEvent(each, "rejected", words, uncertain) for each in rejected)
    position = None if upto is None else Position(upto, (upto,))
    answers = ((said, tuple(accepted)),) if said else ()
    return Settlement(tuple(accepted), refused, position, settled_pages=tuple(pages), answers=answers)


def letter(
    key: Key, reason: str = "invalid_email", *, words: str = "", run_id: str = "r1", at: datetime = NOON
) -> DeadLetter:
    """A dead letter of one attempt."""
    return DeadLetter(
        key=key, reason=reason, words=words, attempts=1, opened_at=at, last_at=at, digest=b"", run_id=run_id
    )


def keys(letters: Sequence[DeadLetter]) -> list[Key]:
    return [each.key for each in letters]


def digests_of(state: MappingState, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """What the ledger holds of `ledger_keys`, which the product only compares."""
    return state._ledger._digests(ledger_keys, -1)


def compared(state: MappingState, events: Sequence[Event]) -> tuple[list[bool], list[bool]]:
    """Of each of `events`, whether it surely is the last of its key, and whether another one is or may be."""
    return state.compare([each.ledger_key for each in events], [each.digest for each in events])

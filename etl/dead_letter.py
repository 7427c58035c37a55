"""A row that was given up on, so that the checkpoint may pass it: what a person needs to find it again.

The rule: key, reason and the API's words only; never the payload. The row is read again when it is retried.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from etl.page import Key

# accepted: the row was sent after all (or is identical to what was sent). gone: the source has no such row any more.
# superseded: a person or a mapping rule decided that it need not go.
Closure: TypeAlias = Literal["accepted", "gone", "superseded"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One open dead letter; a key has at most one at a time.

    reason: a stable code, ours (invalid) or the API's (rejected). words: what the API said, redacted, at most 500
    characters; "" when nothing. attempts: how often the row was tried and failed, 1 at first. opened_at, last_at: the
    first and the last of them, aware, UTC. digest: keyed hash of the event that was refused; b"" when there was none.
    run_id: the run of the last attempt. stamp: of the reading that it speaks of; an older reading does not close it.
    0: not known, as without a ledger. acknowledged: a person has seen it, and it has failed in no other way since.
    """

    key: Key
    reason: str
    words: str
    attempts: int
    opened_at: datetime
    last_at: datetime
    digest: bytes
    run_id: str
    stamp: int = 0
    acknowledged: bool = False

"""A row that was given up on, so that the checkpoint may pass it: what a person needs to find it again.

The rule: key, reason and the API's words only; never the payload. The row is read again when it is retried.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from etl.page import Key

# accepted: the row was sent after all (or is identical to what was sent). gone: the source has no such row any more.
# superseded: a person or a rule of the mapping decided that it need not be sent.
Closure: TypeAlias = Literal["accepted", "gone", "superseded"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One open dead letter; a key has at most one at a time.

    reason: a stable code, ours (invalid) or the API's (rejected). words: what the API said, redacted, at most 500
    characters; "" when nothing. attempts: how often the row was tried and failed, 1 at first. opened_at, last_at: the
    first and the last of them, aware, UTC. digest: keyed hash of the event that was refused; b"" when there was none.
    run_id: the run of the last attempt. stamp: that of the page in which the row was read; an older page does not close
    it. 0: unknown, as without a ledger. acknowledged: a person has seen it, and it has not failed for another reason
    since.
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

"""How far a mapping is behind its table, or why nobody knows; apart from the asking, which loads the source rooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from etl.errors import StateUnusable


@dataclass(frozen=True, slots=True)
class Lag:
    """`rows` lie between the checkpoint and where a run would stop now, `held` above that.

    oldest_at, seconds: since when (aware, UTC) and for how long the first of them has been waiting; None when none is,
    or the cursor is no time. every_row: the source has no cursor, so that each run reads all `rows`. fingerprint: what
    the source is now. went_back: what is wrong when the table ends below the checkpoint.
    """

    rows: int
    held: int
    oldest_at: datetime | None
    seconds: float | None
    every_row: bool
    fingerprint: dict[str, str]
    went_back: StateUnusable | None = None


@dataclass(frozen=True, slots=True)
class NoLag:
    """Why the lag is not known."""

    why: str


Answer: TypeAlias = Lag | NoLag

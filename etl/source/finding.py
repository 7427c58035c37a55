"""What a check of the source found, as data that `validate --connect` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before a run. `path` is the mapping's key that it is about; `hint` None when nothing helps.

    "error": a run would fail or lose rows; "warning": it may.
    """

    level: Literal["error", "warning"]
    path: str
    message: str
    hint: str | None = None

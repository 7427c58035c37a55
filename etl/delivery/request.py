"""One attempt at sending some events.

The rule: a request carries its bytes; nobody encodes again on the way, so attempts are byte-identical.
"""

from __future__ import annotations

from dataclasses import dataclass

from etl.batch.event import Event


@dataclass(frozen=True, slots=True)
class Request:
    """An attempt.

    number: of this attempt in the run, from 1. attempt: how often these very bytes were tried, this included.
    """

    number: int
    events: tuple[Event, ...]
    body: bytes
    attempt: int

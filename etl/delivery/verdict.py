"""What one answer means for the events that were sent: a closed choice, made by one pure function.

Success means that the body says so; a doubt is decided towards sending again, because a repeat is harmless and a loss is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from etl.delivery.answer import Answer, Failure
from etl.errors import EtlError

__all__ = [
    "Accepted",
    "Answer",
    "Failure",
    "Partly",
    "PartlyAccepted",
    "Refusal",
    "Refused",
    "Stop",
    "TooLarge",
    "TryAgain",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API refused an event. `code` is a stable word; `words` are the API's own, redacted and capped."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """Every event of the request was accepted. `unconfirmed`: the body did not say so, nor anything else."""

    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Partly:
    """The answer names the refused events by their index in the request; never empty.

    others: what the answer means for those that it does not name: "accepted", or "resend" in the same slot.
    """

    errors: Mapping[int, Refusal]
    others: Literal["accepted", "resend"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused without saying which event is at fault: halve; an event alone becomes a dead letter with `refusal`."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PartlyAccepted:
    """Only `created` of the events were taken, and nobody knows which: dead letters `partly_accepted`, all of them."""

    created: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request was too large: halve, and remember for the run. An event alone becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same bytes again later.

    after_seconds: the server's Retry-After: nobody sends before; None = the sender's own backoff.
    ambiguous: the events may have been accepted, so the next attempt may repeat them.
    throttled: the answer was 429: slow down.
    cause: a constant text for people and logs.
    unreadable: something other than the API answered (C15): after three in a row, stop with `StoppedEarly`.
    """

    after_seconds: float | None
    ambiguous: bool
    throttled: bool
    cause: str
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing is wrong with the events, and no other request would do better: raise `error` once all is settled.

    The events of the request count as not sent. Two stops are equal when their `cause` is, errors being unequal by nature.
    """

    error: EtlError = field(compare=False)
    cause: str = ""


Verdict: TypeAlias = Accepted | Partly | Refused | PartlyAccepted | TooLarge | TryAgain | Stop

"""The books of a run: what became of every row that was read.

The rule: `read = sent + unchanged + invalid + rejected + unsent`, always, also after a stop in the middle.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Books:
    """The counters of the contract's summary (§5), in rows and requests.

    `held` rows lie above the run's upper bound and were not read. `unconfirmed` events are part of `sent`. `reasons`
    counts problem and refusal codes. `waited_seconds` is the time in which only the throttle kept requests back.
    """

    read: int = 0
    sent: int = 0
    unchanged: int = 0
    invalid: int = 0
    rejected: int = 0
    unsent: int = 0
    held: int = 0
    unconfirmed: int = 0
    requests: int = 0
    retries: int = 0
    ambiguous: int = 0
    waited_seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    def close(self) -> None:
        """Count what was read and met no end as `unsent`. Call once, when the run is over."""
        self.unsent = self.read - self.sent - self.unchanged - self.invalid - self.rejected
        assert self.unsent >= 0, "the books do not balance: more ends than rows"

    def close_forecast(self, events: int) -> None:
        """Close the books of a dry run: `events` would have been sent, so they count as `unsent`."""
        self.close()
        assert self.unsent == events, "the forecast does not balance"

    @property
    def failures(self) -> int:
        """Rows that are invalid or rejected."""
        return self.invalid + self.rejected

    def as_dict(self) -> dict[str, object]:
        """The counters under the contract's names, `reasons` most frequent first."""
        return {
            "read": self.read,
            "sent": self.sent,
            "unchanged": self.unchanged,
            "invalid": self.invalid,
            "rejected": self.rejected,
            "unsent": self.unsent,
            "held": self.held,
            "unconfirmed": self.unconfirmed,
            "requests": self.requests,
            "retries": self.retries,
            "ambiguous": self.ambiguous,
            "waited_seconds": round(self.waited_seconds, 3),
            "reasons": dict(self.reasons.most_common()),
        }

"""The books of a run: counts what became of every row that was read.

The rule: `read = sent + unchanged + invalid + rejected + suppressed + unsent`, always, also after a stop in the middle.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Books:
    """The counters of a summary, in rows and requests.

    `held` rows lie above the run's upper bound and were not read; `suppressed` ones belong to an identity that was
    forgotten. `acknowledged` are those of `invalid` and `rejected` whose dead letter a person has seen. `unconfirmed`
    events are part of `sent`. `reasons` counts rows by problem and refusal codes, `omitted` the events that went
    without a field, by field and code. With a ledger `sent = new + changed + resent`: `new` events of keys without an
    accepted event, `changed` events that differ from the last accepted one, `resent` events that do not;
    `changed_fields` counts `changed` by field. `uncounted` names those of `held` and the reasons whose rows could not
    be counted in time, so their 0 means nothing. `waited_seconds`: the time in which requests waited only for the
    throttle.
    """

    read: int = 0
    sent: int = 0
    new: int = 0
    changed: int = 0
    resent: int = 0
    unchanged: int = 0
    invalid: int = 0
    rejected: int = 0
    unsent: int = 0
    held: int = 0
    suppressed: int = 0
    acknowledged: int = 0
    unconfirmed: int = 0
    requests: int = 0
    retries: int = 0
    ambiguous: int = 0
    waited_seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    omitted: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed_fields: Counter[str] = field(default_factory=Counter)
    uncounted: set[str] = field(default_factory=set)

    def put_held(self, count: int | None) -> None:
        """Set the number of held rows; None: the database needed too long to count them."""
        self.held = count or 0
        if count is None:
            self.uncounted.add("held")

    def put_beside(self, reason: str, count: int | None) -> None:
        """Set the number of rows not read for `reason`; None as in `put_held`."""
        if count:
            self.reasons[reason] = count
        elif count is None:
            self.uncounted.add(reason)

    def close(self) -> None:
        """Count the rows that were read and belong to no other count as `unsent`. Call once, when the run is over."""
        ends = self.sent + self.unchanged + self.invalid + self.rejected + self.suppressed
        self.unsent = self.read - ends
        assert self.unsent >= 0, "the books do not balance: more ends than rows"

    def take_unsent(self, looked: Books) -> None:
        """Take over the counts of a dry run, before `close`: what would have been sent counts as unsent."""
        self.read, self.unchanged = looked.read, looked.unchanged
        self.invalid, self.suppressed = looked.invalid, looked.suppressed
        self.reasons.update(looked.reasons)
        self.omitted.update(looked.omitted)

    def close_forecast(self, events: int) -> None:
        """Close the books of a dry run: `events` would have been sent, so they count as `unsent`."""
        self.close()
        assert self.unsent == events, "the forecast does not balance"

    @property
    def failures(self) -> int:
        """Rows that are invalid or rejected."""
        return self.invalid + self.rejected

    @property
    def new_failures(self) -> int:
        """Of the failed rows, those that no person has acknowledged."""
        return self.failures - self.acknowledged

    def as_dict(self) -> dict[str, object]:
        """The counters under their printed names, `reasons` most frequent first."""
        return {
            "read": self.read,
            "sent": self.sent,
            "unchanged": self.unchanged,
            "invalid": self.invalid,
            "rejected": self.rejected,
            "unsent": self.unsent,
            "held": None if "held" in self.uncounted else self.held,
            "suppressed": self.suppressed,
            "acknowledged": self.acknowledged,
            "unconfirmed": self.unconfirmed,
            "requests": self.requests,
            "retries": self.retries,
            "ambiguous": self.ambiguous,
            "waited_seconds": round(self.waited_seconds, 3),
            "reasons": dict(self.reasons.most_common()),
            "omitted": self.omitted_by_field(),
            "new": self.new,
            "changed": self.changed,
            "resent": self.resent,
            "changed_fields": dict(self.changed_fields.most_common()),
            "uncounted": sorted(self.uncounted),
        }

    def omitted_by_field(self) -> dict[str, dict[str, int]]:
        """`omitted` as {field: {code: count}}, most frequent first."""
        nested: dict[str, dict[str, int]] = {}
        for (name, code), count in self.omitted.most_common():
            nested.setdefault(name, {})[code] = count
        return nested

"""Counts of everything that arrived since the start, in memory that does not grow with it.

The books balance: `received = accepted + refused + not_taken`, where not_taken are the good events of refused batches.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Mapping

from etl.mapping.catalogue import CUSTOM_PREFIX
from etl.sandbox.rules import BrokenRule

_SECONDS_SHOWN = 60
_NAMES_COUNTED = 1_000
_OTHER = "(other names)"
_OTHER_FIELDS = "(other fields)"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_IDENTITIES = 1_000_000
_REMEMBERED_CONTENTS = 500_000


class SeenBefore:
    """Remembers the hashes of at least the last `size` things and at most twice as many."""

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __call__(self, thing: Hashable) -> bool:
        """Whether `thing` was shown before; from now on it was."""
        fingerprint = hash(thing)
        if fingerprint in self._young or fingerprint in self._old:
            return True
        self._young.add(fingerprint)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        return False


class Tally:
    """The counters of one sandbox. `now` is monotonic seconds throughout."""

    def __init__(self) -> None:
        self.requests = 0
        self.received = 0
        self.accepted = 0
        self.refused = 0
        self.not_taken = 0
        self.duplicates = 0
        self.answers: Counter[str] = Counter()
        self._refusals: Counter[BrokenRule] = Counter()
        self._custom_fields: dict[str, Counter[str]] = {}
        self.by_event: Counter[str] = Counter()
        self._identities: set[int] = set()
        self._seen_order = SeenBefore(size=_REMEMBERED_CONTENTS)
        self._seen_content = SeenBefore(size=_REMEMBERED_CONTENTS)
        self._seconds: deque[list[int]] = deque(maxlen=_SECONDS_SHOWN)  # [second, accepted, refused]

    def answered(self, answer: str) -> None:
        """One request got `answer`: a status, or "dropped"."""
        self.requests += 1
        self.answers[answer] += 1

    def count_refusals(self, refusals: Iterable[BrokenRule]) -> None:
        """One event was refused for these reasons; fields have any name, so not all of them are told apart."""
        for refusal in refusals:
            known = refusal in self._refusals or len(self._refusals) < _NAMES_COUNTED
            self._refusals[refusal if known else BrokenRule(refusal.code, _OTHER_FIELDS, refusal.words)] += 1

    def count_custom_fields(self, event: Mapping[str, object]) -> None:
        """Notes the custom fields of an accepted event, and what kind of value each has."""
        for name, value in event.items():
            if name.startswith(CUSTOM_PREFIX) and (
                name in self._custom_fields or len(self._custom_fields) < _NAMES_COUNTED
            ):
                self._custom_fields.setdefault(name, Counter())[_kind(value)] += 1

    def count_accepted(self, name: str, identity: str, *, orderid: object, content: bytes) -> bool:
        """One event was taken. `content` is its JSON with sorted keys.

        Returns whether it merges with an order that was already here. An event is a duplicate when its order or the
        whole of it was here before.
        """
        self.accepted += 1
        if name in self.by_event or len(self.by_event) < _NAMES_COUNTED:
            self.by_event[name] += 1
        else:
            self.by_event[_OTHER] += 1
        if len(self._identities) < _MOST_IDENTITIES:
            self._identities.add(hash(identity))
        merged = isinstance(orderid, str) and self._seen_order(orderid)
        if self._seen_content(content) or merged:
            self.duplicates += 1
        return merged

    def count_second(self, *, now: float, accepted: int, refused: int) -> None:
        """Adds to the chart's current second."""
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
        self._seconds[-1][1] += accepted
        self._seconds[-1][2] += refused

    def as_dict(self, *, now: float) -> dict[str, object]:
        """All counts, JSON-ready. The two `…_per_second` lists are the last 60 seconds, the current one last."""
        current = int(now)
        accepted, refused = [0] * _SECONDS_SHOWN, [0] * _SECONDS_SHOWN
        for second, taken, turned_away in self._seconds:
            at = second - current + _SECONDS_SHOWN - 1
            if 0 <= at < _SECONDS_SHOWN:
                accepted[at], refused[at] = taken, turned_away
        return {
            "requests": self.requests,
            "received": self.received,
            "accepted": self.accepted,
            "refused": self.refused,
            "not_taken": self.not_taken,
            "duplicates": self.duplicates,
            "distinct_identities": len(self._identities),
            "distinct_identities_capped": len(self._identities) >= _MOST_IDENTITIES,
            "by_event": dict(self.by_event.most_common()),
            "answers": dict(sorted(self.answers.items())),
            "reasons": self._reasons(),
            "refusals": [
                {"code": each.code, "field": each.field, "message": each.words, "count": count}
                for each, count in self._refusals.most_common()
            ],
            "custom_fields": [
                {"name": name, "type": next(iter(kinds)) if len(kinds) == 1 else "text", "count": kinds.total()}
                for name, kinds in sorted(self._custom_fields.items())
            ],
            "accepted_per_second": accepted,
            "refused_per_second": refused,
        }

    def _reasons(self) -> dict[str, int]:
        reasons: Counter[str] = Counter()
        for refusal, count in self._refusals.items():
            reasons[refusal.code] += count
        return dict(reasons.most_common())


def _kind(value: object) -> str:
    """The type that an account's custom field needs to take `value`."""
    match value:
        case "yes" | "no":
            return "yes/no"
        case int() | float():
            return "number"
        case list():
            return "list"
        case str() if _DATE.match(value):
            return "date"
        case _:
            return "text"

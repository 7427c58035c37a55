"""Stops a run in which so many rows fail that the mapping, not the data, must be wrong (`max_failure_rate`).

The rule: such a run stops before it has worked through the table, but a handful of bad rows never stops a run, even
when they come first. So only rows whose fate is known are counted, and only a share that chance does not explain counts
as too many: the lower end of its 99 % Wilson interval (Wilson 1927) is above the limit. Invalid rows are judged from
400 known rows on (waiting costs nothing, since nothing was sent), or from 100 on when surely more than a quarter fails;
refusals of the API are judged from 100 on. A run also stops when all its new rows are known, they are ten or more, and
none of them is to be sent.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, deque
from dataclasses import dataclass

from etl.delivery.settlement import PARTLY_ACCEPTED
from etl.errors import TooManyFailures

ENOUGH_ROWS = 100
ENOUGH_FOR_OUR_CHECKS = 400
ENOUGH_WITHOUT_OTHERS = 10
MOST_OF_FEW = 0.25
# The quantile of the normal distribution for a two-sided 99 %.
_Z = 2.5758293035489004


def surely_at_least(failures: int, of: int) -> float:
    """The lower end of the 99 % Wilson interval of a share (0 to 1); 0 for no rows."""
    if not of:
        return 0.0
    share, z2 = failures / of, _Z * _Z
    spread = _Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, (share + z2 / (2 * of) - spread) / (1 + z2 / of))


@dataclass(frozen=True, slots=True)
class Fuse:
    """The limit: a share surely above `max_failure_rate` (0 to 1), or the first `batch_size` rows all refused."""

    max_failure_rate: float
    batch_size: int

    def blown(self, *, invalid: int, rejected: int, known: int, without_others: int = 0) -> bool:
        """Whether too many of the `known` rows (those whose fate is known) failed.

        without_others: the number of all new rows of the run, when it is known and none of them is to be sent;
        otherwise 0.
        """
        limit, failures = self.max_failure_rate, invalid + rejected
        if limit >= 1.0 or not failures:
            return False
        if limit <= 0.0:
            # With a limit of 0 a single failure is too many, whatever chance explains.
            return True
        if known >= ENOUGH_FOR_OUR_CHECKS and surely_at_least(failures, known) > limit:
            return True
        if known >= ENOUGH_ROWS or without_others >= ENOUGH_WITHOUT_OTHERS:
            few = surely_at_least(failures, known) > max(limit, MOST_OF_FEW)
            return few or surely_at_least(rejected, known) > limit
        return rejected == known >= self.batch_size


# For a retry: rows that are known to be bad say nothing about the rest of the table.
NEVER = Fuse(max_failure_rate=1.0, batch_size=sys.maxsize)


@dataclass(slots=True)
class _Page:
    first_seq: int
    rows: int
    invalid: int


class Failures:
    """Counts what failed among the rows whose fate is known, and says why.

    Invalid rows of a page are counted in step with its settled rows: when half of the page's rows are settled, half of
    its invalid rows count.
    """

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self._pages: deque[_Page] = deque()
        self._passed_invalid = 0
        self._others = 0
        self._counted = 0
        self._rejected = 0
        self._ours: Counter[str] = Counter()
        self._theirs: Counter[str] = Counter()
        self._words: dict[str, str] = {}

    def page(self, first_seq: int, *, rows: int, reasons: list[str], unchanged: int) -> None:
        """A page was read: its invalid rows have these reasons, and so many rows need not be sent.

        Rows whose event was refused in an earlier run count neither as failed nor as good: they say nothing of the
        others.
        """
        if reasons:
            self._pages.append(_Page(first_seq, rows, len(reasons)))
            self._ours.update(reasons)
        self._others += unchanged
        self._counted += rows

    def accepted(self, events: int, *, unnamed: int = 0) -> None:
        """Count accepted events; so many `unnamed` ones of those refused as `partly_accepted` were accepted too."""
        self._others += events + unnamed
        if unnamed:
            self._rejected -= unnamed
            self._theirs[PARTLY_ACCEPTED] -= unnamed

    def rejected(self, reason: str, words: str) -> None:
        """The API refused an event."""
        self._rejected += 1
        self._theirs[reason] += 1
        self._words.setdefault(reason, words)

    @property
    def can_judge(self) -> bool:
        """Whether enough rows were counted to judge the mapping by its invalid rows, or any share is allowed."""
        return self._fuse.max_failure_rate >= 1.0 or self._counted >= ENOUGH_FOR_OUR_CHECKS

    def too_many(self, *, passed: int, without_others: int = 0, spared: int = 0) -> TooManyFailures | None:
        """The error that ends the run; None while all is well.

        passed: how many rows are settled without a gap. without_others: as in `Fuse.blown`. spared: how many events are
        sent again because the answer to their batch named other events as bad. They count as known, because the refused
        ones are known first and would otherwise look like the whole batch.
        """
        while self._pages and passed >= self._pages[0].first_seq + self._pages[0].rows:
            self._passed_invalid += self._pages.popleft().invalid
        invalid = self._passed_invalid
        if self._pages and passed > (page := self._pages[0]).first_seq:
            invalid += page.invalid * (passed - page.first_seq) // page.rows
        known = self._others + self._rejected + invalid + spared
        if not self._fuse.blown(invalid=invalid, rejected=self._rejected, known=known, without_others=without_others):
            return None
        return self._error(invalid, known)

    def _error(self, invalid: int, known: int) -> TooManyFailures:
        causes = []
        hint = "the mapping is probably wrong: look at `preview --invalid`, then run again"
        if invalid:
            # Reasons are counted by page, and a page may be settled in part.
            of = "" if self._ours.total() == invalid else "of all that were read: "
            causes.append(f"{invalid} by our own checks ({of}{_common(self._ours)})")
        if self._rejected:
            causes.append(f"{self._rejected} refused by the API ({_common(self._theirs)})")
        if self._rejected > invalid:
            reason = self._theirs.most_common(1)[0][0]
            hint = "`status --dead-letters` shows what the API said of each; correct the mapping, then run again"
            if reason == PARTLY_ACCEPTED:
                causes.append("it took the others of their requests and did not say which")
                hint = "compare the dead letters of `status --dead-letters` with the account, then correct the mapping"
            else:
                words = self._words[reason]
                causes.append(f"it says: {words}" if words else "without a word why")
        return TooManyFailures(
            f"{invalid + self._rejected} of {known} rows failed, more than max_failure_rate allows: "
            + "; ".join(causes),
            hint=hint,
        )


def _common(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3))

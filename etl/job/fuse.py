"""When so many rows fail that the mapping, not the data, must be wrong (`max_failure_rate`).

The rule: a run stops before it works its way through the table, but a handful of bad rows never stops it, nor do bad
rows that happen to stand in front. So only rows whose fate is known count, and only what chance does not explain: the
lower end of the 99 % Wilson interval has to lie above the limit (Wilson 1927). Our own checks cost nothing and are
judged from 400 rows on, unless a quarter of 100 rows surely fails; refusals of the API are judged from 100 rows on.
Where all that is new in a run is known, no good rows can follow: when none of at least ten is to be sent, it stops.
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
    """Blows surely above `max_failure_rate` (0 to 1), or when the API refused all of the first `batch_size` rows."""

    max_failure_rate: float
    batch_size: int

    def blown(self, *, invalid: int, rejected: int, known: int, without_others: int = 0) -> bool:
        """Whether so many of `known` rows, those whose fate is known, are too many.

        without_others: so many rows are all that is new in the run, and none of them is to be sent; 0: not so.
        """
        limit, failures = self.max_failure_rate, invalid + rejected
        if limit >= 1.0 or not failures:
            return False
        if limit <= 0.0:
            # With a limit of 0 each failure is one too many; none is explained by chance.
            return True
        if known >= ENOUGH_FOR_OUR_CHECKS and surely_at_least(failures, known) > limit:
            return True
        if known >= ENOUGH_ROWS or without_others >= ENOUGH_WITHOUT_OTHERS:
            few = surely_at_least(failures, known) > max(limit, MOST_OF_FEW)
            return few or surely_at_least(rejected, known) > limit
        return rejected == known >= self.batch_size


# For rows that are known to be bad: dead letters say nothing about the rest of the table.
NEVER = Fuse(max_failure_rate=1.0, batch_size=sys.maxsize)


@dataclass(slots=True)
class _Page:
    first_seq: int
    rows: int
    invalid: int


class Failures:
    """Counts what failed among the rows whose fate is known, and says why.

    An invalid row counts when its place is reached: as large a share of a page's as of its rows that are settled.
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

        Rows whose event was refused before are neither: they say nothing of the others, and are no good ones.
        """
        if reasons:
            self._pages.append(_Page(first_seq, rows, len(reasons)))
            self._ours.update(reasons)
        self._others += unchanged
        self._counted += rows

    def accepted(self, events: int, *, unnamed: int = 0) -> None:
        """So many events were accepted; `unnamed`: of those refused as `partly_accepted`, it is not known which."""
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
        """Whether enough rows were counted to tell a wrong mapping by our own checks, or none ever would be."""
        return self._fuse.max_failure_rate >= 1.0 or self._counted >= ENOUGH_FOR_OUR_CHECKS

    def too_many(self, *, passed: int, without_others: int = 0, spared: int = 0) -> TooManyFailures | None:
        """The error that ends the run; None while all is well.

        passed: so many rows are settled without a gap. without_others: as in `Fuse.blown`. spared: so many
        events are sent again because an answer named others of their batch: without them the refused ones, which are
        known first, would seem to be all.
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
            # Reasons are known of whole pages, and a page may be passed in part.
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

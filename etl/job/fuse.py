"""When so many rows fail that the mapping, not the data, must be wrong (contract: `max_failure_rate`).

The rule: a run stops before it works its way through the table, but a handful of bad rows never stops it.
"""

from __future__ import annotations

from dataclasses import dataclass

ENOUGH_ROWS = 100


@dataclass(frozen=True, slots=True)
class Fuse:
    """Blows above `max_failure_rate` (0 to 1) after 100 rows, or when all of the first `batch_size` rows failed."""

    max_failure_rate: float
    batch_size: int

    def blown(self, *, failures: int, examined: int) -> bool:
        """Whether `failures` (invalid + rejected) among `examined` rows are too many."""
        if examined >= ENOUGH_ROWS and failures > self.max_failure_rate * examined:
            return True
        return examined >= self.batch_size and failures == examined

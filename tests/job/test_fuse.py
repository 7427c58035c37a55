"""When a run stops because the mapping must be wrong (B24)."""

from __future__ import annotations

import pytest

from etl.job.fuse import Fuse


@pytest.mark.parametrize(
    ("failures", "examined", "blown"),
    [
        (0, 0, False),
        (1, 1, False),  # one bad row on a quiet night stops nothing
        (9, 9, False),
        (10, 10, True),  # a whole first batch
        (9, 10, False),
        (6, 99, False),
        (5, 100, False),  # exactly the rate
        (6, 100, True),
        (51, 1000, True),
    ],
)
def test_the_fuse_blows_above_the_rate_or_when_a_whole_first_batch_fails(
    failures: int, examined: int, *, blown: bool
) -> None:
    """B24."""
    assert Fuse(0.05, batch_size=10).blown(failures=failures, examined=examined) is blown

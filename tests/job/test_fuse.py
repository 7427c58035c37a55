"""When a run stops because the mapping must be wrong (B24)."""

from __future__ import annotations

import pytest

from etl.job.fuse import Failures, Fuse, surely_at_least


@pytest.mark.parametrize(
    ("invalid", "rejected", "known", "blown"),
    [
        (0, 0, 0, False),
        (1, 0, 1, False),  # one bad row on a quiet night stops nothing
        (0, 9, 9, False),
        (0, 10, 10, True),  # a whole first batch, and the API says why
        (10, 0, 10, False),  # ten bad rows in front
        (0, 9, 10, False),
        (7, 0, 100, False),
        (30, 0, 100, False),  # they may all stand in front
        (40, 0, 100, True),
        (0, 7, 100, False),
        (0, 10, 100, False),
        (0, 15, 100, True),
        (30, 0, 400, False),
        (40, 1, 1000, False),
        (60, 0, 1000, False),
        (75, 0, 1000, True),
        (700, 0, 10_000, True),
    ],
)
def test_the_fuse_blows_where_chance_does_not_explain_it(
    invalid: int, rejected: int, known: int, *, blown: bool
) -> None:
    """B24."""
    assert Fuse(0.05, batch_size=10).blown(invalid=invalid, rejected=rejected, known=known) is blown


@pytest.mark.parametrize(("known", "blown"), [(1, False), (9, False), (10, True), (90, True)])
def test_a_run_in_which_nothing_new_fits_is_judged_from_ten_rows_on(known: int, *, blown: bool) -> None:
    """No good rows stand behind these; a few bad ones on a quiet night stop nothing."""
    fuse = Fuse(0.05, batch_size=10)
    assert fuse.blown(invalid=known, rejected=0, known=known, without_others=known) is blown
    # The others had not changed.
    assert not fuse.blown(invalid=known, rejected=0, known=known + 300, without_others=known)


@pytest.mark.parametrize(("invalid", "rejected", "blown"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_a_limit_of_no_row_stops_at_the_first(invalid: int, rejected: int, *, blown: bool) -> None:
    """Who writes 0% wants to see each failure."""
    assert Fuse(0.0, batch_size=10).blown(invalid=invalid, rejected=rejected, known=60) is blown


def test_a_limit_of_all_rows_stops_nothing() -> None:
    assert not Fuse(1.0, batch_size=1).blown(invalid=500, rejected=500, known=1000)
    assert not Fuse(1.0, batch_size=1).blown(invalid=50, rejected=0, known=50, without_others=50)
    assert not Fuse(1.0, batch_size=1).blown(invalid=0, rejected=1, known=1)
    assert Failures(Fuse(1.0, batch_size=1)).can_judge, "so that no page waits for others"


def test_the_lower_end_is_that_of_wilson() -> None:
    """Worked out by hand for 700 of 10,000."""
    assert round(surely_at_least(700, 10_000), 6) == 0.063709
    assert surely_at_least(0, 100) == 0.0


def test_invalid_rows_count_when_their_place_is_reached() -> None:
    failures = Failures(Fuse(0.05, batch_size=100))
    failures.page(0, rows=5_000, reasons=["invalid_email"] * 320, unchanged=0)
    failures.accepted(400)
    assert failures.too_many(passed=427) is None
    failures.accepted(4_280)
    assert failures.too_many(passed=5_000) is not None


def test_where_a_page_is_passed_in_part_its_reasons_are_said_to_be_of_all_its_rows() -> None:
    failures = Failures(Fuse(0.05, batch_size=100))
    failures.page(0, rows=1_000, reasons=["invalid_email"] * 400, unchanged=0)
    failures.accepted(300)
    error = failures.too_many(passed=500)
    assert error is not None
    assert error.message.endswith("200 by our own checks (of all that were read: invalid_email 400)")


def test_what_stopped_the_run_is_told_by_cause() -> None:
    failures = Failures(Fuse(0.05, batch_size=100))
    failures.page(0, rows=100, reasons=["invalid_email"] * 3, unchanged=0)
    for _ in range(97):
        failures.rejected("TIMESTAMP_ERROR", "TIMESTAMP_ERROR: no year")
    error = failures.too_many(passed=100)
    assert error is not None
    assert error.message == (
        "100 of 100 rows failed, more than max_failure_rate allows: 3 by our own checks (invalid_email 3); "
        "97 refused by the API (TIMESTAMP_ERROR 97); it says: TIMESTAMP_ERROR: no year"
    )
    assert error.hint is not None
    assert "status --dead-letters" in error.hint

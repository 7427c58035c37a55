"""An answer that names the refused events by their indexes alone."""

from __future__ import annotations

import pytest

from etl.verdict.judge import Accepted, Refused, judge
from tests.verdict.answers import answer


@pytest.mark.parametrize("name", ["errors", "rejected", "failed", "failures", "failed_indexes", "rejectedEvents"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_list_of_one_index_is_a_no_the_first_one_too(name: str, index: int) -> None:
    """A row that was named by 0 was recorded as accepted."""
    for body in ({name: [index]}, {name: [index], "accepted": 2}, {"data": {name: [index]}}):
        assert isinstance(judge(answer({"success": True, **body}), events=3), Refused), body
    for body in ({name: [0]}, {name: [0], "accepted": 0}):
        assert isinstance(judge(answer({"success": True, **body}), events=1), Refused), body


def test_zeros_for_all_events_are_codes_of_no_trouble() -> None:
    for zeros in ([0, 0, 0], [False], [False, False, False], []):
        assert judge(answer({"success": True, "errors": zeros}), events=3) == Accepted()

"""Which events the indexes of an answer name, and what they count from."""

from __future__ import annotations

import orjson
import pytest

from etl.verdict.judge import (
    Partly,
    Refused,
    judge,
)
from tests.verdict.answers import answer

SENT = orjson.dumps(
    {"events": [{"event": "x", "email": f"p{at}@example.com", "userid": 10000 + at} for at in range(4)]}
)


@pytest.mark.parametrize(
    ("errors", "named", "counts_from"),
    [
        ([{"index": 0}], {0}, 0),
        ([{"index": 4, "message": "p3@example.com is no address"}], {3}, 1),
        ([{"index": 1}, {"index": 4, "message": "10003 is no profile"}], {0, 3}, 1),
        ([{"index": 2}], {2}, None),
        ({"2": "no"}, {2}, None),
        ([None, "no", None, None], {1}, 0),
        ([{"index": 2, "message": "p2@example.com is no address"}], {2}, 0),
        ([{"index": 2, "message": "p1@example.com is no address"}], {1}, 1),
        ([{"index": 2, "message": "no profile 10001"}], {1}, 1),
        ([{"index": 2, "message": "p2@example.com has the profile 10003"}], {2}, 0),
        ([{"index": 2, "message": "up1@example.com is no address"}], {2}, None),
        ([{"index": 2, "email": "p1@example.com"}, {"index": 3, "email": "p3@example.com"}], {2, 3}, None),
        ([{"index": "0", "message": "no"}, {"position": "2"}], {0, 2}, 0),
        ({"P1@example.com": "no"}, {1}, 0),
        ({"p1@example.com": "no", "p2@example.com": None, "10003": ["no"]}, {1, 3}, 0),
        ([{"email": "p1@example.com", "message": "no"}, {"userid": 10002}], {1, 2}, 0),
        ({"email": "p1@example.com", "message": "no"}, {1}, 0),
        ({"events": {"0": "no", "2": {"message": "no"}}}, {0, 2}, 0),
        ({"events": [None, "no", None, None]}, {1}, 0),
        ({"events.0.email": ["no"], "events.2.phone": ["no"], "events.2.city": ["no"]}, {0, 2}, 0),
        ({"events[2].email": "no"}, {2}, None),
        ([{"field": "events.0.email"}, {"propertyPath": "events[3].email", "message": "no"}], {0, 3}, 0),
        ([{"source": {"pointer": "/events/0/email"}}, {"loc": ["body", "events", 3, "email"]}], {0, 3}, 0),
    ],
)
def test_an_answer_may_tell_what_its_indexes_count_from(
    errors: object, named: set[int], counts_from: int | None
) -> None:
    verdict = judge(answer({"success": False, "errors": errors}, status=400), events=4, sent=SENT)
    assert isinstance(verdict, Partly)
    assert (set(verdict.errors), verdict.counts_from) == (named, counts_from)


@pytest.mark.parametrize(
    "errors",
    [
        [{"index": 0}, {"index": 4}],
        [{"index": 5}],
        {"-1": "no"},
        [{"index": 2, "message": "p3@example.com"}],
        {"p1@example.com": "no", "p7@example.com": "no"},
        {"email": "p1@example.com is no address"},
        [{"email": "p1@example.com"}, {"message": "no"}],
        [{"index": "first"}],
        {"events.0.email": "no", "message": "no"},
        [{"field": "events.0.email"}, "no"],
        [{"field": "events.0.email"}, {"field": "email"}],
        {"previents.0.email": "no"},
        {"events": "no"},
    ],
)
def test_indexes_that_fit_no_way_of_counting_name_nothing(errors: object) -> None:
    assert isinstance(judge(answer({"errors": errors}, status=400), events=4, sent=SENT), Refused)


@pytest.mark.parametrize("index", [0, 1])
def test_one_event_alone_tells_what_indexes_count_from(index: int) -> None:
    verdict = judge(answer({"errors": [{"index": index}]}, status=400), events=1)
    assert isinstance(verdict, Partly)
    assert (set(verdict.errors), verdict.counts_from) == ({0}, index)

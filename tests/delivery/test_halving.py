"""A request that is refused without details, or for its size, is halved down to the event that is to blame."""

from __future__ import annotations

import pytest

from etl.delivery.courier import Request
from etl.verdict.judge import Accepted, PartlyAccepted, Refused, TooLarge, Verdict
from tests.delivery.parcels import (
    REFUSAL,
    Api,
    carry,
    event,
    page,
    pages,
    seqs,
)


def refuse(*poison: int) -> Api:
    def api(request: Request) -> Verdict:
        return Refused(REFUSAL) if any(item.seq in poison for item in request.events) else Accepted()

    return api


def test_a_refusal_without_details_is_halved_down_to_the_guilty() -> None:
    """C11: the good events of the batch are delivered."""
    carrier = carry(pages([event(seq) for seq in range(8)], rows=8), refuse(5), batch_size=8, span_events=8)
    assert seqs(carrier) == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]
    assert carrier.rejected == [(5, "TIMESTAMP_ERROR")]
    assert [item.seq for item in carrier.accepted] == [0, 1, 2, 3, 4, 6, 7]
    assert carrier.checkpoint == 7


@pytest.mark.parametrize("events", [1, 2, 3, 7, 64, 100])
def test_halving_takes_at_most_two_n_minus_one_requests(events: int) -> None:
    """C11."""
    given = pages([event(seq) for seq in range(events)], rows=events)
    carrier = carry(given, lambda _: Refused(REFUSAL), batch_size=events, span_events=events)
    assert len(carrier.requests) == 2 * events - 1
    assert [seq for seq, _ in carrier.rejected] == list(range(events))


def test_a_partly_accepted_batch_is_never_sent_again() -> None:
    """C31: halving would send the good ones twice."""
    carrier = carry([page(0, [event(0), event(1)])], lambda _: PartlyAccepted(1))
    assert len(carrier.requests) == 1
    assert carrier.rejected == [(0, "partly_accepted"), (1, "partly_accepted")]
    words = {rejected.words for settlement in carrier.settlements for rejected in settlement.rejected}
    assert words == {"the API took 1 of 2 events and did not say which"}


def test_too_large_is_halved_and_remembered() -> None:
    """C21."""

    def api(request: Request) -> Verdict:
        return TooLarge() if len(request.body) > 13 + 4 * 101 else Accepted()

    given = pages([event(seq, size=100) for seq in range(24)], rows=24)
    carrier = carry(given, api, batch_size=8, span_events=8, concurrency=1)
    assert [len(request.events) for request in carrier.requests] == [8, 4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("huge", [0, 3, 4, 7])
def test_one_huge_event_does_not_make_every_later_request_tiny(huge: int) -> None:
    """C21: the huge one, in either half of its batch, is rejected, and the others go on in full batches."""

    def api(request: Request) -> Verdict:
        return TooLarge() if len(request.body) > 1000 else Accepted()

    given = pages([event(seq, size=2000 if seq == huge else 10) for seq in range(16)], rows=16)
    carrier = carry(given, api, batch_size=8, span_events=8, concurrency=1)
    assert carrier.rejected == [(huge, "too_large")]
    assert len(carrier.requests[-1].events) == 8

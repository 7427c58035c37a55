"""What an answer means for the events of a request, one verdict after the other."""

from __future__ import annotations

import pytest

from etl.delivery.courier import Request
from etl.page import Position
from etl.verdict.judge import Accepted, Partly, Verdict
from tests.delivery.memory_budget import MemoryBudget
from tests.delivery.parcels import (
    DOWN,
    REFUSAL,
    Carrier,
    carry,
    event,
    make_courier,
    page,
    pages,
    seqs,
    ten,
)


def test_batches_are_filled_across_pages_and_the_rest_leaves_at_the_end() -> None:
    carrier = carry(ten())
    assert seqs(carrier) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert [item.seq for item in sorted(carrier.accepted)] == list(range(10))
    assert carrier.checkpoint == 9
    assert carrier.courier.unsettled == 0


def test_a_request_is_the_envelope_of_its_events() -> None:
    carrier = carry([page(0, [event(0, size=3), event(1, size=3)])])
    assert carrier.requests == [Request(1, (event(0, size=3), event(1, size=3)), b'{"events":["0","1"]}', 1)]


def test_rows_without_an_event_are_passed_by_the_checkpoint() -> None:
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [None, None]))
    carrier.admit(page(2, [None, event(3), None]))
    carrier.commit()
    assert carrier.checkpoint == 2
    carrier.run([])
    assert carrier.checkpoint == 4


def test_what_has_no_event_is_not_over_before_it_is_recorded() -> None:
    """Its rows are passed by a settlement too; the run must not end before it."""
    courier = make_courier()
    courier.admit(page(0, [None, None]))
    assert not courier.idle
    settlement = courier.settlement()
    assert settlement is not None
    assert not courier.idle
    courier.committed(settlement)
    assert courier.idle


def test_rows_read_again_below_the_checkpoint_do_not_move_it() -> None:
    """D17: what `lookback` re-reads lies below the checkpoint."""
    carrier = carry([page(0, [event(0)] * 1, moves_checkpoint=False), page(1, [event(1)], moves_checkpoint=False)])
    assert carrier.checkpoint == -1
    assert [item.seq for item in carrier.accepted] == [0, 1]


def test_a_batch_respects_the_byte_limit() -> None:
    carrier = carry(pages([event(seq, size=100) for seq in range(6)], rows=6), max_batch_bytes=13 + 2 * 101)
    assert seqs(carrier) == [[0, 1], [2, 3], [4, 5]]


def test_an_event_above_the_byte_limit_leaves_alone() -> None:
    carrier = carry(pages([event(0), event(1, size=500), event(2)], rows=3), max_batch_bytes=200)
    assert seqs(carrier) == [[0], [1], [2]]


def test_an_unconfirmed_answer_is_counted() -> None:
    carrier = carry(ten(), lambda _: Accepted(unconfirmed=True))
    assert sum(settlement.unconfirmed for settlement in carrier.settlements) == 10
    assert carrier.courier.tally.unconfirmed == 10


def test_named_errors_are_rejected_and_the_others_accepted() -> None:
    """C12, C13, D18."""
    carrier = carry([page(0, [event(0), event(1), event(2)])], lambda _: Partly({1: REFUSAL}, "accepted"))
    assert [item.seq for item in carrier.accepted] == [0, 2]
    assert carrier.rejected == [(1, "TIMESTAMP_ERROR")]
    assert len(carrier.requests) == 1


def test_the_others_are_sent_again_in_the_same_place() -> None:
    """C12."""

    def api(request: Request) -> Verdict:
        return Partly({1: REFUSAL}, "resend") if len(request.events) == 3 else Accepted()

    carrier = carry([page(0, [event(0), event(1), event(2)])], api)
    assert seqs(carrier) == [[0, 1, 2], [0, 2]]
    assert [item.seq for item in carrier.accepted] == [0, 2]
    assert carrier.rejected == [(1, "TIMESTAMP_ERROR")]
    assert carrier.courier.tally.retries == 0


def test_all_named_leaves_nothing_to_send() -> None:
    carrier = carry([page(0, [event(0), event(1)])], lambda _: Partly({0: REFUSAL, 1: REFUSAL}, "resend"))
    assert seqs(carrier) == [[0, 1]]
    assert [seq for seq, _ in carrier.rejected] == [0, 1]


def test_an_event_alone_whose_request_failed_once_holds_nothing_up() -> None:
    """Only one that is suspected waits for others, so that requests leave which are not full."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0)]))
    courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
    carrier.send()
    carrier.answer(0, DOWN)
    assert not courier.held_up


def test_nothing_is_passed_before_anything_is_settled() -> None:
    courier = make_courier()
    assert courier.passed_rows == 0
    courier.admit(page(0, [event(0), event(1)]))
    assert (courier.passed_rows, courier.settlement()) == (0, None)


def test_a_place_is_not_used_again_before_the_state_has_it() -> None:
    """D1: repeats after a kill are what is in flight or not recorded, never more than the places."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    for given in ten():
        carrier.admit(given)
    carrier.send()
    carrier.answer(0, Accepted())
    carrier.send()
    assert len(carrier.requests) == 2
    settlement = courier.settlement()
    carrier.send()
    assert len(carrier.requests) == 2
    courier.committed(settlement)
    carrier.committed = {item.seq for item in settlement.accepted}
    carrier.send()
    assert len(carrier.requests) == 3


def test_a_slow_head_batch_holds_the_checkpoint_and_bounds_the_span() -> None:
    """D17: finding 2 of the design; the rest waits for it at most a span ahead."""
    courier = make_courier(concurrency=3, span_events=9)
    carrier = Carrier(courier, courier._settings)
    given = pages([event(seq) for seq in range(30)], rows=30)
    carrier.settings = courier._settings
    carrier.admit(given[0])
    carrier.send()
    while len(carrier.in_flight) > 1:
        carrier.answer(1, Accepted())
        carrier.commit()
        carrier.send()
    assert [item.seq for item in carrier.in_flight[0].events] == [0, 1, 2]
    assert max(item.seq for request in carrier.requests for item in request.events) == 8
    assert carrier.checkpoint == -1
    carrier.answer(0, Accepted())
    carrier.commit()
    assert carrier.checkpoint == 8


def test_after_a_halt_nothing_leaves_but_answers_still_count() -> None:
    """E1."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    for given in ten():
        carrier.admit(given)
    carrier.send()
    courier.halt()
    carrier.answer(0, Accepted())
    carrier.answer(0, DOWN)
    carrier.commit()
    carrier.now += 1000
    carrier.send()
    assert len(carrier.requests) == 2
    assert (carrier.checkpoint, courier.unsettled, courier.wake_at) == (2, 7, None)


def test_a_flush_lets_a_request_leave_that_is_not_full() -> None:
    """A window ends before the next one begins, so its rest must not wait for the next page."""
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0), event(1)]))
    carrier.send()
    assert carrier.requests == []
    courier.flush()
    assert courier.wake_at == 0.0
    carrier.send()
    assert seqs(carrier) == [[0, 1]]


def test_sparse_pages_do_not_hold_the_checkpoint_for_ever() -> None:
    """D24: with one changed row in many pages the rest of a batch may take the whole table to come."""
    given = [page(4 * at, [event(4 * at), None, None, None]) for at in range(20)]
    courier = make_courier(batch_size=100, span_events=200)
    carrier = Carrier(courier, courier._settings)
    for at, one in enumerate(given):
        assert courier.room, at
        carrier.admit(one)
        carrier.send()
        while carrier.in_flight:
            carrier.answer(0)
            carrier.commit()
    assert carrier.checkpoint >= 4 * 12


def test_the_throttle_alone_is_what_waiting_counts() -> None:
    """What a summary prints as `waited_seconds`."""
    budget = MemoryBudget(requests_per_second=1, events_per_second=1000)
    carrier = carry(ten(), budget=budget)
    assert len(carrier.requests) == 4
    assert carrier.courier.tally.waited_seconds == pytest.approx(2.9, abs=0.05)


def test_of_a_request_that_is_taken_back_the_others_leave_and_the_checkpoint_passes() -> None:
    """A person is forgotten while their event waits: it counts as no request, and nothing waits for it."""
    courier = make_courier()
    courier.admit(page(0, [event(0), event(1), event(2)]))
    courier.flush()
    request = courier.next_request(now=0.0, jitter=lambda: 0.5)
    assert request is not None
    courier.withhold(request, {1})
    again = courier.next_request(now=0.0, jitter=lambda: 0.5)
    assert again is not None
    assert ([item.seq for item in again.events], courier.tally.requests) == ([0, 2], 1)
    courier.answered(again, Accepted(), now=0.0, jitter=lambda: 0.5)
    settlement = courier.settlement()
    assert settlement is not None
    assert ([item.seq for item in settlement.suppressed], settlement.position) == ([1], Position(2, (2,)))
    courier.committed(settlement)
    assert courier.idle


def test_a_request_of_which_nothing_is_left_frees_its_place() -> None:
    courier = make_courier()
    courier.admit(page(0, [event(0)]))
    courier.flush()
    request = courier.next_request(now=0.0, jitter=lambda: 0.5)
    assert request is not None
    courier.withhold(request, {0})
    assert courier.next_request(now=0.0, jitter=lambda: 0.5) is None
    settlement = courier.settlement()
    assert settlement is not None
    courier.committed(settlement)
    assert (courier.idle, courier.tally.requests, courier.unanswered) == (True, 0, None)

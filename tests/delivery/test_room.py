"""What waits and what is held has a bound in bytes, whatever size events have, and requests leave full nevertheless."""

from __future__ import annotations

import random

import pytest

from etl.delivery.courier import AdmittedPage, Courier
from etl.delivery.lanes import Lanes
from etl.delivery.settings import WAITING_BYTES
from etl.delivery.settlement import Prefix
from tests.delivery.parcels import Carrier, event, make_courier, page

MIB = 1024 * 1024
PAGE_BYTES = 8 * MIB


def huge_pages(sizes: list[int]) -> list[AdmittedPage]:
    """Pages of events of `sizes` bytes, cut as the reader cuts them."""
    pages: list[AdmittedPage] = []
    events = []
    seq = first = held = 0
    for size in sizes:
        events.append(event(seq, size=size))
        seq, held = seq + 1, held + size
        if held >= PAGE_BYTES:
            pages.append(page(first, events))
            first, held, events = seq, 0, []
    return [*pages, page(first, events)] if events else pages


def deliver(courier: Courier, pages: list[AdmittedPage]) -> tuple[Carrier, int]:
    """Deliver `pages`, answering one request at a time; and the most bytes that waited."""
    carrier = Carrier(courier, courier._settings)
    waiting, most = list(pages), 0
    while waiting or not courier.idle:
        while waiting and courier.room:
            carrier.admit(waiting.pop(0))
            most = max(most, courier._lanes.size)
        if not waiting:
            courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
        carrier.send()
        assert carrier.in_flight, "something can be sent whenever no more may be admitted"
        carrier.answer(0)
        carrier.commit()
    return carrier, most


@pytest.mark.parametrize("size", [256 * 1024, 2 * MIB, 20 * MIB])
def test_what_waits_is_bounded_by_bytes(size: int) -> None:
    """1,600 events of 256 KiB were 400 MiB; an event larger than the bound still goes its way alone."""
    courier = make_courier(batch_size=100, span_events=1600, concurrency=4, max_batch_bytes=524_288)
    carrier, most = deliver(courier, huge_pages([size] * (160 * MIB // size)))
    assert most <= WAITING_BYTES + max(PAGE_BYTES, size) + size
    assert sum(len(request.events) for request in carrier.requests) == 160 * MIB // size


def test_no_request_is_small_because_bytes_were_many() -> None:
    """Narrow events between wide ones: each request but the last could not hold the next event, or has its fill."""
    chance = random.Random(5)
    sizes = [chance.choice([200, 200, 200, 300_000]) for _ in range(900)]
    courier = make_courier(batch_size=100, span_events=1600, concurrency=4, max_batch_bytes=524_288)
    carrier, _ = deliver(courier, huge_pages(sizes))
    for request, after in zip(carrier.requests, carrier.requests[1:], strict=False):
        full = len(request.events) == 100
        assert full or len(request.body) + len(after.events[0].body) + 1 > 524_288


def test_requests_larger_than_the_bound_are_filled_too() -> None:
    """A mapping may ask for requests of 20 MiB: what waits must be enough for one, or none would ever be full."""
    courier = make_courier(batch_size=1000, span_events=4000, concurrency=2, max_batch_bytes=20 * MIB)
    carrier, _ = deliver(courier, huge_pages([MIB] * 80))
    assert [len(request.events) for request in carrier.requests[:-1]] == [19] * (len(carrier.requests) - 1)


def test_bytes_are_counted_whichever_way_events_leave() -> None:
    """By slices, and passed over because their identity is busy."""
    lanes = Lanes(batch_size=2, max_batch_bytes=10_000)
    lanes.admit([event(0, "u:a"), event(1, "u:b"), event(2, "u:a", size=30), event(3, "u:c"), event(4, "u:d")])
    assert lanes.size == 70
    first = lanes.take(before_ordinal=9, partial=False)
    second = lanes.take(before_ordinal=9, partial=False)
    assert first is not None
    assert second is not None
    assert ([each.seq for each in second.events], lanes.size) == ([3, 4], 30)
    lanes.free(first.identities)
    assert lanes.take(before_ordinal=9, partial=True) is not None
    assert lanes.size == 0


def test_a_page_that_is_held_keeps_no_event() -> None:
    """Pages wait for their oldest event; what has left of them needs no memory."""
    prefix = Prefix()
    prefix.admit(page(0, [event(0, size=MIB)]))
    assert [list(held.events) for held in prefix._pages] == [[]]


@pytest.mark.parametrize(("left", "room"), [(1, True), (0, False), (-1, False)])
@pytest.mark.parametrize(("max_batch_bytes", "bound"), [(524_288, 16 * MIB), (20 * MIB, 40 * MIB)])
def test_there_is_room_up_to_the_last_byte(max_batch_bytes: int, bound: int, left: int, *, room: bool) -> None:
    courier = make_courier(batch_size=100, span_events=1600, max_batch_bytes=max_batch_bytes)
    courier.admit(page(0, [event(0, size=bound - left)]))
    assert courier.room is room


def test_nothing_is_to_be_looked_at_before_anything_was_admitted() -> None:
    courier = make_courier()
    assert (courier.wake_at, courier.idle, courier.room) == (None, True, True)

"""Before a run ends because nothing is accepted, events are asked about one by one: how many, which, and then what."""

from __future__ import annotations

import pytest

from etl.delivery.courier import CourierSettings, Request
from etl.errors import EtlError
from etl.verdict.judge import Accepted, Verdict
from tests.delivery.parcels import BROKEN, Carrier, event, make_courier, page, seqs

ROWS = 60
WIDE = {"batch_size": 3, "concurrency": 2, "span_events": 30, "max_batch_bytes": 10_000}


class Refusing:
    """An API that fails for every event but those in `taken`."""

    def __init__(self, *taken: int) -> None:
        self.taken = set(taken)

    def __call__(self, request: Request) -> Verdict:
        return Accepted() if {item.seq for item in request.events} <= self.taken else BROKEN


class Ended(Carrier):
    """A carrier of a run that ended: `tried` are the rows that were tried until then."""

    tried: frozenset[int]


def ended(api: Refusing, **settings: int) -> tuple[Ended, EtlError]:
    """A run that ended because nothing is accepted, while its reader still has rows."""
    chosen = WIDE | settings
    carrier = Ended(make_courier(**chosen), CourierSettings(**chosen), api)
    carrier.admit(page(0, [event(seq) for seq in range(ROWS)]))
    trouble = go_on(carrier)
    assert trouble is not None
    carrier.tried = frozenset(seq for request in seqs(carrier) for seq in request)
    carrier.requests.clear()
    return carrier, trouble


def go_on(carrier: Carrier) -> EtlError | None:
    """Deliver until the run ends, and say why; None: all that may leave is accepted."""
    courier = carrier.courier
    for _ in range(1_000):
        carrier.send()
        if courier.trouble is not None:
            while carrier.in_flight:
                carrier.answer(0)
            return courier.trouble
        if carrier.in_flight:
            carrier.answer(0)
            carrier.commit()
        elif courier.wake_at is None:
            assert courier.unsettled == 0, "the courier stands still"
            return None
        else:
            carrier.now = max(carrier.now, courier.wake_at)
    raise AssertionError("the courier goes on for ever")


@pytest.mark.parametrize("most", [8, 9, 16, 40])
def test_so_many_that_come_after_those_that_failed_are_asked_alone_once_and_at_once(most: int) -> None:
    """Then the run ends as before, though its reader has more: more of the same would say nothing new."""
    carrier, trouble = ended(Refusing())
    behind, began = len(carrier.tried), carrier.now
    for more in (most - 8, 0):
        carrier.courier.ask_one_by_one(8 + more)
        assert go_on(carrier) is trouble
        assert (seqs(carrier), carrier.now) == ([[seq] for seq in range(behind, behind + more)], began)
        carrier.requests.clear()


@pytest.mark.parametrize("at", [0, 7])
def test_one_that_is_accepted_lets_the_run_go_on_with_all_that_failed(at: int) -> None:
    """They have their turn again once all are asked, and what is no row's fault any more ends well."""
    api = Refusing()
    carrier, _ = ended(api)
    behind = len(carrier.tried)
    api.taken.add(behind + at)
    carrier.courier.ask_one_by_one(16)
    while len(carrier.requests) < 8 or carrier.in_flight:
        carrier.send()
        carrier.answer(0)
        carrier.commit()
        if len(carrier.requests) > 8:
            api.taken |= set(range(ROWS))
    api.taken |= set(range(ROWS))
    assert carrier.courier.trouble is None
    carrier.courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
    assert go_on(carrier) is None
    assert carrier.committed == set(range(ROWS))


@pytest.mark.parametrize("most", [8, 9, 11])
def test_of_a_batch_that_failed_whole_no_more_than_so_many_are_asked(most: int) -> None:
    """Each alone and once; those behind come besides."""
    carrier, trouble = ended(Refusing(), batch_size=12, span_events=48, max_attempts=1)
    carrier.courier.ask_one_by_one(most)
    assert go_on(carrier) is trouble
    asked = {request[0] for request in seqs(carrier)}
    assert sorted([seq] for seq in asked) == sorted(seqs(carrier))
    assert len([seq for seq in asked if seq in carrier.tried]) == most


def test_without_a_ledger_each_is_asked_alone_too() -> None:
    """Nothing leaves from behind, so that no more than before may be sent twice."""
    carrier, trouble = ended(Refusing(), batch_size=4, span_events=8, max_attempts=1)
    carrier.courier.ask_one_by_one(8)
    assert go_on(carrier) is trouble
    assert {len(request) for request in seqs(carrier)} <= {1}
    assert {seq for request in seqs(carrier) for seq in request} <= set(range(8))


def test_without_a_ledger_no_more_than_the_span_is_asked_however_many_may_be() -> None:
    """Rows behind those that wait would be sent twice after a kill."""
    api = Refusing()
    carrier, _ = ended(api, batch_size=12, span_events=24, max_attempts=1)
    api.taken |= set(range(1, 12))
    carrier.courier.ask_one_by_one(24)
    carrier.send()
    while of_first := [at for at, request in enumerate(carrier.in_flight) if request.events[0].seq < 12]:
        carrier.answer(of_first[0])
        carrier.commit()
        carrier.send()
    assert max(seq for request in seqs(carrier) for seq in request) < 24

"""Events that make requests fail, an API that is down, a key that is withdrawn: told apart by what is accepted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from etl.delivery.blame import Blame, BlameStep, Elsewhere
from etl.delivery.courier import Request
from etl.delivery.lanes import Batch
from etl.delivery.slot import Slot
from etl.errors import CredentialsRefused, StoppedEarly
from etl.verdict.judge import Accepted, Refusal, Refused, Stop, Verdict
from tests.delivery.parcels import BROKEN, DOWN, Api, Carrier, carry, event, make_courier, page, pages

WRONG_KEY = Refused(
    Refusal("http_403", "Forbidden"), Stop(CredentialsRefused("wrong key"), "HTTP 403"), stop_at_once=True
)
FIREWALL = Refused(Refusal("http_403", ""), Stop(CredentialsRefused("a page"), "HTTP 403"))


def failing(verdict: Verdict, *poison: int) -> Api:
    """`verdict` for every request that holds one of these events."""
    return lambda request: verdict if any(item.seq in poison for item in request.events) else Accepted()


def delivered(carrier: Carrier) -> list[int]:
    return sorted(item.seq for item in carrier.accepted)


def rows(count: int) -> list[int]:
    return list(range(count))


def given(count: int) -> Sequence:
    return pages([event(seq) for seq in range(count)], rows=count)


LARGE = {"batch_size": 25, "concurrency": 4, "span_events": 400}


@pytest.mark.parametrize("poison", [(0,), (24,), (99,), (0, 1), (0, 25, 50, 75), (3, 4, 5, 6, 7), (10, 60, 61)])
@pytest.mark.parametrize(("verdict", "reason"), [(BROKEN, "server_error"), (FIREWALL, "http_403")])
def test_the_guilty_are_given_up_and_all_others_delivered(
    poison: tuple[int, ...], verdict: Verdict, reason: str
) -> None:
    carrier = carry(given(100), failing(verdict, *poison), **LARGE)
    assert carrier.courier.trouble is None
    assert carrier.rejected == [(seq, reason) for seq in sorted(seq for seq, _ in carrier.rejected)] or poison
    assert sorted(carrier.rejected) == [(seq, reason) for seq in poison]
    assert delivered(carrier) == [seq for seq in rows(100) if seq not in poison]
    assert carrier.checkpoint == 99


@pytest.mark.parametrize(
    ("poison", "concurrency"),
    [
        *(((0,), 1), ((4,), 1), ((0, 1), 1), ((0, 1, 2, 3, 4, 5), 1), ((2, 3, 4, 8, 9), 1)),
        *(((0,), 2), ((0, 1), 2), ((0, 5), 2), ((0, 1, 2, 3, 4), 2)),
        *(((0,), 4), ((0, 3, 6), 4), ((0, 1, 2, 3), 4), ((0, 1, 2, 3, 4, 5, 6, 7), 4)),
    ],
)
def test_where_each_request_has_one_event_the_guilty_keep_no_other_back(
    poison: tuple[int, ...], concurrency: int
) -> None:
    """What is accepted after it failed for the first time speaks for the API, though all of it was accepted soon."""
    carrier = carry(
        given(12), failing(BROKEN, *poison), batch_size=1, concurrency=concurrency, span_events=400, max_attempts=8
    )
    assert delivered(carrier) == [seq for seq in rows(12) if seq not in poison]
    assert sorted(carrier.rejected) == [(seq, "server_error") for seq in poison]
    assert carrier.courier.trouble is None


def test_what_redirects_is_a_firewall_once_others_passed_and_the_wrong_address_before() -> None:
    stop = Stop(CredentialsRefused("it redirects"), "HTTP 302", unless_others_pass=Refusal("http_302", "moved"))
    later = carry(given(20), failing(stop, 12), batch_size=5, concurrency=1, span_events=400)
    assert (later.courier.trouble, later.rejected) == (None, [(12, "http_302")])
    assert delivered(later) == [seq for seq in rows(20) if seq != 12]
    first = carry(given(20), failing(stop, 2), batch_size=5, concurrency=1, span_events=400)
    assert (first.courier.trouble, delivered(first), first.rejected) == (stop.error, [], [])


def test_a_row_that_fails_with_nothing_beside_it_is_named() -> None:
    """So that a person can take it out; whether it is at fault is not known."""
    carrier = carry(given(1), failing(BROKEN, 0), **LARGE)
    assert carrier.rejected == []
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert "the row with key 0 makes it fail" in (carrier.courier.trouble.hint or "")


@pytest.mark.parametrize("batch_size", [1, 20])
@pytest.mark.parametrize("concurrency", [1, 2, 4])
def test_an_outage_that_asks_all_to_wait_as_long_ends(batch_size: int, concurrency: int) -> None:
    """What is further along is ready each time, and must not keep from their turn those who are to tell."""
    busy = replace(BROKEN, after_seconds=0.2)
    settings = {"batch_size": batch_size, "concurrency": concurrency, "span_events": 4 * concurrency * batch_size}
    carrier = carry(given(100), lambda _: busy, max_backoff_seconds=0.1, **settings)
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert len(carrier.requests) <= 100


@pytest.mark.parametrize("concurrency", [1, 2])
def test_an_outage_costs_few_requests_where_each_has_one_event(concurrency: int) -> None:
    """And gives nothing up."""
    carrier = carry(given(50), lambda _: BROKEN, batch_size=1, concurrency=concurrency, span_events=400)
    assert (delivered(carrier), carrier.rejected) == ([], [])
    assert isinstance(carrier.courier.trouble, StoppedEarly)
    assert len(carrier.requests) <= 100


@pytest.mark.parametrize(("batch_size", "count"), [(2, 4), (3, 9), (5, 5), (5, 12), (20, 6)], ids=str)
def test_on_one_connection_others_are_asked_where_a_whole_batch_is_guilty(batch_size: int, count: int) -> None:
    """Several guilty rows in a row look like an API that is down, until one behind them is accepted."""
    poison = range(count)
    settings = {"batch_size": batch_size, "concurrency": 1, "span_events": 4 * batch_size, "max_attempts": 8}
    carrier = carry(given(count + 20), failing(BROKEN, *poison), **settings)
    assert carrier.courier.trouble is None
    assert sorted(seq for seq, _ in carrier.rejected) == list(poison)
    assert delivered(carrier) == list(range(count, count + 20))
    outage = carry(given(count + 20), lambda _: BROKEN, **settings)
    assert (delivered(outage), outage.rejected) == ([], [])
    assert len(outage.requests) <= 100


def test_a_dead_letter_says_what_was_answered() -> None:
    carrier = carry(given(100), failing(BROKEN, 7), **LARGE)
    [rejected] = [rejected for settlement in carrier.settlements for rejected in settlement.rejected]
    assert rejected.words == "HTTP 500: no such letter"


@pytest.mark.parametrize("poison", [0, 1, 2])
@pytest.mark.parametrize(("count", "concurrency"), [(3, 4), (3, 1), (2, 4)])
@pytest.mark.parametrize("verdict", [BROKEN, FIREWALL])
def test_a_small_night_with_nothing_else_to_send_ends(
    poison: int, count: int, concurrency: int, verdict: Verdict
) -> None:
    """Its own batch says whether the API is well."""
    carrier = carry(
        given(count), failing(verdict, poison % count), batch_size=100, concurrency=concurrency, span_events=1600
    )
    assert carrier.courier.trouble is None
    assert [seq for seq, _ in carrier.rejected] == [poison % count]
    assert len(carrier.accepted) == count - 1


def test_one_connection_is_enough() -> None:
    """The event waits without holding the only place."""
    carrier = carry(given(9), failing(BROKEN, 0, 1), batch_size=3, concurrency=1, span_events=12)
    assert carrier.courier.trouble is None
    assert sorted(seq for seq, _ in carrier.rejected) == [0, 1]


@pytest.mark.parametrize("from_request", [1, 2, 5, 9])
@pytest.mark.parametrize("verdict", [BROKEN, FIREWALL])
def test_an_api_that_goes_down_buries_nothing(from_request: int, verdict: Verdict) -> None:
    """C10: whatever was accepted before."""
    carrier = carry(given(400), lambda request: verdict if request.number >= from_request else Accepted(), **LARGE)
    assert carrier.courier.trouble is not None
    assert carrier.courier.trouble.exit_code == (6 if verdict is BROKEN else 5)
    assert carrier.rejected == []
    assert len(carrier.requests) < 160


@pytest.mark.parametrize("seed", range(20))
def test_a_key_that_is_withdrawn_while_the_guilty_are_looked_for_buries_nothing(seed: int) -> None:
    """An event that the firewall refused is found by halves; then the key goes, and each half is refused for it."""
    withdrawn_at = random.Random(seed).randrange(3, 12)

    def api(request: Request) -> Verdict:
        if request.number >= withdrawn_at:
            return WRONG_KEY
        return FIREWALL if any(item.seq == 60 for item in request.events) else Accepted()

    carrier = carry(given(400), api, **LARGE)
    assert isinstance(carrier.courier.trouble, CredentialsRefused)
    assert {seq for seq, _ in carrier.rejected} <= {60}


def test_a_wrong_key_is_told_before_anything_was_accepted() -> None:
    carrier = carry(given(400), lambda _: WRONG_KEY, **LARGE)
    assert isinstance(carrier.courier.trouble, CredentialsRefused)
    assert len(carrier.requests) <= 8
    assert carrier.rejected == []


@pytest.mark.parametrize("seed", range(8))
def test_whichever_answer_comes_first_a_refused_row_is_no_wrong_key(seed: int) -> None:
    """The other requests of the first moment are waited for."""
    settings = {**LARGE, "max_backoff_seconds": 0.001}
    carrier = carry(given(100), failing(WRONG_KEY, 10), **settings)
    assert carrier.courier.trouble is None
    assert carrier.rejected == [(10, "http_403")]
    assert seed >= 0


def test_what_failed_for_the_guilty_does_not_use_up_the_retries() -> None:
    """So that a night of many guilty events ends too."""
    guilty = tuple(range(0, 1000, 50))
    carrier = carry(given(1000), failing(BROKEN, *guilty), **LARGE)
    assert carrier.courier.trouble is None
    assert sorted(seq for seq, _ in carrier.rejected) == list(guilty)


def test_the_later_events_of_a_guilty_one_s_person_wait_for_it() -> None:
    """D1: also when it steps back behind the others of its batch."""
    events = [event(0, "e:a"), event(1, "e:b"), event(2, "e:a"), event(3, "e:a", "u:9"), event(4, "u:9"), event(5)]
    carrier = carry([page(0, events)], failing(BROKEN, 0), batch_size=6, span_events=60)
    assert carrier.rejected == [(0, "server_error")]
    arrived = [item.seq for item in carrier.accepted]
    assert [seq for seq in arrived if seq in {2, 3, 4}] == [2, 3, 4]
    assert sorted(arrived) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7])
def test_an_api_that_fails_by_chance_buries_nothing(share: float) -> None:
    """However often: each event is accepted in the end, or the run stops."""
    for seed in range(60):
        chance = random.Random(seed)
        draw: Callable[[Request], Verdict] = lambda _, chance=chance: (  # noqa: E731
            BROKEN if chance.random() < share else Accepted()
        )
        carrier = carry(given(40), draw, batch_size=8, concurrency=3, span_events=96)
        assert carrier.rejected == []
        assert carrier.courier.trouble is None or isinstance(carrier.courier.trouble, StoppedEarly)


@pytest.mark.parametrize(("others_failed", "given_up"), [(0, True), (10, False)])
def test_failures_of_late_weigh_more_than_a_long_good_time_before(*, others_failed: int, given_up: bool) -> None:
    """Where an API has begun to fail at random no row is guilty, however well it was an hour ago."""
    blame, open_elsewhere = Blame(more_span=0), Elsewhere(asked=False, open=True, flying=False)
    guilty, other = (Slot(Batch((event(seq),), set(), seq)) for seq in (0, 1))
    blame.leaves(other, number=1)
    for number in range(1, 51):
        blame.accepted(other, number=number)
    blame.leaves(guilty, number=51)
    for _ in range(others_failed):
        blame.failed(other, DOWN, used_up=False, elsewhere=open_elsewhere)
    assert blame.failed(guilty, BROKEN, used_up=True, elsewhere=open_elsewhere) is BlameStep.OTHERS_FIRST
    for number in (52, 53):
        blame.accepted(other, number=number)
    steps = [blame.failed(guilty, BROKEN, used_up=True, elsewhere=open_elsewhere) for _ in range(20)]
    # After two acceptances alone: 16 failures, which would be chance once in a million times.
    assert (steps.index(BlameStep.GIVE_UP) if BlameStep.GIVE_UP in steps else None) == (15 if given_up else None)


@pytest.mark.parametrize(("gave_up", "steps"), [(False, 11), (True, 16)])
def test_what_the_halves_of_a_batch_failed_counts_unless_another_of_it_was_given_up(
    *, gave_up: bool, steps: int
) -> None:
    """That one may have been the reason of all five."""
    blame, open_elsewhere = Blame(more_span=0), Elsewhere(asked=False, open=True, flying=False)
    slot, other = (Slot(Batch(tuple(map(event, seqs)), set(), seqs[0])) for seqs in ((0, 1, 2, 3), (4,)))
    blame.leaves(slot, number=1)
    blame.failed(slot, BROKEN, used_up=True, elsewhere=open_elsewhere)
    for number in (2, 3):
        blame.leaves(other, number=number)
        blame.accepted(other, number=number)
    slot.halve()
    for number in range(4, 9):
        blame.leaves(slot, number=number)
        assert blame.failed(slot, BROKEN, used_up=True, elsewhere=open_elsewhere) is BlameStep.HALVE
    slot.halve()
    while len(slot.pieces) > 1:
        slot.pieces.pop()
    slot.gave_up = gave_up
    tried = [blame.failed(slot, BROKEN, used_up=True, elsewhere=open_elsewhere) for _ in range(20)]
    assert tried.index(BlameStep.GIVE_UP) + 1 == steps


@pytest.mark.parametrize(("failures", "given_up"), [(0, True), (2, False)])
def test_failures_of_the_acquitted_count_as_those_of_the_api(*, failures: int, given_up: bool) -> None:
    """An API that fails two times of three makes every event suspect, and none of them guilty."""
    blame, open_elsewhere = Blame(more_span=0), Elsewhere(asked=False, open=True, flying=False)
    guilty, *others = (Slot(Batch((event(seq),), set(), seq)) for seq in range(11))
    blame.leaves(guilty, number=1)
    assert blame.failed(guilty, BROKEN, used_up=True, elsewhere=open_elsewhere) is BlameStep.OTHERS_FIRST
    for number, other in enumerate(others, 2):
        blame.leaves(other, number=number)
        for attempt in range(failures):
            blame.failed(other, BROKEN, used_up=attempt == failures - 1, elsewhere=open_elsewhere)
        blame.accepted(other, number=number)
        blame.ended(other)
    steps = [blame.failed(guilty, BROKEN, used_up=True, elsewhere=open_elsewhere) for _ in range(20)]
    assert (BlameStep.GIVE_UP in steps) is given_up


@pytest.mark.parametrize("others", [1, 2])
def test_a_lone_event_that_is_refused_waits_for_what_is_on_its_way(others: int) -> None:
    """Its answer tells whether the firewall means this event or the key, also when nothing follows it."""
    courier = make_courier(batch_size=1, concurrency=1 + others)
    carrier = Carrier(courier, courier._settings, failing(FIREWALL, 0))
    carrier.admit(page(0, [event(seq) for seq in range(1 + others)]))
    courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
    carrier.send()
    carrier.answer(0)
    assert courier.trouble is None


def test_a_key_that_is_refused_with_the_only_event_ends_the_run_at_once() -> None:
    """Nothing is left that could tell a firewall's rule for this event from a key that is withdrawn."""
    carrier = carry(given(1), failing(FIREWALL, 0))
    assert isinstance(carrier.courier.trouble, CredentialsRefused)
    assert (len(carrier.requests), carrier.rejected) == (1, [])


@pytest.mark.parametrize("poison", [(0,), (4,), (0, 1, 2), (3, 7)])
@pytest.mark.parametrize("verdict", [BROKEN, FIREWALL])
def test_without_a_ledger_no_more_leaves_beside_a_suspect_event(poison: tuple[int, ...], verdict: Verdict) -> None:
    """What leaves beyond the span would be sent twice after a kill; the carrier looks at each request."""
    carrier = carry(given(60), failing(verdict, *poison), batch_size=3, concurrency=2, span_events=6)
    assert not carrier.settings.wide
    assert delivered(carrier) == [seq for seq in rows(60) if seq not in poison] or carrier.courier.trouble is not None

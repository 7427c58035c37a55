"""Events that are given up: what may have reached the receiver all the same, and what waited for them."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest

from etl.delivery.blame import Blame, Elsewhere, Trouble
from etl.delivery.courier import Request
from etl.delivery.lanes import Batch
from etl.delivery.slot import Piece, Slot
from etl.errors import CredentialsRefused
from etl.event.event import Event
from etl.verdict.judge import Accepted, Partly, PartlyAccepted, Refused, Stop, TryAgain, Verdict
from tests.delivery.parcels import (
    BROKEN,
    DOWN,
    REFUSAL,
    Carrier,
    accept_all,
    carry,
    event,
    leaves_now,
    make_courier,
    page,
    throttled,
)


@pytest.mark.parametrize("before", [(), (DOWN,), (DOWN, throttled()), (throttled(),)], ids=str)
@pytest.mark.parametrize(
    "end",
    [Partly({0: REFUSAL}, "accepted"), Partly({0: REFUSAL}, "resend"), Refused(REFUSAL)],
    ids=lambda verdict: type(verdict).__name__,
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_refusal_is_uncertain_where_any_attempt_before_it_was(
    before: tuple[Verdict, ...], end: Verdict, count: int
) -> None:
    """Also where another failure came after the ambiguous one, and in halves."""
    left = list(before)

    def api(request: Request) -> Verdict:
        if left:
            return left.pop(0)
        return end if request.events[0].seq == 0 else Accepted()

    carrier = carry([page(0, [event(seq) for seq in range(count)])], api, concurrency=1)
    [rejected] = [each for settlement in carrier.settlements for each in settlement.rejected]
    assert (rejected.event.seq, rejected.uncertain) == (0, DOWN in before)


def test_what_is_doubted_after_an_ambiguous_attempt_stays_uncertain() -> None:
    """502, then an answer that names an event without saying what it counts from and that nothing else was taken."""
    left: list[Verdict] = [DOWN, Partly({1: REFUSAL}, "resend", counts_from=None)]

    def api(request: Request) -> Verdict:
        if left:
            return left.pop(0)
        return Refused(REFUSAL) if request.events[0].seq == 1 else Accepted()

    carrier = carry([page(0, [event(0), event(1), event(2)])], api, concurrency=1)
    [rejected] = [each for settlement in carrier.settlements for each in settlement.rejected]
    assert (rejected.event.seq, rejected.uncertain) == (1, True)


@pytest.mark.parametrize("how", ["given up", "left alone"])
@pytest.mark.parametrize("ambiguous", [True, False])
def test_what_made_requests_fail_is_uncertain_where_one_of_them_was(*, how: str, ambiguous: bool) -> None:
    failed = replace(BROKEN, ambiguous=ambiguous)
    count = 1 if how == "left alone" else 9
    carrier = carry(
        [page(0, [event(seq) for seq in range(count)])],
        lambda request: failed if request.events[0].seq == 0 and len(request.events) == 1 else accept_all(request),
        batch_size=1,
        span_events=60,
    )
    courier = carrier.courier
    if how == "left alone":
        assert [each.uncertain for each in courier.left_alone] == [ambiguous]
        assert courier.give_up({each.event.seq for each in courier.left_alone})
        carrier.commit()
    [rejected] = [each for settlement in carrier.settlements for each in settlement.rejected]
    assert (rejected.event.seq, rejected.uncertain) == (0, ambiguous)


def test_what_waited_for_the_one_that_was_left_alone_leaves_at_once() -> None:
    """The run was halted because of it; its person's next event goes on without another wait."""
    carrier = carry(
        [page(0, [event(0, "u:1"), event(1, "u:1")])],
        lambda request: BROKEN if request.events[0].seq == 0 else Accepted(),
    )
    courier = carrier.courier
    assert courier.trouble is not None
    assert courier.give_up({each.event.seq for each in courier.left_alone})
    assert courier.wake_at == 0.0
    assert leaves_now(courier, carrier.now) == [1]


def test_a_failure_that_is_no_events_fault_leaves_nobody_to_give_up() -> None:
    """A 5xx may be the event's fault; the connection that is refused then is not, and the last word counts."""
    refused = TryAgain(None, ambiguous=False, throttled=False, cause="connection refused")
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0)]))
    courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
    alone = []
    for verdict in (BROKEN, refused, BROKEN):
        carrier.send()
        carrier.answer(0, verdict)
        alone.append(len(courier.left_alone))
        carrier.now += 100.0
    assert alone == [1, 0, 1]


def test_an_answer_that_may_mean_the_key_leaves_nobody_to_give_up() -> None:
    """Whatever failed before it, and with which words."""
    key = Refused(REFUSAL, Stop(CredentialsRefused("a page"), "HTTP 403"), may_be_chance=True)
    courier = make_courier()
    carrier = Carrier(courier, courier._settings)
    carrier.admit(page(0, [event(0)]))
    courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
    alone = []
    for verdict in (BROKEN, key):
        carrier.send()
        carrier.answer(0, verdict)
        alone.append(len(courier.left_alone))
        carrier.now += 100.0
    assert alone == [1, 0]


def test_those_left_alone_in_two_batches_hold_none_of_their_followers_back() -> None:
    """Of the one batch the next attempt was to come after a wait, when the other's last one ended the run."""
    courier = make_courier(batch_size=2, concurrency=2, span_events=16)
    carrier = Carrier(courier, courier._settings, lambda _: BROKEN)
    carrier.run([page(0, [event(0, "u:1"), event(1, "u:1"), event(2, "u:2"), event(3, "u:2")])])
    assert courier.trouble is not None
    for slot in courier._slots:
        slot.again(at=carrier.now + 50.0)
    assert [each.event.seq for each in courier.left_alone] == [0, 2]
    assert courier.give_up({each.event.seq for each in courier.left_alone})
    assert [leaves_now(courier, carrier.now) for _ in range(3)] == [[1], [3], None]


def suspect_slot(*parts: tuple[Event, ...]) -> Slot:
    """A batch in `parts`, of which each has met other trouble, and all but the first were tried before."""
    events = tuple(each for part in parts for each in part)
    slot = Slot(Batch(events, set(), 0))
    slot.pieces = deque(Piece(part, Trouble(at, 0)) for at, part in enumerate(parts))
    for piece in list(slot.pieces)[1:]:
        piece.attempts = 1
    return slot


def held(slot: Slot) -> list[tuple[list[int], int, int]]:
    assert all(piece.trouble for piece in slot.pieces)
    return [
        ([each.seq for each in piece.events], piece.trouble.accepted_before if piece.trouble else -1, piece.attempts)
        for piece in slot.pieces
    ]


def test_what_steps_back_and_what_goes_before_keep_what_they_met() -> None:
    """The first part's person stands in two of the others: the one is cut, the other follows whole."""
    slot = suspect_slot((event(0, "u:1"),), (event(1), event(2, "u:1")), (event(3, "u:1"),), (event(4),))
    assert slot.step_back()
    assert held(slot) == [([1], 1, 0), ([4], 3, 1), ([0], 0, 0), ([2], 1, 0), ([3], 2, 1)]


def test_what_is_taken_apart_keeps_what_it_met() -> None:
    slot = suspect_slot((event(0), event(1), event(2)), (event(3),))
    assert slot.take_apart({1}, others_leave=True) == ()
    assert held(slot) == [([0], 0, 0), ([1], 0, 0), ([2], 0, 0), ([3], 1, 1)]


@pytest.mark.parametrize("of_the_acquitted", [0, 1, 2, 3])
def test_each_failure_of_the_acquitted_counts_once_as_one_of_the_api(of_the_acquitted: int) -> None:
    """Not once when it is accepted, and once more when its batch ends; and none of those that made it suspect twice."""
    blame, well = Blame(more_span=0), Elsewhere(asked=False, open=True, flying=False)
    slot = Slot(Batch((event(0),), set(), 0))
    blame.leaves(slot, number=1)
    for attempt in range(of_the_acquitted):
        blame.failed(slot, BROKEN, used_up=attempt == 0, elsewhere=well)
    blame.accepted(slot, number=2)
    slot.next_piece()
    blame.ended(slot)
    assert (blame._failed, slot.undecided) == (of_the_acquitted, min(of_the_acquitted, 1))


@pytest.mark.parametrize("accepted", [2, 3])
@pytest.mark.parametrize("failures", [0, 1, 2])
@pytest.mark.parametrize("suspect_since", [None, 4])
def test_what_failed_once_beside_what_was_accepted_is_told(
    accepted: int, failures: int, suspect_since: int | None
) -> None:
    """Or became suspect, from when on its failures are counted anew; only what was accepted since it left counts."""
    piece = Piece((event(0),), Trouble(2, 0, failures, suspect_since))
    assert piece.failed_beside(accepted) is (accepted > 2 and (failures > 0 or suspect_since is not None))
    assert not Piece((event(0),)).failed_beside(accepted)


def test_failures_before_the_suspicion_are_none_of_the_suspect_alone() -> None:
    blame, well = Blame(more_span=0), Elsewhere(asked=False, open=True, flying=False)
    slot = Slot(Batch((event(0),), set(), 0))
    blame.leaves(slot, number=1)
    counted = []
    for attempt in range(4):
        blame.failed(slot, BROKEN, used_up=attempt == 1, elsewhere=well)
        counted.append(slot.pieces[0].failures)
    assert counted == [1, 0, 1, 2]


def test_those_that_are_asked_again_after_others_were_taken_may_have_been_taken_too() -> None:
    """Which of two is meant the answer does not say; of the one that is refused then, the first attempt is unsure."""
    sayings: list[Verdict] = [Partly({1: REFUSAL}, "accepted", counts_from=None), Refused(REFUSAL), Accepted()]
    carrier = carry([page(0, [event(0), event(1), event(2)])], lambda _: sayings.pop(0), concurrency=1)
    [rejected] = [each for settlement in carrier.settlements for each in settlement.rejected]
    assert (rejected.event.seq, rejected.uncertain) == (0, True)


def test_failures_in_a_row_are_those_since_anything_was_accepted() -> None:
    slot, counted = Slot(Batch((event(0),), set(), 0)), []
    for accepted in (0, 0, 1, 1, 1, 3):
        slot.failed(accepted=accepted)
        counted.append(slot.failed_in_a_row)
    assert counted == [1, 2, 1, 2, 3, 1]


def test_a_suspect_that_stands_alone_is_parked_once_it_was_tried() -> None:
    """Its place is free then for others, of which one may be accepted."""
    slot = Slot(Batch((event(0),), set(), 0))
    slot.pieces[0].trouble = Trouble(0, 0, 1, suspect_since=1)
    assert not slot.parked
    slot.launch(1)
    assert slot.parked


def test_where_some_were_taken_and_none_is_named_each_may_have_been() -> None:
    """They are given up, and count as so many that were accepted."""
    carrier = carry([page(0, [event(seq) for seq in range(3)])], lambda _: PartlyAccepted(2))
    [settlement] = carrier.settlements
    assert [each.uncertain for each in settlement.rejected] == [True] * 3
    assert settlement.taken_unnamed == 2

"""What the API answered to the events of the last run, over a file and over a server."""

from __future__ import annotations

from etl.state.answers import _TAIL_BYTES, _holds
from etl.state.mapping_state import MappingState
from etl.state.store import StateStore
from tests.state.filling import event, settled

FIRST, SECOND = "HTTP 200: created 2", "HTTP 200: updated 1"


def send(state: MappingState, command: str, *sent: tuple[str, range], ledger: bool = True) -> int:
    """A run in which the API answered so to the rows with these numbers."""
    run_no = state.start_run(run_id=command, command=command, before=None)
    for said, numbers in sent:
        rows = [event(state, number, stamp=state.next_stamp(), ledger=ledger) for number in numbers]
        state.settle(settled(rows, said=said), track="backfill" if command == "backfill" else "run", run_no=run_no)
    return run_no


def test_an_answer_belongs_to_the_events_that_it_was_given_to(state: MappingState) -> None:
    """The last one counts where a row was sent twice."""
    run_no = send(state, "run", (FIRST, range(1, 300)), (SECOND, range(299, 301)), ("", range(301, 302)))
    found = [state.answers.of((number,), run_no) for number in (1, 298, 299, 300, 301, 302)]
    assert found == [FIRST, FIRST, SECOND, SECOND, None, None]


def test_only_the_last_run_that_sent_something_keeps_its_answers(state: MappingState) -> None:
    """A backfill beside it has its own; a night without news takes nothing away."""
    first = send(state, "run", (FIRST, range(1, 3)))
    backfill = send(state, "backfill", (SECOND, range(5, 7)))
    send(state, "run")
    assert state.answers.of((1,), first) == FIRST
    second = send(state, "run", (SECOND, range(2, 3)))
    assert [state.answers.of((number,), first) for number in (1, 2)] == [None, None]
    assert (state.answers.of((2,), second), state.answers.of((5,), backfill)) == (SECOND, SECOND)
    state.reset()
    assert state.answers.of((2,), second) is None


def test_events_without_a_ledger_have_answers_too(state: MappingState) -> None:
    """`resend: always`."""
    send(state, "run", (FIRST, range(1, 3)), ledger=False)
    assert (state.answers.of((1,), None), state.answers.of((3,), None)) == (FIRST, None)


def test_two_mappings_with_the_same_keys_have_answers_of_their_own(store: StateStore) -> None:
    customers, orders = store.mapping("customers"), store.mapping("orders")
    send(customers, "run", (FIRST, range(1, 3)))
    assert orders.answers.of((1,), None) is None
    send(orders, "run", (SECOND, range(1, 3)))
    assert (customers.answers.of((1,), None), orders.answers.of((1,), None)) == (FIRST, SECOND)


def test_a_tail_is_found_only_where_one_begins() -> None:
    """The end of one and the beginning of the next may look like it; behind that it may stand all the same."""
    tails = [b"abcdef", b"ghijkl", b"defghi"]
    packed = b"".join(tails)
    assert {len(tail) for tail in tails} == {_TAIL_BYTES}
    assert [_holds(packed, tail) for tail in tails] == [True, True, True]
    assert [_holds(packed[: 2 * _TAIL_BYTES], tail) for tail in tails] == [True, True, False]

"""The edges of what a run counts: each one below, on and above it, and what it counted before it was left once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from etl.books import Books
from etl.delivery.settlement import RejectedEvent, Settlement
from etl.errors import StoppedEarly
from etl.job.again import UnderWayAgain
from etl.job.fuse import ENOUGH_FOR_OUR_CHECKS, Failures, Fuse
from etl.job.in_front import InFront
from etl.job.last_failure import LastFailure
from etl.job.left_alone import MOST_ROWS, NIGHTS, LeftAlone
from etl.job.prepare import InvalidRow, Prepared
from etl.job.retry import RowsOfKeys, in_order
from etl.job.under_way import UnderWay
from etl.page import Position, Window
from etl.verdict.judge import Accepted, TryAgain
from tests.delivery.parcels import DOWN, REFUSAL, event

INVALID = InvalidRow((1,), "invalid_email", "")


@pytest.mark.parametrize(
    ("limit", "invalid", "rejected", "known", "batch_size", "blown"),
    [
        (0.05, 32, 0, ENOUGH_FOR_OUR_CHECKS - 1, 1000, False),
        (0.05, 34, 0, ENOUGH_FOR_OUR_CHECKS, 1000, True),  # surely more than 5 %, if only just
        (0.05, 0, 10, 11, 10, False),  # ten of a batch of ten were refused, but one was not
        (0.05, 0, 11, 11, 10, True),
        (0.5, 45, 0, 100, 1000, False),  # surely more than a quarter, and less than the half that is allowed
        (0.5, 70, 0, 100, 1000, True),
    ],
)
def test_the_fuse_at_its_edges(
    limit: float, invalid: int, rejected: int, known: int, batch_size: int, *, blown: bool
) -> None:
    assert Fuse(limit, batch_size).blown(invalid=invalid, rejected=rejected, known=known) is blown


def test_rows_are_counted_over_all_pages_before_our_checks_may_judge() -> None:
    failures, judged = Failures(Fuse(0.05, batch_size=100)), []
    for first in range(0, 800, 100):
        failures.page(first, rows=100, reasons=[], unchanged=0)
        judged.append(failures.can_judge)
    assert judged == [False] * 3 + [True] * 5


@pytest.mark.parametrize(("passed", "stops"), [(1_000, False), (1_001, False), (1_010, False), (1_500, True)])
def test_the_invalid_rows_of_a_page_that_is_not_reached_are_not_known_yet(passed: int, *, stops: bool) -> None:
    """A thousand good rows, then a page of a thousand of which 400 are invalid; as many as it has, as far as it got."""
    failures = Failures(Fuse(0.05, batch_size=100))
    failures.page(0, rows=1_000, reasons=[], unchanged=0)
    failures.page(1_000, rows=1_000, reasons=["invalid_email"] * 400, unchanged=0)
    failures.accepted(1_000)
    assert (failures.too_many(passed=passed) is not None) is stops


def test_a_page_that_is_far_ahead_takes_nothing_from_what_was_refused() -> None:
    failures = Failures(Fuse(0.05, batch_size=100))
    failures.page(1_000, rows=1_000, reasons=["invalid_email"] * 400, unchanged=0)
    failures.accepted(1_000)
    for _ in range(200):
        failures.rejected("TIMESTAMP_ERROR", "")
    error = failures.too_many(passed=0)
    assert error is not None
    assert error.message.startswith("200 of 1200 rows failed")


def test_rows_that_are_sent_again_because_others_were_named_count_among_the_known() -> None:
    """Of a hundred the API named fifteen; what it says of the others is not known yet, but they are not refused."""
    failures = Failures(Fuse(0.5, batch_size=15))
    for _ in range(15):
        failures.rejected("TIMESTAMP_ERROR", "")
    assert failures.too_many(passed=0, spared=85) is None
    assert failures.too_many(passed=0) is not None


def test_what_is_told_is_the_first_words_of_the_reason_that_came_most_often() -> None:
    failures = Failures(Fuse(0.05, batch_size=10))
    said = [("RARE", "rare"), ("OFTEN", "the first of many"), *[("OFTEN", "another of many")] * 7]
    for reason, words in said:
        failures.rejected(reason, words)
    assert failures.too_many(passed=0) is None
    failures.rejected("OFTEN", "another of many")
    error = failures.too_many(passed=0)
    assert error is not None
    assert error.message.endswith("it says: the first of many")


@pytest.mark.parametrize(("invalid", "rejected", "words"), [(60, 40, False), (50, 50, False), (40, 60, True)])
def test_the_words_of_the_api_are_told_where_it_refused_more_than_our_checks(
    invalid: int, rejected: int, *, words: bool
) -> None:
    failures = Failures(Fuse(0.05, batch_size=1000))
    failures.page(0, rows=invalid, reasons=["invalid_email"] * invalid, unchanged=0)
    for _ in range(rejected):
        failures.rejected("TIMESTAMP_ERROR", "no year")
    error = failures.too_many(passed=invalid)
    assert error is not None
    assert ("it says: no year" in error.message) is words


def prepared(rows: int, *, events: int = 0, invalid: int = 0, moves_checkpoint: bool = True) -> Prepared:
    return Prepared(
        position=lambda seq: Position(seq, (seq,)),
        first_seq=0,
        rows=rows,
        events=[event(seq) for seq in range(events)],
        unchanged_keys=(),
        invalid=[INVALID] * invalid,
        moves_checkpoint=moves_checkpoint,
    )


def test_pages_wait_in_front_until_the_first_event_and_never_again() -> None:
    """An unchanged page waits only behind one that does; what is read again never waits, and ends nothing."""
    in_front = InFront(Failures(Fuse(0.05, batch_size=100)))
    again = prepared(5, invalid=5, moves_checkpoint=False)
    first = [prepared(5), prepared(5, invalid=5), again, prepared(5), prepared(5, invalid=1)]
    assert [in_front.keeps(page) for page in first] == [False, True, False, True, True]
    assert in_front.rows == 15
    assert not in_front.keeps(prepared(5, events=1))
    assert [page.rows for page in in_front.released()] == [5, 5, 5]
    assert [in_front.keeps(page) for page in (prepared(5, invalid=5), prepared(5))] == [False, False]
    assert (in_front.rows, in_front.released()) == (0, [])


def test_what_an_event_changed_is_forgotten_with_its_end_whichever_that_is() -> None:
    """So that the books of a long run do not grow; and each row is counted by what it was itself."""
    again, books = UnderWayAgain(ledger=True), Books()
    again.enter({0: ("email",), 1: None, 2: ("phone",)})
    again.settled(Settlement((), (RejectedEvent(event(0), "rejected", ""),), None, suppressed=(event(2),)), books)
    assert (again._changes, books.new, books.changed, books.resent) == ({1: None}, 0, 0, 0)
    again.settled(Settlement((event(1), event(3)), (), None), books)
    assert (again._changes, books.new, books.changed, books.resent) == ({}, 1, 0, 1)


def test_the_last_failure_is_the_last_one() -> None:
    """A night that began with refused connections and ended with 429: the API is reached."""
    failure, books = LastFailure(), Books(requests=9, retries=3)
    assert failure.words(books) == ""
    failure.note(TryAgain(None, ambiguous=False, throttled=False, cause="connection refused", unreached=True))
    assert failure.unreached
    for verdict in (DOWN, Accepted()):
        failure.note(verdict)
    assert failure.words(books).endswith("last said: HTTP 503")
    assert not failure.unreached


class Alone:
    """A line with so many events left alone, in its `nights`th night; the API says of itself what `well` says."""

    def __init__(self, count: int, *, nights: int, well: bool) -> None:
        self.given_up = self.closed = self.asked = False
        self.courier = SimpleNamespace(
            left_alone=[RejectedEvent(event(seq), REFUSAL.code, REFUSAL.words) for seq in range(count)],
            failed_beside=[],
            give_up=self._give_up,
            refused=(),
            held_up=False,
            seconds_to_turn=lambda _: 0.0,
        )
        self.clock = SimpleNamespace(monotonic=lambda: 0.0)
        self.lone = SimpleNamespace(nights=lambda failures: nights if list(failures) else 0)
        self._well = well

    def _give_up(self, seqs: Collection[int]) -> bool:
        self.given_up = set(seqs) == {each.event.seq for each in self.courier.left_alone}
        return True

    def open_client(self) -> Any:
        self.asked = True
        return SimpleNamespace(is_well=lambda: self._well, close=lambda: setattr(self, "closed", True))


@pytest.mark.parametrize("count", [0, 1, 2, MOST_ROWS, MOST_ROWS + 1])
@pytest.mark.parametrize("nights", [1, NIGHTS - 1, NIGHTS, NIGHTS + 1])
@pytest.mark.parametrize("well", [True, False])
def test_which_rows_are_given_up_in_which_night(count: int, nights: int, *, well: bool) -> None:
    """The API is asked only where it matters, and the connection is closed again."""
    line, end = Alone(count, nights=nights, well=well), StoppedEarly("the API fails")
    few = 0 < count <= MOST_ROWS
    goes_on = LeftAlone(line).lets_go_on(end)  # type: ignore[arg-type]
    assert line.given_up is (few and well and nights >= NIGHTS)
    assert goes_on is line.given_up
    assert (line.asked, line.closed) == (few, few)
    said = few and well and not line.given_up
    assert (f"in {nights} of {NIGHTS} nights" in (end.hint or "")) is said


def test_keys_that_were_under_way_in_two_pages_stay_whatever_else_comes() -> None:
    under_way = UnderWay()
    pages: Sequence[tuple[int, list[bytes]]] = [(1, [b"a", b"b"]), (2, [b"a"]), (3, [b"c"]), (4, [b"b"]), (5, [b"d"])]
    assert [under_way.enter(*page) for page in pages] == [False, True, False, True, False]
    under_way.settled([1, 2, 3, 4, 5])
    assert under_way.among([b"a", b"b", b"c", b"d"]) == {b"a", b"b"}


class Cursors:
    """A source that knows only the cursors of keys, of so many at once as it is asked for."""

    def __init__(self, cursors: dict[Any, Any]) -> None:
        self._cursors = cursors
        self.asked: list[int] = []

    def cursors_by_key(self, keys: Sequence[Any]) -> dict[Any, Any]:
        self.asked.append(len(keys))
        return {key: self._cursors[key] for key in keys if key in self._cursors}


def test_rows_are_ordered_by_their_cursors_numbers_before_texts_before_bytes_and_none_at_the_end() -> None:
    cursors = {(1,): b"a", (2,): "b", (3,): 7, (4,): None, (5,): "a", (6,): -1.5, (8,): b"A"}
    keys = [(number,) for number in (9, 1, 2, 3, 4, 5, 6, 8)]
    source: Any = Cursors(cursors)
    assert [key[0] for key in in_order(keys, source)] == [6, 3, 5, 2, 8, 1, 9, 4]


def test_the_cursors_of_many_keys_are_asked_for_in_pieces_and_none_is_lost() -> None:
    keys = [(number,) for number in range(12_001)]
    source: Any = Cursors({key: -key[0] for key in keys})
    assert in_order(keys, source) == keys[::-1]
    assert (sum(source.asked), max(source.asked)) == (12_001, 5_000)


def test_rows_of_many_keys_are_read_in_pieces_and_those_without_a_row_are_told_of_each() -> None:
    """A row that cannot be decoded is there all the same."""
    there = {(number,) for number in range(1_300) if number % 100}
    gone: list[Any] = []

    def pages_by_key(keys: Sequence[Any]) -> list[Any]:
        found = [key for key in keys if key in there]
        bad = [SimpleNamespace(position=Position(None, key)) for key in found[-2:]]
        return [SimpleNamespace(rows=found[:-2], position=lambda at: Position(None, found[at]), unreadable=bad)]

    source: Any = SimpleNamespace(pages_by_key=pages_by_key)
    rows = RowsOfKeys(source, [(number,) for number in range(1_300)], gone=lambda keys: gone.append(list(keys)))
    assert [len(page.rows) + len(page.unreadable) for page in rows.pages(Window())] == [495, 495, 297]
    assert gone == [[(at,) for at in range(first, first + 500, 100) if at < 1_300] for first in (0, 500, 1_000)]

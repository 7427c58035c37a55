"""Nights in which the same rows were all that failed: what counts as one more of them, and what begins anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl.host.system_clock import SystemClock
from etl.state import lone_failures
from etl.state.lone_failures import LoneFailures
from etl.state.store import StateStore, open_state

HOURS = timedelta(hours=1)
FAILED = (((1,), "HTTP 500: no"), ((2,), "HTTP 502"))


class Calendar(SystemClock):
    """Its wall clock says what a test wants."""

    now = datetime(2026, 3, 1, 3, 17, tzinfo=UTC)

    def utc_now(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def of(store: StateStore, name: str, calendar: Calendar) -> LoneFailures:
    mapping = store.mapping(name)
    mapping.set_checkpoint("run", None)
    return LoneFailures(mapping._database, mapping.mapping_id, mapping.hash_key, calendar)


def test_a_night_counts_that_lies_apart(store: StateStore, calendar: Calendar) -> None:
    """A run each hour sees one outage many times."""
    lone, counted = of(store, "people", calendar), []
    for _ in range(50):
        counted.append(lone.nights(FAILED))
        calendar.now += HOURS
    assert counted == [1] * 20 + [2] * 20 + [3] * 10


@pytest.mark.parametrize(
    "other",
    [
        (FAILED[0],),
        (*FAILED, ((3,), "HTTP 502")),
        (FAILED[0], ((2,), "HTTP 503")),
        (FAILED[0], (("2",), "HTTP 502")),
        (((1,), "HTTP 502"), ((2,), "HTTP 500: no")),
    ],
)
def test_other_rows_and_other_answers_have_a_count_of_their_own(
    store: StateStore, calendar: Calendar, other: tuple
) -> None:
    lone = of(store, "people", calendar)
    assert lone.nights(FAILED) == 1
    calendar.now += 24 * HOURS
    assert lone.nights(reversed(FAILED)) == 2
    calendar.now += 24 * HOURS
    assert lone.nights(other) == 1
    calendar.now += 24 * HOURS
    assert lone.nights(FAILED) == 3
    assert lone.nights_of([other, FAILED, [((7,), "")]]) == [(2, True), (3, False), (1, True)]


def test_what_was_not_seen_for_longest_is_forgotten_first(
    store: StateStore, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows fail, the state keeps a bounded number of counts."""
    monkeypatch.setattr(lone_failures, "MOST_GROUPS", 3)
    lone = of(store, "people", calendar)
    rows = [[((number,), "")] for number in range(4)]
    for counted in ([0, 1], [0, 2], [0, 3]):
        lone.nights_of([rows[number] for number in counted])
        calendar.now += 24 * HOURS
    assert lone.nights_of(rows) == [(4, True), (1, True), (2, True), (2, True)]


def test_the_last_moment_of_a_week_counts_and_the_first_after_it_does_not(
    store: StateStore, calendar: Calendar
) -> None:
    lone, second = of(store, "people", calendar), timedelta(seconds=1)
    counted = [lone.nights(FAILED)]
    for pause in (24 * 7 * HOURS, 24 * 7 * HOURS + second, 20 * HOURS - second, second):
        calendar.now += pause
        counted.append(lone.nights(FAILED))
    assert counted == [1, 2, 1, 1, 2]


@pytest.mark.parametrize("pause", [24 * 8, -24])
def test_a_week_without_one_and_a_clock_that_was_set_back_begin_anew(
    store: StateStore, calendar: Calendar, pause: int
) -> None:
    lone = of(store, "people", calendar)
    assert lone.nights(FAILED) == 1
    calendar.now += 24 * HOURS
    assert lone.nights(FAILED) == 2
    calendar.now += pause * HOURS
    assert lone.nights(FAILED) == 1


def test_what_is_forgotten_and_what_is_reset_begins_anew(store: StateStore, calendar: Calendar) -> None:
    lone, other = of(store, "people", calendar), of(store, "orders", calendar)
    for end in (lone.forget, store.mapping("people").reset):
        lone.nights(FAILED)
        other.nights(FAILED)
        calendar.now += 24 * HOURS
        assert lone.nights(FAILED) == 2
        end()
        assert lone.nights(FAILED) == 1
        lone.forget()
    calendar.now += 24 * HOURS
    assert other.nights(FAILED) > 2


def test_it_is_kept_in_the_state_and_no_key_or_word_with_it(location: str, calendar: Calendar) -> None:
    failed = ((("eva@example.com",), "HTTP 500: no such letter"),)
    with open_state(location, clock=calendar, write=True) as store:
        assert of(store, "people", calendar).nights(failed) == 1
        [(text,)] = store.mapping("people")._database.rows("SELECT lone_failures FROM etl_mapping")
        assert "eva" not in text
        assert "letter" not in text
    calendar.now += 24 * HOURS
    with open_state(location, clock=calendar, write=True) as store:
        assert store.mapping("people").lone.nights(failed) == 2

"""Decides about rows that end a run: only failing rows are left, or the API seems to refuse the account.

The rule: one run cannot tell bad rows from an API that is down or a key that is wrong. So nights (at least 20 hours
apart) are counted whose run ended with the same rows or the same answer, although `verifyAuth` right afterwards got an
answer that only a working API gives. Until there are enough nights the run stops, and the next one goes on.

* Rows failed, though others that left after them were accepted in the same night: each row is counted by itself. From
  the second night on, rows that failed in a batch are sent in requests of one event, so that the good ones among them
  arrive. A row that fails alone in the fifth night or later is given up. An outage cannot look like this: in the next
  night the failed rows leave first.
* The same few rows fail, and nothing else was sent: in the fifth night they are given up, as `server_error`. An outage
  cannot look like this: it answers nothing, makes other rows fail too, or is over within five nights.
* More than a few rows fail so, or rows in one batch: from the second night on they, and the events behind them, are
  sent in requests of one event, each night twice as many. Nothing is given up unless one of them is accepted.
* The API seems to refuse account, key or address, or answers one request "too fast" again and again, yet calls the key
  right: in the fifth night, and in each of the next five, the guilty row is searched for as after a 5xx, each night
  among twice as many events; afterwards in every fifth night, so that a used-up quota is not asked often. Nothing is
  given up unless others are accepted.

These additional requests are sent once a night, however many runs the night has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from etl.delivery.alone import MOST_PROBES
from etl.errors import EtlError

if TYPE_CHECKING:
    from etl.delivery.settlement import RejectedEvent
    from etl.event.event import Event
    from etl.job.loop import Line
    from etl.job.ports import NightsAlone
    from etl.page import Key

NIGHTS = 5
# When more rows than this fail and nothing else is accepted, the API is taken to be at fault, in however many nights.
MOST_ROWS = 8
# How often the number of events to ask about is doubled: ten minutes, in which a run may fail, allow no more.
MOST_DOUBLINGS = 5
LONGEST_WAIT_SECONDS = 10.0
# At most so many rows are counted one by one, because the state holds a line for each.
MOST_COUNTED = 1000


class LeftAlone:
    """Decides whether a run that ended by failing rows goes on after all."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._blamed = self._asked_further = self._asked_each = False
        self._nights_refused = 0

    def lets_go_on(self, end: EtlError) -> bool:
        """Whether the run that ended with `end` goes on; if not, the hint of `end` tells what is known of its rows."""
        courier, lone = self._line.courier, self._line.lone
        if lone is None:
            return False
        if courier.refused and not self._blamed:
            return self._says(key_is_right=True) and self._blames_rows(lone, courier.refused[0], end)
        if beside := courier.failed_beside[:MOST_COUNTED]:
            return self._says(key_is_right=self._blamed) and self._ends_those(lone, beside, end)
        if self._blamed:
            return self._asks_behind_refused(end)
        left = courier.left_alone
        if 0 < len(left) <= MOST_ROWS:
            return self._says(key_is_right=False) and self._gives_up(lone, left, end)
        return (
            courier.held_up and not self._asked_further and self._says(key_is_right=False) and self._asks_further(lone)
        )

    def _ends_those(self, lone: NightsAlone, beside: Sequence[Event], end: EtlError) -> bool:
        counts = lone.nights_of([[(event.key, "beside others")] for event in beside])
        if not self._asked_each and any(is_new and nights > 1 for nights, is_new in counts):
            self._asked_each = True
            self._line.courier.ask_one_by_one(max(len(beside), MOST_PROBES))
            return True
        over = {event.seq for event, (nights, _) in zip(beside, counts, strict=True) if nights >= NIGHTS}
        if self._asked_each and self._line.courier.give_up(over):
            return True
        most = min(max(nights for nights, _ in counts), NIGHTS)
        _add(
            end,
            f"though others were accepted in the same run, {_rows(len(beside))} failed so in {most} of {NIGHTS} nights,"
            " and the last one ends it",
        )
        return False

    def _gives_up(self, lone: NightsAlone, left: Sequence[RejectedEvent], end: EtlError) -> bool:
        nights = lone.nights((each.event.key, each.words) for each in left)
        if nights >= NIGHTS:
            return self._line.courier.give_up({each.event.seq for each in left})
        _add(
            end,
            f"with nothing beside it, {_rows(len(left))} failed so in {nights} of {NIGHTS} nights, and the last one"
            " ends it",
        )
        return False

    def _blames_rows(self, lone: NightsAlone, refused: RejectedEvent, end: EtlError) -> bool:
        [(nights, is_new)] = lone.nights_of([_no_row(f"{refused.reason} {refused.words}")])
        if is_new and nights >= NIGHTS and (nights <= 2 * NIGHTS or nights % NIGHTS == 0):
            self._blamed, self._nights_refused = True, nights
            self._line.courier.blame_rows()
            return True
        _add(
            end, "yet `verifyAuth` calls account and key right, so a row may be the reason instead: " + _looked(nights)
        )
        return False

    def _asks_behind_refused(self, end: EtlError) -> bool:
        if not self._asked_further and self._says(key_is_right=True):
            self._asked_further = True
            self._line.courier.ask_one_by_one(_twice_as_many(self._nights_refused - NIGHTS + 1))
            return True
        _add(end, "a row that may be the reason instead was looked for in vain, since nothing else is accepted")
        return False

    def _asks_further(self, lone: NightsAlone) -> bool:
        self._asked_further = True
        [(nights, is_new)] = lone.nights_of([_no_row("nothing else accepted")])
        asks = is_new and nights > 1
        if asks:
            self._line.courier.ask_one_by_one(_twice_as_many(nights - 1))
        return asks

    def _says(self, *, key_is_right: bool) -> bool:
        """Whether the API calls the key right, or (not `key_is_right`) answers at all; False during a long wait."""
        line = self._line
        wait = line.courier.seconds_to_turn(line.clock.monotonic())
        if wait > LONGEST_WAIT_SECONDS:
            return False
        if wait > 0:
            line.clock.wait(wait)
        client = line.open_client()
        try:
            return client.knows_key() if key_is_right else client.is_well()
        finally:
            client.close()


def _twice_as_many(times: int) -> int:
    """How many events to ask about, doubled each time."""
    return MOST_PROBES << min(times, MOST_DOUBLINGS)


def _looked(nights: int) -> str:
    if nights < NIGHTS:
        return f"in {nights} of {NIGHTS} nights it ended so, and in the last one the row is looked for"
    return f"it ended so in {nights} nights, and the row was looked for in vain, since nothing else is accepted"


def _rows(count: int) -> str:
    return "this row" if count == 1 else f"{count} such rows"


def _no_row(words: str) -> Iterable[tuple[Key, str]]:
    return [((), words)]


def _add(end: EtlError, hint: str) -> None:
    end.hint = f"{end.hint}; {hint}" if end.hint else hint

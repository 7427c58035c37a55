"""What becomes of rows beside which nothing is accepted, or that make the API refuse the account.

The rule: a run alone cannot tell such rows from an API that is down or a key that is wrong. So nights are counted, 20
hours apart, that ended with the same answer although the API said right afterwards of the account what only a working
one can say (`verifyAuth`). Until then the run stops, and the next one goes on.

* The same few rows make the API fail with nothing beside them: in the fifth night they are given up, as `server_error`.
  No outage is like that: it answers nothing, lets others fail too, or is over in five nights.
* More than a few do, one after the other: from the second night on events that stand further behind are asked as well,
  each night twice as many. Nothing is given up unless one of them is accepted.
* Account, key or address seem to be refused, or one request is "too fast" again and again, and the API calls the key
  right: in the fifth night a guilty row is looked for, as after a 5xx. Nothing is given up unless others are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from etl.delivery.alone import MOST_PROBES
from etl.errors import EtlError

if TYPE_CHECKING:
    from etl.delivery.settlement import RejectedEvent
    from etl.job.loop import Line
    from etl.job.ports import NightsAlone
    from etl.page import Key

NIGHTS = 5
# Where more rows are left alone, the API is taken to be at fault, however often.
MOST_ROWS = 8
# So often the number of events to ask is doubled: more are not asked in the ten minutes in which a run may fail.
MOST_DOUBLINGS = 5
LONGEST_WAIT_SECONDS = 10.0


class LeftAlone:
    """Decides of one run that ended whether it goes on after all."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._blamed = self._asked_further = False

    def lets_go_on(self, end: EtlError) -> bool:
        """Whether the run that ended with `end` goes on; if not, what is known of its rows stands in the hint."""
        courier, lone = self._line.courier, self._line.lone
        if lone is None or self._blamed:
            return False
        if courier.refused:
            return self._says(key_is_right=True) and self._blames_rows(lone, courier.refused[0], end)
        left = courier.left_alone
        if 0 < len(left) <= MOST_ROWS:
            return self._says(key_is_right=False) and self._gives_up(lone, left, end)
        return (
            courier.held_up and not self._asked_further and self._says(key_is_right=False) and self._asks_further(lone)
        )

    def _gives_up(self, lone: NightsAlone, left: Sequence[RejectedEvent], end: EtlError) -> bool:
        nights = lone.nights((each.event.key, each.words) for each in left)
        if nights >= NIGHTS:
            self._line.courier.give_up_left_alone()
            return True
        rows = "this row" if len(left) == 1 else f"{len(left)} such rows"
        _add(end, f"with nothing beside it, {rows} failed so in {nights} of {NIGHTS} nights, and the last one ends it")
        return False

    def _blames_rows(self, lone: NightsAlone, refused: RejectedEvent, end: EtlError) -> bool:
        nights = lone.nights(_no_row(f"{refused.reason} {refused.words}"))
        if nights >= NIGHTS:
            self._blamed = True
            self._line.courier.blame_rows()
            return True
        words = (
            f"a row may be the reason: in {nights} of {NIGHTS} nights it ended so, and in the last one it is looked for"
        )
        _add(end, f"the API calls account and key right, so {words}")
        return False

    def _asks_further(self, lone: NightsAlone) -> bool:
        self._asked_further = True
        nights = lone.nights(_no_row("nothing else accepted"))
        if nights > 1:
            self._line.courier.ask_further(MOST_PROBES << min(nights - 1, MOST_DOUBLINGS))
        return nights > 1

    def _says(self, *, key_is_right: bool) -> bool:
        """Whether the API says that the key is right, or else anything of it; not asked where it wants silence."""
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


def _no_row(words: str) -> Iterable[tuple[Key, str]]:
    return [((), words)]


def _add(end: EtlError, hint: str) -> None:
    end.hint = f"{end.hint}; {hint}" if end.hint else hint

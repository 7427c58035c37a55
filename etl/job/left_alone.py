"""What becomes of rows that are all that a run has left, and that make the API fail.

The rule: nothing beside them is accepted, so that the run itself cannot tell them from an API that is down. They are
given up, as `server_error`, when the same few rows were left in five nights, 20 hours apart, with the same answer, and
each time the API said of the account, right afterwards, what only a working one can say (`verifyAuth`). No outage is
like that: it answers nothing, lets others fail too, or is over in five nights. Until then the run stops, and the next
one goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etl.errors import EtlError

if TYPE_CHECKING:
    from etl.job.loop import Line

NIGHTS = 5
# Where more rows are left alone, the API is taken to be at fault, however often.
MOST_ROWS = 8


def give_up_left_alone(line: Line, end: EtlError) -> EtlError | None:
    """Why the run ends: `end`, with what is known of its rows; None: they are given up, and it goes on."""
    left = line.courier.left_alone
    if line.lone is None or not 0 < len(left) <= MOST_ROWS or not _is_well(line):
        return end
    nights = line.lone.nights((each.event.key, each.words) for each in left)
    if nights >= NIGHTS:
        line.courier.give_up_left_alone()
        return None
    rows = "this row" if len(left) == 1 else f"{len(left)} such rows"
    hint = f"with nothing beside it, {rows} failed so in {nights} of {NIGHTS} nights, and the last one ends it"
    end.hint = f"{end.hint}; {hint}" if end.hint else hint
    return end


def _is_well(line: Line) -> bool:
    client = line.open_client()
    try:
        return client.is_well()
    finally:
        client.close()

"""Several consecutive windows in one spool: one statement reads them all, and each is handed out by itself.

The database numbers each row's window in the last column; no value is compared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from etl.page import Window
from etl.source.spool import Spool

Row = tuple[Any, ...]
Piece = tuple[list[Row], int]

# More would make the statement slow: the database compares each row with the windows' ends, one by one.
MOST_WINDOWS = 250


def following(windows: Sequence[Window], first: Window) -> tuple[Window, ...]:
    """`first`, and those of `windows` that follow it without a gap, as many as one spool takes.

    Examples: the lookback and the window above it; the windows of a backfill, of which `first` may begin inside one.
    """
    place = next((at for at, one in enumerate(windows) if _same(one, first)), None)
    if place is None:
        return (first,)
    found = [first]
    for one in windows[place + 1 : place + MOST_WINDOWS]:
        if not _follows(found[-1], one):
            break
        found.append(one)
    return tuple(found)


def whole(windows: Sequence[Window]) -> Window:
    """The window that holds `windows`, which follow each other."""
    last = windows[-1]
    return replace(windows[0], upto=last.upto, until=last.until, until_open=last.until_open)


def joined(windows: Sequence[Window]) -> list[Window]:
    """The rows of `windows` in as few windows as possible, for counting."""
    found: list[Window] = []
    for one in windows:
        if found and _follows(found[-1], one):
            found[-1] = whole((found[-1], one))
        else:
            found.append(one)
    return found


class WindowIncomplete(Exception):
    """Fewer rows of a window were handed out than the database had put into it."""


class SpoolRange:
    """The rows of several windows from one statement; the windows are taken in order.

    `counts` are the numbers of rows by window, to notice a row that stands behind a later window and would be lost.
    """

    def __init__(
        self, windows: Sequence[Window], spool: Spool, pieces: Iterator[Piece], *, counts: Mapping[int, int]
    ) -> None:
        self._windows = windows
        self._counts = counts
        self._next = 0
        self._spool = spool
        self._pieces = pieces
        self._held: Piece | None = None

    def take(self, window: Window) -> Iterator[Piece] | None:
        """The rows of `window`, in pieces with their size; None when it is not the next one.

        They raise WindowIncomplete at their end.
        """
        if self._next >= len(self._windows) or self._windows[self._next] != window:
            return None
        self._next += 1
        return self._rows_of(self._next - 1)

    @property
    def is_empty(self) -> bool:
        """Whether all its windows were taken."""
        return self._next == len(self._windows)

    def close(self) -> None:
        """Give the room back."""
        self._spool.close()

    def _rows_of(self, number: int) -> Iterator[Piece]:
        left = self._counts.get(number, 0)
        while (piece := self._held or next(self._pieces, None)) is not None:
            rows, size = piece
            self._held = None
            own = [row[:-1] for row in rows if row[-1] == number]
            # Rows left over from a window that was not read to its end have a lower number, and are skipped.
            beyond = [row for row in rows if row[-1] > number]
            if beyond:
                self._held = (beyond, size * len(beyond) // len(rows))
            left -= len(own)
            if left and beyond:
                break
            if own:
                yield own, size * len(own) // len(rows)
            if beyond:
                return
        if left:
            raise WindowIncomplete


def _follows(one: Window, other: Window) -> bool:
    if one.upto is not None:
        return other == Window(after=one.upto, until=one.until, until_open=one.until_open, label=other.label)
    return one.until_open and other.start == one.until and other.start is not None and other.after is other.upto is None


def _same(one: Window, other: Window) -> bool:
    return one == replace(other, after=one.after)

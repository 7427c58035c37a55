"""The progress bar on a terminal: two lines below other output on stderr, removed when the work is over."""

from __future__ import annotations

import sys
from typing import IO, Protocol, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from etl.screen.layout import plain

REFRESHES_A_SECOND = 4
LONGEST_NAME = 24


class Shown(Protocol):
    """What the bar shows; read a few times a second, from another thread."""

    @property
    def mapping(self) -> str:
        """The name of the mapping."""

    @property
    def share(self) -> float | None:
        """The part that is done, from 0 to 1; None when it is not known."""

    def rows(self) -> str:
        """How many rows are done, of how many, and how long the rest will take."""

    def figures(self) -> list[str]:
        """The second line: further details."""


def start_bar(progress: Shown) -> Live:
    """Show a bar until `stop` of the returned object is called; logs appear above it."""
    live = Live(
        console=Console(file=cast("IO[str]", Deaf(sys.stderr)), highlight=False, markup=False, emoji=False),
        get_renderable=lambda: _lines(progress),
        refresh_per_second=REFRESHES_A_SECOND,
        transient=True,
        redirect_stdout=False,
    )
    live.start()
    return live


def _lines(progress: Shown) -> Group:
    share = progress.share
    first = Table.grid(padding=(0, 2, 0, 0), expand=True)
    first.add_column(no_wrap=True, overflow="ellipsis", max_width=LONGEST_NAME)
    first.add_column(ratio=1)
    first.add_column(no_wrap=True, justify="right")
    bar = ProgressBar(total=1.0, completed=share) if share is not None else ProgressBar(total=None, pulse=True)
    first.add_row(plain(progress.mapping, "bold"), bar, plain(progress.rows()))
    second = plain("  " + "  ".join(progress.figures()), "dim")
    second.no_wrap, second.overflow = True, "ellipsis"
    return Group(first, second)


class Deaf:
    """A stream to which writing never fails (E10): when nothing reads it, nothing is written."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, if that is possible."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        try:
            self._stream.flush()
        except OSError:
            return

    def __getattr__(self, name: str) -> object:
        """Everything else is the stream's."""
        return getattr(self._stream, name)

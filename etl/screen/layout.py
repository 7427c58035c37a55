"""Text for people at the width of their screen: tables that wrap, colour on a terminal only, commands in one piece.

The rule: a command to copy is never broken over lines, no line ends with blanks, and no number is cut.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.exact import printable

INDENT = 2
LEAST_WIDTH = 40
LABEL_WIDTH = 13
# Words that wrap in fewer columns than this are hard to read, and break in the middle.
LEAST_TEXT = 24
GAP = 2


def paint(*parts: RenderableType, err: bool = False) -> str:
    """The lines of `parts`, one below the other, for stdout or stderr.

    A text that is a `str` stays in one line, whatever its length. COLUMNS, NO_COLOR and TERM are heeded.
    """
    console = Console(
        file=sys.stderr if err else sys.stdout,
        width=max(LEAST_WIDTH, shutil.get_terminal_size().columns),
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, str))
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def plain(text: str, style: str = "") -> Text:
    """`text` as it is, without a character that could steer the terminal."""
    return Text(printable(text), style)


def labelled(*rows: tuple[str, RenderableType]) -> Padding:
    """A label and what it names, a row; what is long wraps beside its label."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=LABEL_WIDTH)
    grid.add_column(overflow="fold")
    for label, what in rows:
        grid.add_row(plain(label, "dim"), plain(what) if isinstance(what, str) else what)
    return indented(grid)


def indented(what: RenderableType, *, by: int = INDENT) -> Padding:
    """`what`, moved to the right."""
    return Padding(what, (0, 0, 0, by), expand=False)


@dataclass(frozen=True, slots=True)
class ByWidth:
    """`wide` where the screen has `least` columns for it, else `narrow`."""

    least: int
    wide: RenderableType
    narrow: RenderableType

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """What fits."""
        yield self.wide if options.max_width >= self.least else self.narrow


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: numbers stand on the right, and words may wrap where `wraps`."""

    name: str
    number: bool = False
    wraps: bool = False


def table(columns: Sequence[TableColumn], rows: Sequence[Sequence[Text]]) -> ByWidth:
    """`rows` below their columns' names; on a narrow screen each begins with its first cell, the others below it."""
    least = GAP * (len(columns) - 1)
    wide = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for at, column in enumerate(columns):
        widest = max([len(column.name), *(row[at].cell_len for row in rows)])
        least += min(widest, LEAST_TEXT) if column.wraps else widest
        side: JustifyMethod = "right" if column.number else "left"
        wide.add_column(column.name, justify=side, no_wrap=not column.wraps, overflow="fold")
    narrow: list[RenderableType] = [plain(columns[0].name, "dim")]
    for row in rows:
        wide.add_row(*row)
        below = zip(columns[1:], row[1:], strict=True)
        narrow += [row[0], labelled(*((column.name, cell) for column, cell in below if cell.plain))]
    return ByWidth(least, wide, Group(*narrow))


def noted(rows: Sequence[tuple[str, str, str]]) -> ByWidth:
    """A name, its number, and a note, a row; on a narrow screen the note stands below them."""
    names = max([LABEL_WIDTH, *(len(name) for name, _, _ in rows)])
    numbers = max([10, *(len(number) for _, number, _ in rows)])
    wide = Table.grid(padding=(0, GAP, 0, 0))
    wide.add_column(no_wrap=True, min_width=LABEL_WIDTH)
    wide.add_column(no_wrap=True, min_width=10, justify="right")
    wide.add_column(overflow="fold")
    narrow: list[RenderableType] = []
    for name, number, note in rows:
        wide.add_row(plain(name), plain(number), plain(note, "dim"))
        narrow.append(plain(f"{name:<{names}}{'':{GAP}}{number:>{numbers}}"))
        narrow += [indented(plain(note, "dim"), by=2 * INDENT)] if note else []
    return ByWidth(names + numbers + 2 * GAP + LEAST_TEXT, wide, Group(*narrow))

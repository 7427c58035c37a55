"""Text for people at the width of their screen: tables that wrap, colour on a terminal only, commands in one piece.

The rule: a command to copy is never broken over lines, and no line ends with blanks.
"""

from __future__ import annotations

import shutil
import sys

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.exact import printable

INDENT = 2
LEAST_WIDTH = 40
LABEL_WIDTH = 13


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

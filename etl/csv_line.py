"""A line of CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

# Beginnings of what a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_END = "\r\n"


def csv_line(values: Iterable[object]) -> str:
    """`values` as one line without its end; a text that a spreadsheet would run gets an apostrophe."""
    line = io.StringIO()
    # A value is quoted only if it contains a part of the line's end.
    csv.writer(line, lineterminator=_END).writerow([_cell(value) for value in values])
    return line.getvalue().removesuffix(_END)


def _cell(value: object) -> str:
    text = {True: "yes", False: "no", None: ""}.get(value, str(value)) if isinstance(value, bool | None) else str(value)
    # A number may begin with a minus.
    return f"'{text}" if text.startswith(_FORMULA) and not text[1:].replace(".", "", 1).isdigit() else text

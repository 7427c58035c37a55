"""The name of each row's event: a constant, or a column's text.

The rule: a name is one line of at most 100 printable characters, as the mapping demands of a constant one.
"""

from __future__ import annotations

from collections.abc import Sequence

from etl.transform.apply import ByValue, settle
from etl.transform.frame import Frame
from etl.transform.problem import Findings, Problem, RefusedValueError

_LONGEST = 100


class EventName:
    """`columns` name those of which the first present value is the event's name; () means that it is `constant`."""

    def __init__(self, columns: Sequence[str], constant: object) -> None:
        self._columns = columns
        self._constant = constant

    def run(self, frame: Frame) -> tuple[list[object], list[Problem]]:
        """The name of every row's event, and the rows that have none."""
        if not self._columns:
            return [self._constant] * frame.length, []
        findings = Findings()
        names = settle(frame.first_present(self._columns, keep_empty=False), ByValue(_name), findings).items
        missing = ("missing_event_name", "the column that names the event is empty")
        problems = [
            Problem(row, "event", *findings.faults.get(row, missing)) for row, name in enumerate(names) if name is None
        ]
        return names, problems


def _name(value: object) -> str | None:
    name = value.strip() if isinstance(value, str) else None
    if name is None or len(name) > _LONGEST or not name.isprintable():
        raise RefusedValueError("missing_event_name", "the column that names the event holds something that is no name")
    return name or None

"""The name of each row's event: a constant, or a column's text.

The rule: a name is one line of at most 100 printable characters, as the mapping demands of a constant one.
"""

from __future__ import annotations

from etl.transform.frame import Frame
from etl.transform.problem import Findings, Problem, RefusedValueError
from etl.transform.settle import ByValue, settle

_LONGEST = 100


class EventName:
    """`column` names the column that holds the event's name; None means that it is `constant`."""

    def __init__(self, column: str | None, constant: object) -> None:
        self._column = column
        self._constant = constant

    def run(self, frame: Frame) -> tuple[list[object], list[Problem]]:
        """The name of every row's event, and the rows that have none."""
        if self._column is None:
            return [self._constant] * frame.length, []
        findings = Findings()
        names = settle(frame.column(self._column), ByValue(_name), findings).items
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

"""A source for `windows_to_read`: which parts of the table a run of a simulated life reads."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from etl.page import Bound, Position, Window
from etl.source.cursor import CursorDomain
from etl.source.windows import run_windows
from tests.simulation.state import ProcessState

DOMAIN = CursorDomain("cursor", "integer", ZoneInfo("UTC"))


def context_of(state: ProcessState, *, lookback: int) -> Any:
    """What a run is made of, as far as `windows_to_read` asks."""
    mapping = SimpleNamespace(name="life", source=SimpleNamespace(cursor_field="cursor"))
    return SimpleNamespace(mapping=mapping, state=state, source=_Source(lookback))


class _Source:
    """What `windows_to_read` asks of a source."""

    def __init__(self, lookback: int) -> None:
        self._lookback = lookback

    def windows(self, checkpoint: Position | None, bound: Bound, *, floor: object = None) -> Sequence[Window]:
        assert floor is None
        return run_windows(DOMAIN, checkpoint=checkpoint, bound=bound, lookback=self._lookback)

    def start_windows(self, start: object, bound: Bound) -> Sequence[Window]:
        assert start is None
        return run_windows(DOMAIN, checkpoint=None, bound=bound, lookback=self._lookback)

    def check_not_backwards(self, position: Position) -> None:
        """No row is ever deleted."""

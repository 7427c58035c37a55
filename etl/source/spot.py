"""Where in a statement the database found a mistake, to point at the line of the mapping's query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in `statement`, as the server got it, by `offset` (None: not told) or by the `name` of what is wrong.

    `once`: the name may be right elsewhere, as a word of SQL that stands where it does not belong.
    """

    statement: str
    offset: int | None
    name: str
    once: bool

    def within(self, text: str) -> int | None:
        """The offset of the mistake in `text`, which is a part of the statement; None when it is not known."""
        begin = self.statement.find(text)
        if self.offset is not None and begin >= 0 and begin <= self.offset < begin + len(text):
            return self.offset - begin
        if not self.name:
            return None
        found = [one.start() for one in re.finditer(rf"(?<![\w$]){re.escape(self.name)}(?![\w$])", text)]
        return found[0] if found and not (self.once and len(found) > 1) else None


def spot_of(error: BaseException, statement: str, *, name: str, once: bool) -> Spot:
    """The spot that `error` of a driver tells of, which says that `name` is wrong ("": it does not say what)."""
    return Spot(statement, _offset(error, statement, name), name, once)


def _offset(error: BaseException, statement: str, name: str) -> int | None:
    first: Any = error.args[0] if error.args else None
    of_server: Any = getattr(error, "diag", None)
    told = first.get("P") if isinstance(first, dict) else getattr(of_server, "statement_position", None)
    if told is not None and str(told).isdecimal():
        return int(told) - 1
    line = re.search(r" at line (\d+)|^LINE (\d+): ", str(error), re.MULTILINE)
    if line is None:
        return None
    before = statement.split("\n")[: int(line[1] or line[2]) - 1]
    begin = sum(len(one) + 1 for one in before)
    at = statement.find(name, begin) if name else -1
    return at if at >= 0 else begin

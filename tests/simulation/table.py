"""The source of a simulated life: rows that appear late, change, and share their cursor with others.

Behaves as the real source does: pages in order (cursor, key), each a picture of one moment.
"""

from __future__ import annotations

import hashlib
import math
import random
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

from etl.event.encode import encode_event
from etl.page import Column, Key, Page, Position, Scalar, Window
from etl.transform.problem import Problem
from etl.transform.transformer import Transformed

Row = tuple[int, int, int, str, str, str, int]
"""key, cursor, version, email, userid, what it makes the API do ("" = take it), bytes of padding"""

COLUMNS = tuple(map(Column, ("key", "cursor", "version", "email", "userid", "poison", "padding")))
_NO_IDENTITY = "the event has neither email nor userid"


@dataclass(slots=True)
class Change:
    """A transaction that wrote `row` and commits at `commits_at`."""

    commits_at: float
    row: Row


class Table:
    """Rows by key, and in order (cursor, key)."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.visible_since: dict[int, float] = {}
        self.ordered: list[tuple[int, int]] = []
        self._open: list[Change] = []

    def write(self, row: Row, *, commits_at: float) -> None:
        self._open.append(Change(commits_at, row))

    def commit_until(self, now: float) -> None:
        due = [change for change in self._open if change.commits_at <= now]
        if not due:
            return
        self._open = [change for change in self._open if change.commits_at > now]
        for change in due:
            key, cursor = change.row[:2]
            old = self.rows.get(key)
            if old is not None:
                if old[1] > cursor:
                    continue  # a later transaction on this row was first: the database made this one wait, then fail
                self.ordered.remove((old[1], key))
            self.rows[key] = change.row
            self.visible_since[key] = change.commits_at
            insort(self.ordered, (cursor, key))

    def page(self, window: Window, *, after: Position | None, limit: int) -> Page | None:
        """The first rows of `window` after `after`; None when there is none."""
        after = after or window.after
        chosen = []
        for cursor, key in self.ordered:
            if after is not None and place_of(after) >= (cursor, key):
                continue
            if window.start is not None and cursor < window.start:  # type: ignore[operator]
                continue
            if window.upto is not None and place_of(window.upto) < (cursor, key):
                break
            if window.until is not None and (cursor >= window.until if window.until_open else cursor > window.until):  # type: ignore[operator]
                break
            chosen.append(self.rows[key])
            if len(chosen) == limit:
                break
        return Page(COLUMNS, chosen, key_at=(0,), cursor_at=1) if chosen else None

    def rows_by_key(self, keys: Sequence[Key]) -> Page:
        """The rows of `keys`; none is ever deleted."""
        return Page(COLUMNS, [self.rows[key[0]] for key in keys], key_at=(0,), cursor_at=1)  # type: ignore[index]

    def cursors_by_key(self, keys: Sequence[Key]) -> dict[Key, Scalar]:
        """The cursor of each row of `keys`."""
        return {key: self.rows[key[0]][1] for key in keys}  # type: ignore[index]


def place_of(position: Position) -> tuple[float, float]:
    """`position` as it compares with (cursor, key); without key it stands behind every row of its cursor."""
    return position.cursor, position.key[0] if position.key else math.inf  # type: ignore[return-value]


REFUSED = "refused"
# What no answer tells from an API that is down, or from a wrong key.
SERVER_ERROR, FORBIDDEN = "server_error", "forbidden"
_FIELDS = ("event", "email", "userid", "custom_version", "custom_key", "custom_poison", "custom_padding")


def event_of(row: Row) -> dict[str, object] | None:
    """The event of `row`; None without identity."""
    _, _, version, email, userid, poison, padding = row
    if not email and not userid:
        return None
    event: dict[str, object] = {"event": "CustomerUpdated"}
    if email:
        event["email"] = email
    if userid:
        event["userid"] = userid
    event["custom_version"] = version
    event["custom_key"] = row[0]
    if poison:
        event["custom_poison"] = poison
    if padding:
        event["custom_padding"] = "x" * padding
    return event


def body_of(row: Row) -> bytes | None:
    """What has to arrive for `row`."""
    event = event_of(row)
    return None if event is None else encode_event(event)


def transform(page: Page) -> Transformed:
    """The step from rows to events, without pandas."""
    events = [event_of(row) for row in page.rows]
    problems = [Problem(at, "email", "missing_identity", _NO_IDENTITY) for at, one in enumerate(events) if one is None]
    columns = {name: [one and one.get(name) for one in events] for name in _FIELDS}
    return Transformed(columns, {problem.row for problem in problems}, problems)


class Shop:
    """What the application does to the table: seeded.

    hands: draws how rows change hands while a run reads them; aside, so that all else is as without. None: they do not.
    """

    def __init__(
        self,
        table: Table,
        chance: random.Random,
        *,
        latest_commit: float,
        moving: bool,
        people: int,
        poisons: Sequence[str],
        hands: random.Random | None = None,
    ) -> None:
        self._table = table
        self._chance = chance
        self._latest_commit = latest_commit
        self._moving = moving
        self._poisons = poisons
        self._version = 0
        # Contents return: with two versions, every other change takes a row back to what it was.
        # `_changes`: how often a write changes a row that is there. `_late`: how often it commits later than it began.
        if chance.random() < 0.3:
            self._versions, self._changes, self._late = 2, 0.93, 0.7
        else:
            self._versions, self._changes, self._late = chance.choice([2, 3, 10**9]), 0.4, 0.15
        self._keys = 0
        self._people = people
        self._hands = hands
        self._handed_over: list[int] = []

    def work(self, now: float, *, writes: int) -> None:
        """Write rows in transactions that began now, all with the same cursor, as a bulk update does."""
        chance = self._chance
        for _ in range(writes):
            self._version += 1
            if self._keys and chance.random() < self._changes:
                key = chance.randrange(self._keys) + 1
            else:
                self._keys += 1
                key = self._keys
            late = chance.random() < self._late
            commits_at = now + (chance.uniform(0, self._latest_commit) if late else 0.0)
            self._table.write(self._row(key, int(now)), commits_at=commits_at)

    def hand_over(self, now: float, *, settle: int) -> None:
        """Write rows, and each once more for another person, in a transaction that commits in a moment.

        Both cursors lie so far back that a run which begins now reads both, if it reads the first in time. Contents
        return: the second may be what the row was before.
        """
        chance = self._hands
        if chance is None:
            return
        for _ in range(chance.randrange(1, 20)):
            if self._handed_over and chance.random() < 0.5:
                key = chance.choice(self._handed_over)
            else:
                self._keys += 1
                key = self._keys
                self._handed_over.append(key)
            for age, person, commits_at in ((4, "giver", now), (1, "taker", now + chance.uniform(0, 1))):
                email = f"{person}{key % 20}@example.com"
                row = (key, int(now) - settle - age, chance.randrange(2), email, "", "", 0)
                self._table.write(row, commits_at=commits_at)

    def add_poisonous(self, now: float, *, most: int) -> None:
        """Write neighbours that each make the API fail, up to `most`: more than a request may hold."""
        poison = self._chance.choice([SERVER_ERROR, FORBIDDEN])
        self.add(now, count=self._chance.randrange(2, most), poison=poison)

    def add(self, now: float, *, count: int, poison: str = "", newcomers: bool = False) -> None:
        """Write `count` new rows, neighbours; poison: what each makes the API do, "" = take it.

        newcomers: the first row is of a person who has no other, so it waits behind no other row: where a guilty one
        stands before each person's others, nothing else could show that the API is well.
        """
        for number in range(count):
            self._version += 1
            self._keys += 1
            key, cursor, version, email, userid, _, padding = self._row(self._keys, int(now))
            if newcomers and number == 0:
                email, userid = f"new{key}@example.com", ""
            self._table.write((key, cursor, version, email, userid, poison, padding), commits_at=now)

    def _row(self, key: int, cursor: int) -> Row:
        chance = self._chance
        # The person of a row is drawn from its key, so that a row keeps its identity unless it moves.
        version = self._version if self._versions > 3 else chance.randrange(self._versions)
        person = (key * 7919 + (self._version if self._moving and chance.random() < 0.1 else 0)) % self._people
        # Rows of one person know the address, the number, or both: events may be linked through a third one only.
        kind = key % 5
        email = f"p{person}@example.com" if kind != 1 else ""
        userid = f"{person}" if kind in {1, 2} else ""
        if kind == 3:
            # The same person, known by the hash of the address.
            email = hashlib.sha256(email.encode()).hexdigest()
        if chance.random() < 0.02:
            email = userid = ""
        padding = chance.choice([0, 0, 0, 0, 200])
        poison = chance.choice(self._poisons) if chance.random() < 0.03 else ""
        return (key, cursor, version, email, userid, poison, padding)

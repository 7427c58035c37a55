"""Reads the child rows of a page by one query, and gives each to the row that the database matches it with.

The database decides what is equal. Some values that match there differ here (letter case under a collation, '5' and 5,
the padding of `char(n)`), so a second query joins both tables for them, and no child is lost. The second query is also
sent for rows without a child, unless equality of both columns' kinds is the same here and there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import sqlalchemy as sa

from etl.page import Column, findable
from etl.source.database import Database
from etl.source.fault import DatabaseFault, Fault
from etl.source.found import weight_of
from etl.source.key_lookup import KeyLookup
from etl.source.plan import Layout, ReadPlan
from etl.source.relation import Relation, condition

Row = tuple[Any, ...]
PIECE_CHILDREN = 100
# Kinds whose equal values always have the same form.
_EQUAL_ALIKE = frozenset({"integer", "uuid", "date", "datetime", "datetime_tz"})
# Kinds that cannot be compared here: to PostgreSQL a jsonb of 1 is no number.
_NEVER_HERE = frozenset({"json", "list"})


class _OnlyJoined:
    """Stands for match values that only the database can compare (lists and objects)."""


class TooManyChildren(Exception):
    """The children take more than the allowed memory; at least `rows` of them had been read by then."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows


class ChildReader:
    """Reads the rows of the child `relation` that `plan.child` matches with rows of `parent`."""

    def __init__(
        self, database: Database, relation: Relation, plan: ReadPlan, *, parent: Relation, layout: Layout
    ) -> None:
        assert plan.child is not None
        self._database = database
        self._plan = plan.child
        self._key = plan.primary_key
        self._layout = layout
        self._child_match = tuple(child for child, _ in plan.child.match)
        names = (*plan.child.columns, *self._child_match, *plan.child.order_by)
        self._child = relation.source(names)
        self._joined_parent = parent.source((*self._key, *(name for _, name in plan.child.match)), alias="parent")
        self._matching = KeyLookup(
            [self._child.c[name] for name in self._child_match],
            [relation.kinds.get(name) for name in self._child_match],
            dialect=database.dialect,
        )
        self._of_parents = KeyLookup(
            [self._joined_parent.c[name] for name in self._key],
            [parent.kinds.get(name) for name in self._key],
            dialect=database.dialect,
        )
        pairs = [(relation.kinds.get(child), parent.kinds.get(own)) for child, own in plan.child.match]
        self._only_joined = any(own in _NEVER_HERE for _, own in pairs) or any(
            # PostgreSQL ignores trailing blanks in `char(n) = varchar`, but not between two texts.
            _is_padded(relation, child) != _is_padded(parent, own)
            for child, own in plan.child.match
        )
        self._plain = all(child == own and child in _EQUAL_ALIKE for child, own in pairs)
        self.columns: tuple[Column, ...] = tuple(relation.column(name) for name in plan.child.columns)

    def of(self, rows: Sequence[Row], *, most_bytes: int) -> tuple[dict[int, list[Row]], dict[int, str]]:
        """The children by the index of their row; and by index, why the children of a row cannot be decoded.

        Raises:
            TooManyChildren: they take more than `most_bytes`; no more than that was held in memory.
            DatabaseFault: any other fault; the page as a whole is to be read again.
        """
        at: dict[Row, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            match = tuple(row[one] for one in self._layout.match_at)
            if None in match:
                continue
            at[(_OnlyJoined(),) if self._only_joined or not _hashable(match) else match].append(index)
        children: dict[int, list[Row]] = {}
        broken: dict[int, str] = {}
        room = most_bytes
        keys = list(at)
        step = min(self._matching.most_keys, self._of_parents.most_keys)
        # A stack of spans of `keys`, the first span on top.
        spans = [(low, min(low + step, len(keys))) for low in range(0, len(keys), step)][::-1]
        while spans:
            low, high = spans.pop()
            try:
                size = self._database.leniently(partial(self._read, keys[low:high], at, rows, children, room))
            except DatabaseFault as fault:
                if fault.fault is not Fault.UNDECODABLE:
                    raise
                if high - low == 1:
                    broken.update(dict.fromkeys(at[keys[low]], f"in its {self._plan.subject}: {fault.words}"))
                    continue
                middle = (low + high) // 2
                spans += [(middle, high), (low, middle)]
                continue
            room -= size
        for index in broken:
            children.pop(index, None)
        return children, broken

    def _read(  # noqa: PLR0913 - what is read, where it goes, and how
        self,
        keys: Sequence[Row],
        at: Mapping[Row, Sequence[int]],
        rows: Sequence[Row],
        children: dict[int, list[Row]],
        room: int,
        *,
        lenient: bool,
    ) -> int:
        """Put the children of `keys` into `children`; returns their size in bytes."""
        width = len(self._child_match)
        found: dict[Row, list[Row]] = defaultdict(list)
        size = count = 0
        known = [key for key in keys if not isinstance(key[0], _OnlyJoined)]
        for piece in self._pieces(self.statement(known), lenient=lenient) if known else ():
            size += weight_of(piece)
            count += len(piece)
            if size > room:
                raise TooManyChildren(count)
            for row in piece:
                found[row[:width]].append(row[width:])
        strange = any(match not in at for match in found)
        if strange:
            # All of them are read again by the second query, so free these.
            found.clear()
            size = 0
        for match, own in found.items():
            for index in at[match]:
                children[index] = own
        if strange or len(known) < len(keys) or not self._plain:
            indexes = [index for key in keys if key not in found for index in at[key]]
            if indexes:
                size += self._read_joined(indexes, rows, children, room - size, lenient=lenient)
        return size

    def _read_joined(
        self,
        indexes: Sequence[int],
        rows: Sequence[Row],
        children: dict[int, list[Row]],
        room: int,
        *,
        lenient: bool,
    ) -> int:
        """As `_read`, for the rows `indexes`, by the query that joins: each child comes with the key of its row."""
        index_of = {self._layout.key(rows[index]): index for index in indexes}
        found: dict[int, list[Row]] = defaultdict(list)
        size = count = 0
        for piece in self._pieces(self.joined_statement(list(index_of)), lenient=lenient):
            size += weight_of(piece)
            count += len(piece)
            if size > room:
                raise TooManyChildren(count)
            for row in piece:
                index = index_of.get(findable(row[: len(self._key)]))
                if index is not None:
                    found[index].append(row[len(self._key) :])
        for index in indexes:
            if index in found:
                children[index] = found[index]
        return size

    def _pieces(self, statement: sa.Select[Any], *, lenient: bool) -> Iterator[Sequence[Row]]:
        with closing(self._database.pieces(statement, piece_rows=PIECE_CHILDREN, lenient=lenient)) as pieces:
            for piece in pieces:
                yield piece.rows

    def statement(self, keys: Sequence[Row]) -> sa.Select[Any]:
        """Match columns, then child columns, of the children that match `keys`."""
        match = [self._child.c[name] for name in self._child_match]
        statement = sa.select(*match, *(self._child.c[name] for name in self._plan.columns))
        statement = statement.where(self._matching.among(keys))
        if self._plan.where is not None:
            statement = statement.where(condition(self._plan.where))
        return statement.order_by(*match, *(self._child.c[name] for name in self._plan.order_by))

    def joined_statement(self, keys: Sequence[Row]) -> sa.Select[Any]:
        """Key of the parent, then child columns, by the database's own equality."""
        parent = self._joined_parent
        inner = sa.select(*self._child.c)
        if self._plan.where is not None:
            # In the inner query, where the mapping's condition sees only the child's columns.
            inner = inner.where(condition(self._plan.where))
        child = inner.subquery("child")
        key = [parent.c[name] for name in self._key]
        on = sa.and_(*(child.c[one] == parent.c[other] for one, other in self._plan.match))
        statement = sa.select(*key, *(child.c[name] for name in self._plan.columns)).select_from(parent.join(child, on))
        statement = statement.where(self._of_parents.among(keys))
        return statement.order_by(*key, *(child.c[name] for name in self._plan.order_by))


def _hashable(match: Row) -> bool:
    try:
        hash(match)
    except TypeError:
        return False
    return True


def _is_padded(relation: Relation, name: str) -> bool:
    return relation.declared.get(name, "").upper() in {"CHAR", "BPCHAR"}

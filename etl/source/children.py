"""The child rows of a page: one query for all of its rows, each child put to the row that the database matched it with.

Equality is the database's. Values that look different here (letter case under a collation, '5' and 5) but match there
are settled by a second query that joins, so that no child is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from etl.page import Column
from etl.source.database import Database
from etl.source.fault import DatabaseFault, Fault
from etl.source.keyset import key_in, keys_a_statement
from etl.source.layout import Layout
from etl.source.plan import ReadPlan
from etl.source.relation import Relation, condition

Row = tuple[Any, ...]


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
        self.columns: tuple[Column, ...] = tuple(relation.column(name) for name in plan.child.columns)

    def of(self, rows: Sequence[Row]) -> tuple[dict[int, list[Row]], dict[int, str]]:
        """The children by index of their row, and the rows whose children cannot be decoded with the cause.

        Raises:
            DatabaseFault: any other fault; the page as a whole is to be read again.
        """
        at: dict[Row, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            match = tuple(row[one] for one in self._layout.match_at)
            if None not in match:
                at[match].append(index)
        children: dict[int, list[Row]] = {}
        broken: dict[int, str] = {}
        keys = list(at)
        step = keys_a_statement(len(self._child_match), dialect=self._database.dialect)
        # Spans of `keys`, first on top.
        spans = [(low, min(low + step, len(keys))) for low in range(0, len(keys), step)][::-1]
        while spans:
            low, high = spans.pop()
            try:
                self._read(keys[low:high], at, rows, children)
            except DatabaseFault as fault:
                if fault.fault is not Fault.UNDECODABLE:
                    raise
                if high - low == 1:
                    broken.update(dict.fromkeys(at[keys[low]], f"in its {self._plan.table}: {fault.words}"))
                    continue
                middle = (low + high) // 2
                spans += [(middle, high), (low, middle)]
        for index in broken:
            children.pop(index, None)
        return children, broken

    def _read(
        self, keys: Sequence[Row], at: Mapping[Row, Sequence[int]], rows: Sequence[Row], children: dict[int, list[Row]]
    ) -> None:
        width = len(self._child_match)
        found: dict[Row, list[Row]] = defaultdict(list)
        for row in self._database.read(self.statement(keys)).rows:
            found[row[:width]].append(row[width:])
        strange = [match for match in found if match not in at]
        for match in strange:
            del found[match]
        for match, own in found.items():
            for index in at[match]:
                children[index] = own
        if strange:
            indexes = [index for key in keys for index in at[key]]
            self._read_joined(indexes, rows, children)

    def _read_joined(self, indexes: Sequence[int], rows: Sequence[Row], children: dict[int, list[Row]]) -> None:
        """Children of the rows `indexes`, each with the key of the row that the database says it belongs to."""
        index_of = {self._layout.key(rows[index]): index for index in indexes}
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self._database.read(self.joined_statement(list(index_of))).rows:
            index = index_of.get(row[: len(self._key)])
            if index is not None:
                found[index].append(row[len(self._key) :])
        for index in indexes:
            if index in found:
                children[index] = found[index]

    def statement(self, keys: Sequence[Row]) -> sa.Select[Any]:
        """Match columns, then child columns, of the children that match `keys`."""
        match = [self._child.c[name] for name in self._child_match]
        statement = sa.select(*match, *(self._child.c[name] for name in self._plan.columns))
        statement = statement.where(key_in(match, keys, dialect=self._database.dialect))
        if self._plan.where is not None:
            statement = statement.where(condition(self._plan.where))
        return statement.order_by(*match, *(self._child.c[name] for name in self._plan.order_by))

    def joined_statement(self, keys: Sequence[Row]) -> sa.Select[Any]:
        """Key of the parent, then child columns, by the database's own equality."""
        parent = self._joined_parent
        inner = sa.select(*self._child.c)
        if self._plan.where is not None:
            # Inside, where the mapping's condition sees the child's columns alone.
            inner = inner.where(condition(self._plan.where))
        child = inner.subquery("child")
        key = [parent.c[name] for name in self._key]
        on = sa.and_(*(child.c[one] == parent.c[other] for one, other in self._plan.match))
        statement = sa.select(*key, *(child.c[name] for name in self._plan.columns)).select_from(parent.join(child, on))
        statement = statement.where(key_in(key, keys, dialect=self._database.dialect))
        return statement.order_by(*key, *(child.c[name] for name in self._plan.order_by))

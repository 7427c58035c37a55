"""The statements that read a window in the order (cursor, key): keyset paging, nothing skipped, nothing twice.

Comparison and order are the database's own; a value is bound untyped, as the driver gave it, so that it is compared in
the column's own domain (text datetimes on SQLite stay text, collations stay in force).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from etl.page import Key, Position, Window
from etl.source.plan import ReadPlan
from etl.source.relation import Relation, condition

# Row values use an index on (cursor, key) whole there; SQL Server does not know them, MySQL does not optimise them.
ROW_VALUE_DIALECTS = frozenset({"postgresql", "sqlite"})
TUPLE_IN_DIALECTS = frozenset({"postgresql", "sqlite", "mysql", "mariadb"})
# Parameters that one statement takes, less room for the others: SQLite 32766, SQL Server 2100, Oracle 1000 a list.
_PARAMETERS = {"sqlite": 30_000, "postgresql": 60_000, "mysql": 60_000, "mariadb": 60_000}


class PositionForm(Enum):
    """How key and cursor are asked for: where a value cannot be decoded (infinity), its text still names it."""

    VALUES = auto()
    CURSOR_TEXT = auto()
    ALL_TEXT = auto()


class Keyset:
    """Statements over one relation. `names` are the columns of a full row, key and cursor among them."""

    def __init__(self, relation: Relation, plan: ReadPlan, *, names: Sequence[str], dialect: str) -> None:
        self._names = tuple(names)
        self._from = relation.source(names)
        self._cursor = None if plan.cursor_field is None else self._from.c[plan.cursor_field]
        self._key = [self._from.c[name] for name in plan.primary_key]
        self._where = plan.where
        self._dialect = dialect
        self._row_values = dialect in ROW_VALUE_DIALECTS
        # Made once: compared, it is in a cycle with its operators, and one a page would wait for the collector between
        # the values of pages.
        self._place = sa.tuple_(*self._order())

    def rows(self, window: Window, *, limit: int | None) -> sa.Select[Any]:
        """The first `limit` full rows of `window`; None: all."""
        return self._ordered([self._from.c[name] for name in self._names], window).limit(limit)

    def newest_keys(self, *, limit: int, form: PositionForm = PositionForm.VALUES) -> sa.Select[Any]:
        """The keys of the last `limit` rows, last first."""
        key = [_as_text(column) for column in self._key] if form is PositionForm.ALL_TEXT else self._key
        return self._selected(key, Window()).order_by(*(column.desc() for column in self._order())).limit(limit)

    def newest(self, *, limit: int) -> sa.Select[Any]:
        """The last `limit` full rows, last first."""
        columns = [self._from.c[name] for name in self._names]
        return self._selected(columns, Window()).order_by(*(column.desc() for column in self._order())).limit(limit)

    def positions(self, window: Window, *, limit: int, form: PositionForm = PositionForm.VALUES) -> sa.Select[Any]:
        """Key columns, then the cursor, of the first `limit` rows of `window`."""
        key = [_as_text(column) for column in self._key] if form is PositionForm.ALL_TEXT else self._key
        cursor = [] if self._cursor is None else [self._cursor]
        if form is not PositionForm.VALUES:
            cursor = [_as_text(column) for column in cursor]
        return self._ordered([*key, *cursor], window).limit(limit)

    def count(self, window: Window) -> sa.Select[Any]:
        """The number of rows in `window`."""
        return self._selected([sa.func.count()], window)

    def holds(self, window: Window, key: Key) -> sa.Select[Any]:
        """1 when the row of `key` is in `window`, otherwise 0."""
        return self.count(window).where(key_in(self._key, [key], dialect=self._dialect))

    def aggregate(self, function: Any, window: Window) -> sa.Select[Any]:  # noqa: ANN401  # sa.func has no useful type
        """`function` of the cursor over `window`."""
        return self._selected([function(self._cursor)], window)

    def null_cursors(self) -> sa.Select[Any]:
        """The number of rows that no window holds, because their cursor is NULL."""
        assert self._cursor is not None
        return self._filtered(sa.select(sa.func.count()).select_from(self._from).where(self._cursor.is_(None)))

    def null_keys(self) -> sa.Select[Any]:
        """The number of rows with a NULL in their key."""
        condition_ = sa.or_(*(column.is_(None) for column in self._key))
        return self._filtered(sa.select(sa.func.count()).select_from(self._from).where(condition_))

    def repeated_keys(self) -> sa.Select[Any]:
        """The number of keys that more than one row has."""
        keys = self._filtered(sa.select(sa.literal(1).label("one")).select_from(self._from))
        groups = keys.group_by(*self._key).having(sa.func.count() > 1).subquery("repeated")
        return sa.select(sa.func.count()).select_from(groups)

    def by_keys(self, keys: Sequence[Key], *, ignore_where: bool = False) -> sa.Select[Any]:
        """The full rows of `keys`, in no order."""
        statement = sa.select(*(self._from.c[name] for name in self._names)).where(
            key_in(self._key, keys, dialect=self._dialect)
        )
        return statement if ignore_where else self._filtered(statement)

    def any_from(self, cursor: Any) -> sa.Select[Any]:  # noqa: ANN401  # a driver's value
        """One row when the cursor of any row, filtered out or not, is `cursor` or above; none otherwise."""
        assert self._cursor is not None
        return sa.select(sa.literal(1)).select_from(self._from).where(self._cursor >= _bound(cursor)).limit(1)

    def _ordered(self, columns: Sequence[Any], window: Window) -> sa.Select[Any]:
        return self._selected(columns, window).order_by(*self._order())

    def _order(self) -> list[Any]:
        return (
            self._key
            if self._cursor is None
            else [self._cursor, *(one for one in self._key if one is not self._cursor)]
        )

    def _filtered(self, statement: sa.Select[Any]) -> sa.Select[Any]:
        return statement if self._where is None else statement.where(condition(self._where))

    def _selected(self, columns: Sequence[Any], window: Window) -> sa.Select[Any]:
        statement = self._filtered(sa.select(*columns).select_from(self._from))
        if self._cursor is not None:
            if window.start is not None:
                statement = statement.where(self._cursor >= _bound(window.start))
            if window.until is not None:
                until = _bound(window.until)
                statement = statement.where(self._cursor < until if window.until_open else self._cursor <= until)
            if window.start is None and window.until is None and window.after is None and window.upto is None:
                # The other comparisons leave NULL out by themselves.
                statement = statement.where(self._cursor.is_not(None))
        if window.after is not None:
            statement = statement.where(self._beyond(window.after))
        if window.upto is not None:
            statement = statement.where(self._within(window.upto))
        return statement

    def _beyond(self, position: Position) -> Any:  # noqa: ANN401  # a SQL condition
        """Strictly after `position`. A position without key stands behind every row of its cursor."""
        order = self._order()
        values = self._values(position)
        if not position.key and self._cursor is not None:
            return self._cursor > values[0]
        if len(order) == 1:
            return order[0] > values[0]
        if self._row_values:
            return self._place > sa.tuple_(*values)
        # The first term says nothing new, but lets an index on the cursor start there instead of at the beginning.
        return sa.and_(order[0] >= values[0], _or_form(order, values, last_equal=False))

    def _within(self, position: Position) -> Any:  # noqa: ANN401  # a SQL condition
        """At or before `position`."""
        order = self._order()
        values = self._values(position)
        if not position.key and self._cursor is not None:
            return self._cursor <= values[0]
        if len(order) == 1:
            return order[0] <= values[0]
        if self._row_values:
            return self._place <= sa.tuple_(*values)
        reverse = _or_form(order, values, last_equal=True, below=True)
        return sa.and_(order[0] <= values[0], reverse)

    def _values(self, position: Position) -> list[Any]:
        if self._cursor is None:
            return [_bound(value) for value in position.key]
        kept = [value for column, value in zip(self._key, position.key, strict=False) if column is not self._cursor]
        return [_bound(position.cursor), *(_bound(value) for value in kept)]


def keys_a_statement(width: int, *, dialect: str) -> int:
    """How many keys of `width` columns fit into one statement."""
    return max(1, _PARAMETERS.get(dialect, 900) // width)


def key_in(columns: Sequence[Any], keys: Sequence[Key], *, dialect: str) -> Any:  # noqa: ANN401  # a SQL condition
    """The columns hold one of `keys`, in a form that every database has."""
    if len(columns) == 1:
        return columns[0].in_(sa.bindparam(None, [key[0] for key in keys], type_=sa.types.NULLTYPE, expanding=True))
    if dialect in TUPLE_IN_DIALECTS:
        return sa.tuple_(*columns).in_(sa.bindparam(None, list(keys), type_=sa.types.NULLTYPE, expanding=True))
    return sa.or_(
        *(sa.and_(*(column == _bound(value) for column, value in zip(columns, key, strict=True))) for key in keys)
    )


def _or_form(order: Sequence[Any], values: Sequence[Any], *, last_equal: bool, below: bool = False) -> Any:  # noqa: ANN401
    """`a > x OR (a = x AND (b > y OR …))`, for any number of columns; `below` turns it round."""
    column, value = order[0], values[0]
    if len(order) == 1:
        if below:
            return column <= value if last_equal else column < value
        return column >= value if last_equal else column > value
    rest = _or_form(order[1:], values[1:], last_equal=last_equal, below=below)
    return sa.or_(column < value if below else column > value, sa.and_(column == value, rest))


def _as_text(column: Any) -> Any:  # noqa: ANN401  # a SQL column
    return sa.cast(column, sa.Text())


def _bound(value: Any) -> Any:  # noqa: ANN401  # a driver's value
    return sa.bindparam(None, value, type_=sa.types.NULLTYPE, unique=True)

"""The statements that read a window in the order (cursor, key): keyset paging, nothing skipped, nothing twice.

The database compares and sorts; a value is bound untyped, as the driver gave it, so that it is compared by the rules of
the column (datetimes stored as text on SQLite stay text, collations stay in force).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from etl.page import Key, Position, Window
from etl.source.key_lookup import KeyLookup
from etl.source.kinds import Ordinal
from etl.source.plan import ReadPlan
from etl.source.relation import Relation, condition
from etl.source.spool_range import whole
from etl.source.text_shape import TextShape

# Databases that use the whole index on (cursor, key) for `(a, b) > (x, y)`: SQL Server does not know that form, and
# MySQL does not optimise it.
ROW_VALUE_DIALECTS = frozenset({"postgresql", "sqlite"})


class PositionForm(Enum):
    """How key and cursor are selected: as values, or as text where a value cannot be decoded (infinity)."""

    VALUES = auto()
    CURSOR_TEXT = auto()
    ALL_TEXT = auto()


class Keyset:
    """Statements over one relation. `names` are the columns of a full row, key and cursor among them.

    `shape`: only rows whose cursor is spelt like it are read, because texts of other spellings do not sort with them.
    """

    def __init__(
        self,
        relation: Relation,
        plan: ReadPlan,
        *,
        names: Sequence[str],
        dialect: str,
        shape: TextShape | None = None,
    ) -> None:
        self._from = relation.source([*(name for name in names if name != plan.cursor_field), *plan.cursor_parts])
        self._cursor = _cursor(self._from, plan, dialect=dialect)
        self._key = [self._from.c[name] for name in plan.primary_key]
        kinds = [relation.kinds.get(name) for name in plan.primary_key]
        self._lookup = KeyLookup(self._key, kinds, dialect=dialect)
        # How many keys a statement may ask for.
        self.most_keys = self._lookup.most_keys
        self._row = [self._cursor if name == plan.cursor_field else self._from.c[name] for name in names]
        if len(plan.cursor_parts) > 1:
            self._row = [one.label(plan.cursor_field) if one is self._cursor else one for one in self._row]
        self._patterns = None if shape is None else (digits_as_zeros(self._cursor, dialect=dialect), shape)
        self._dialect = dialect
        # Made once, for the reason given below at `_compared`.
        self._alike = None if self._patterns is None else self._shaped()
        self._where = plan.where
        self._row_values = dialect in ROW_VALUE_DIALECTS
        # Made once: an expression and its operators refer to each other, so one made for each page would stay in
        # memory, between the values of pages, until the garbage collector runs.
        self._compared = self._comparable(relation, plan)
        self._place = sa.tuple_(*(column for column, _ in self._compared))

    @property
    def everywhere(self) -> Keyset:
        """The same statements without `where`; this object itself where there is no `where`."""
        if self._where is None:
            return self
        other = copy(self)
        other._where = None  # noqa: SLF001  # of its own class
        return other

    def rows(self, window: Window, *, limit: int | None) -> sa.Select[Any]:
        """The first `limit` full rows of `window`; None: all."""
        return self._ordered(self._row, window).limit(limit)

    def spooled(self, windows: Sequence[Window], *, limit: int | None, positions: bool) -> sa.Select[Any]:
        """The first `limit` rows (None: all) of consecutive windows: full rows, or with `positions` keys and cursors.

        A last column is the number of the row's window, from 0.
        """
        columns = self._row
        if positions:
            columns = [*self._key, *([] if self._cursor is None else [self._cursor.label("cursor_of_key")])]
        numbers: list[Any] = [sa.literal_column(str(number)) for number in range(len(windows))]
        ends = [
            (self._cursor < _bound(one.until) if one.upto is None else self._within(one.upto), number)
            for one, number in zip(windows[:-1], numbers, strict=False)
        ]
        number = sa.case(*ends, else_=numbers[-1]) if ends else numbers[-1]
        return self._ordered([*columns, number.label("number_of_window")], whole(windows)).limit(limit)

    def survey(self, moments: Sequence[Any], *, highest: bool) -> sa.Select[Any]:
        """One row of counts over all rows, by one scan.

        How many lie above each of `moments`, have no cursor, have a NULL in their key; with `highest` also the highest
        cursor.
        """
        assert self._cursor is not None
        counted = [self._beyond(Position(moment, ())) for moment in moments]
        if self._alike is not None:
            counted = [sa.and_(self._alike, one) for one in counted]
        counted += [self._cursor.is_(None), sa.or_(*(column.is_(None) for column in self._key))]
        columns: list[Any] = [sa.func.sum(sa.case((one, 1), else_=0)) for one in counted]
        if highest:
            columns.append(sa.func.max(self._cursor))
        return self._filtered(sa.select(*columns).select_from(self._from))

    def newest_keys(self, *, limit: int, form: PositionForm = PositionForm.VALUES) -> sa.Select[Any]:
        """The keys of the last `limit` rows, last first."""
        key = [_as_text(column) for column in self._key] if form is PositionForm.ALL_TEXT else self._key
        return self._selected(key, Window()).order_by(*(column.desc() for column in self._order())).limit(limit)

    def newest(self, *, limit: int) -> sa.Select[Any]:
        """The last `limit` full rows, last first."""
        return self._selected(self._row, Window()).order_by(*(column.desc() for column in self._order())).limit(limit)

    def positions(
        self, window: Window, *, limit: int, skip: int = 0, form: PositionForm = PositionForm.VALUES
    ) -> sa.Select[Any]:
        """Key columns, then the cursor, of `limit` rows of `window`, after the first `skip`."""
        key = [_as_text(column) for column in self._key] if form is PositionForm.ALL_TEXT else self._key
        cursor = [] if self._cursor is None else [self._cursor]
        if form is not PositionForm.VALUES:
            cursor = [_as_text(column) for column in cursor]
        statement = self._ordered([*key, *cursor], window).limit(limit)
        return statement.offset(skip) if skip else statement

    def count(self, window: Window) -> sa.Select[Any]:
        """The number of rows in `window`."""
        return self._selected([sa.func.count()], window)

    def holds(self, window: Window, key: Key) -> sa.Select[Any]:
        """1 when the row of `key` is in `window`, otherwise 0."""
        return self.count(window).where(self._lookup.among([key]))

    def aggregate(self, function: Any, window: Window) -> sa.Select[Any]:  # noqa: ANN401  # sa.func has no useful type
        """`function` of the cursor over `window`."""
        return self.aggregates([function], window)

    def aggregates(self, functions: Sequence[Any], window: Window) -> sa.Select[Any]:
        """Each of `functions` of the cursor over `window`, in one row."""
        return self._selected([function(self._cursor) for function in functions], window)

    def null_cursors(self) -> sa.Select[Any]:
        """The number of rows that no window holds, because their cursor is NULL."""
        assert self._cursor is not None
        return self._filtered(sa.select(sa.func.count()).select_from(self._from).where(self._cursor.is_(None)))

    def misshaped_cursors(self) -> sa.Select[Any]:
        """The number of rows that no window holds, because their cursor is not spelt like the others."""
        statement = self._filtered(sa.select(sa.func.count()).select_from(self._from))
        if self._alike is None:
            return statement.where(sa.false())
        return statement.where(self._cursor.is_not(None), sa.not_(self._alike))

    def other_zones(self) -> sa.Select[Any]:
        """The number of rows whose cursor looks like the others but for the digits of its zone."""
        statement = self._filtered(sa.select(sa.func.count()).select_from(self._from))
        if self._patterns is None or not self._patterns[1].zone[-1:].isdigit():
            return statement.where(sa.false())
        look, shape = self._patterns
        return statement.where(look.in_(shape.patterns), self._cursor.not_like(f"%{shape.zone}"))

    def spellings(self, *, limit: int) -> sa.Select[Any]:
        """The cursor's texts by their look, with 0 for each digit: look, count, highest and lowest text."""
        look = digits_as_zeros(self._cursor, dialect=self._dialect)
        statement = sa.select(look, sa.func.count(), sa.func.max(self._cursor), sa.func.min(self._cursor))
        statement = statement.select_from(self._from)
        statement = self._filtered(statement).where(self._cursor.is_not(None))
        return statement.group_by(look).order_by(sa.func.count().desc()).limit(limit)

    def null_keys(self) -> sa.Select[Any]:
        """The number of rows with a NULL in their key."""
        condition_ = sa.or_(*(column.is_(None) for column in self._key))
        return self._filtered(sa.select(sa.func.count()).select_from(self._from).where(condition_))

    def repeated_keys(self) -> sa.Select[Any]:
        """The number of keys that more than one row has."""
        keys = self._filtered(sa.select(sa.literal(1).label("one")).select_from(self._from))
        groups = keys.group_by(*self._key).having(sa.func.count() > 1).subquery("repeated")
        return sa.select(sa.func.count()).select_from(groups)

    def by_keys(
        self, keys: Sequence[Key], *, ignore_where: bool = False, at: Sequence[int] | None = None
    ) -> sa.Select[Any]:
        """The full rows of `keys`, in no order; with `at` only the columns of these indexes."""
        columns = self._row if at is None else [self._row[one] for one in at]
        statement = sa.select(*columns).where(self._lookup.among(keys))
        return statement if ignore_where else self._filtered(statement)

    def keys_equal_to(self, key: Key) -> sa.Select[Any]:
        """The keys that the database equates with `key`, filtered out or not; two of them at most."""
        return sa.select(*self._key).where(self._lookup.among([key])).limit(2)

    def cursors_by_key(self, keys: Sequence[Key]) -> sa.Select[Any]:
        """Key columns, then the cursor, of the rows of `keys`, in no order."""
        assert self._cursor is not None
        statement = sa.select(*self._key, self._cursor.label("cursor_of_key"))
        return self._filtered(statement.where(self._lookup.among(keys)))

    def any_from(self, cursor: Any) -> sa.Select[Any]:  # noqa: ANN401  # a driver's value
        """One row when the cursor of any row, filtered out or not, is `cursor` or above; none otherwise."""
        assert self._cursor is not None
        statement = sa.select(sa.literal(1)).select_from(self._from).where(self._cursor >= _bound(cursor)).limit(1)
        return statement if self._alike is None else statement.where(self._alike)

    def any_of_key(self, key: Key) -> sa.Select[Any]:
        """One row when there is a row of `key`, filtered out or not; none otherwise."""
        found = self._lookup.among([key])
        return sa.select(sa.literal(1)).select_from(self._from).where(found).limit(1)

    def any_from_key(self, number: int) -> sa.Select[Any]:
        """One row when any row, filtered out or not, has a first column of the key of `number` or above."""
        return sa.select(sa.literal(1)).select_from(self._from).where(self._key[0] >= _bound(number)).limit(1)

    def _ordered(self, columns: Sequence[Any], window: Window) -> sa.Select[Any]:
        return self._selected(columns, window).order_by(*self._order())

    def _order(self) -> list[Any]:
        return (
            self._key
            if self._cursor is None
            else [self._cursor, *(one for one in self._key if one is not self._cursor)]
        )

    def _comparable(self, relation: Relation, plan: ReadPlan) -> list[tuple[Any, Ordinal | None]]:
        """For each column of the order what a position is compared with: the column, or the number it sorts by."""
        names = list(dict.fromkeys((*((plan.cursor_field,) if plan.cursor_field else ()), *plan.primary_key)))
        found = []
        for name, column in zip(names, self._order(), strict=True):
            ordinal = relation.ordinals.get(name)
            found.append((column if ordinal is None else column + sa.literal_column("0"), ordinal))
        return found

    def _filtered(self, statement: sa.Select[Any]) -> sa.Select[Any]:
        return statement if self._where is None else statement.where(condition(self._where))

    def _shaped(self) -> Any:  # noqa: ANN401  # a SQL condition
        assert self._patterns is not None
        look, shape = self._patterns
        alike = _like_one_of(self._cursor, shape) if self._dialect == "sqlite" else look.in_(shape.patterns)
        # With 0 for each digit +01:00 and +02:00 look alike, so the zone is compared too.
        return sa.and_(alike, self._cursor.like(f"%{shape.zone}")) if shape.zone[-1:].isdigit() else alike

    def _selected(self, columns: Sequence[Any], window: Window) -> sa.Select[Any]:
        statement = sa.select(*columns).select_from(self._from)
        if self._alike is not None:
            statement = statement.where(self._alike)
        if self._cursor is not None:
            if window.start is not None:
                statement = statement.where(self._cursor >= _bound(window.start))
            if window.until is not None:
                until = _bound(window.until)
                statement = statement.where(self._cursor < until if window.until_open else self._cursor <= until)
            if window.start is None and window.until is None and window.after is None and window.upto is None:
                # Without any comparison, which would exclude NULL by itself.
                statement = statement.where(self._cursor.is_not(None))
        if window.after is not None:
            statement = statement.where(self._beyond(window.after))
        if window.upto is not None:
            statement = statement.where(self._within(window.upto))
        # `where` comes after the window: a database that scans the table then does not compute it for rows of other
        # windows, for which it may fail.
        return self._filtered(statement)

    def _beyond(self, position: Position) -> Any:  # noqa: ANN401  # a SQL condition
        """The condition: strictly after `position`. A position without key lies behind every row of its cursor."""
        columns, values = self._sides(position)
        if len(columns) == 1:
            return columns[0] > values[0]
        if self._row_values:
            return self._place > sa.tuple_(*values)
        # The first term is redundant, but lets the database start in the index at that value instead of at the
        # beginning.
        return sa.and_(columns[0] >= values[0], _or_form(columns, values, last_equal=False))

    def _within(self, position: Position) -> Any:  # noqa: ANN401  # a SQL condition
        """The condition: at or before `position`."""
        columns, values = self._sides(position)
        if len(columns) == 1:
            return columns[0] <= values[0]
        if self._row_values:
            return self._place <= sa.tuple_(*values)
        reverse = _or_form(columns, values, last_equal=True, below=True)
        return sa.and_(columns[0] <= values[0], reverse)

    def _sides(self, position: Position) -> tuple[list[Any], list[Any]]:
        """The columns of the order and the values of `position`; only the cursor's when it has no key."""
        key = position.key
        if self._cursor is None:
            values: list[Any] = list(key)
        else:
            kept = [value for column, value in zip(self._key, key, strict=False) if column is not self._cursor]
            values = [position.cursor, *kept] if key else [position.cursor]
        compared = self._compared[: len(values)]
        bound = [
            _bound(value if ordinal is None else ordinal.number(value))
            for (_, ordinal), value in zip(compared, values, strict=True)
        ]
        return [column for column, _ in compared], bound


def _or_form(order: Sequence[Any], values: Sequence[Any], *, last_equal: bool, below: bool = False) -> Any:  # noqa: ANN401
    """`a > x OR (a = x AND (b > y OR …))`, for any number of columns; with `below` the same with `<`."""
    column, value = order[0], values[0]
    if len(order) == 1:
        if below:
            return column <= value if last_equal else column < value
        return column >= value if last_equal else column > value
    rest = _or_form(order[1:], values[1:], last_equal=last_equal, below=below)
    return sa.or_(column < value if below else column > value, sa.and_(column == value, rest))


def _cursor(source: sa.FromClause, plan: ReadPlan, *, dialect: str) -> Any:  # noqa: ANN401  # a SQL expression
    """The cursor; of several columns the highest value that is not NULL, NULL when all are. None without a cursor."""
    columns = [source.c[name] for name in plan.cursor_parts]
    if len(columns) < 2:
        return columns[0] if columns else None
    # On MariaDB and SQLite GREATEST is NULL if one value is, so COALESCE replaces each NULL by another column's value.
    filled = [sa.func.coalesce(one, *(other for other in columns if other is not one)) for one in columns]
    greatest = sa.func.max if dialect == "sqlite" else sa.func.greatest
    return greatest(*filled)


def digits_as_zeros(column: Any, *, dialect: str) -> Any:  # noqa: ANN401  # SQL expressions
    """The text of `column` with 0 for each digit."""
    text = sa.cast(column, sa.Text()) if dialect == "postgresql" else column
    if dialect == "postgresql":
        return sa.func.translate(text, "123456789", "000000000")
    for digit in "123456789":
        text = sa.func.replace(text, digit, "0")
    return text


def _like_one_of(column: Any, shape: TextShape) -> Any:  # noqa: ANN401  # SQL expressions
    """The condition that SQLite's `column` matches a pattern of `shape`; costs a third of `digits_as_zeros` a row.

    GLOB reads a text up to its first NUL, so texts with a NUL have to be excluded explicitly.
    """
    # The likeliest pattern first, because a later one is tried only where the earlier ones do not match.
    patterns = sorted(shape.patterns, key=lambda pattern: pattern != shape.pattern)
    fits = sa.or_(*(column.op("GLOB")(pattern.replace("0", "[0-9]")) for pattern in patterns))
    return sa.and_(fits, sa.func.instr(column, sa.func.char(0)) == 0)


def _as_text(column: Any) -> Any:  # noqa: ANN401  # a SQL column
    return sa.cast(column, sa.Text())


def _bound(value: Any) -> Any:  # noqa: ANN401  # a driver's value
    return sa.bindparam(None, value, type_=sa.types.NULLTYPE, unique=True)

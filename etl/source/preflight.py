"""Finds what would go wrong in a run, without running: the findings of `validate --connect`.

Checks only read. One that the database cannot finish is reported as not made, and the others go on. Every kind of
statement that a run sends is tried with no rows, because the database checks names, types and rights even so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from etl.page import Window
from etl.source.fault import DatabaseFault, Fault
from etl.source.preflight_fields import field_findings
from etl.source.preflight_zone import session_zone
from etl.source.source_parts import PreflightFinding, SourceParts
from etl.source.spelling import MIXED_HINT, misshaped_cursors
from etl.source.text_shape import shape_of

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

# The years 2001 to 2096, as seconds since 1970.
_EPOCH_SECONDS = (1_000_000_000, 4_000_000_000)
_NUMBERS = frozenset({"integer", "decimal", "number"})
FOLD_LOOKBACK = timedelta(hours=2)
Check = Callable[[SourceParts], Iterator[PreflightFinding]]
_SUPERUSER = {
    "postgresql": "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper",
    **dict.fromkeys(
        ("mysql", "mariadb"),
        r"""
        SELECT count(*) FROM information_schema.user_privileges WHERE privilege_type = 'SUPER'
        AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
        """,
    ),
}
_HINTS = {
    "products.match": "compare columns of one type: in a view or query, CAST one of them",
}


def find_problems(parts: SourceParts, mapping: Mapping | None) -> list[PreflightFinding]:
    """Everything found, errors first."""
    found = list(statement_findings(parts))
    refused = any(one.level == "error" for one in found)
    # If the database refuses a run's statements, it would refuse those of the checks too.
    for check, path in () if refused else _CHECKS:
        try:
            found.extend(check(parts))
        except DatabaseFault as fault:
            found.append(PreflightFinding("warning", path, f"not checked: {fault.words}"))
    if mapping is not None:
        found.extend(field_findings(parts, mapping))
    return sorted(found, key=lambda one: one.level != "error")


def _key(parts: SourceParts) -> Iterator[PreflightFinding]:
    plan, path = parts.plan, "source.primary_key"
    key = ", ".join(plan.primary_key)
    if any(parts.nullable(name) for name in plan.primary_key):
        nameless = _number(parts, parts.keyset.null_keys())
        if nameless:
            hint = "exclude them with source.where, or choose columns that are never NULL"
            yield PreflightFinding("error", path, f"{nameless} rows of {plan.subject} have NULL in {key}", hint)
    if any(one <= set(plan.primary_key) for one in parts.relation.unique):
        return
    repeated = _number(parts, parts.keyset.repeated_keys())
    if repeated:
        hint = "rows with one key cannot be told apart; add the column that tells them apart"
        yield PreflightFinding(
            "error", path, f"{key} is not unique: {repeated} keys of {plan.subject} are on several rows", hint
        )
    elif parts.relation.is_table:
        hint = "a unique index keeps it so, and makes reading by key quick"
        yield PreflightFinding("warning", path, f"{key} is unique now, but {plan.subject} does not declare it", hint)


def _cursor(parts: SourceParts) -> Iterator[PreflightFinding]:
    domain, plan, path = parts.domain, parts.plan, "source.cursor_field"
    if domain is None:
        return
    if parts.relation.is_table and parts.access.way != "keyset" and len(plan.cursor_parts) == 1:
        columns = ", ".join(dict.fromkeys((domain.name, *plan.primary_key)))
        hint = f"CREATE INDEX … ON {plan.subject} ({columns})"
        yield PreflightFinding(
            "warning",
            path,
            f"{parts.access.why}: each run reads the whole of {plan.subject}",
            hint,
        )
    if parts.nullable(domain.name):
        without = _number(parts, parts.keyset.null_cursors())
        message = f"{without} rows of {plan.subject} have no {domain.name}, so no run reads them"
        if without and plan.on_null_cursor == "fail":
            yield PreflightFinding("error", path, message, "fill the column, or set source.on_null_cursor: skip")
        elif without:
            yield PreflightFinding("warning", path, message)
    if domain.shape is not None and not domain.numeric:
        odd = misshaped_cursors(parts.database, parts.keyset, domain.name, domain.shape)
        if odd.mixed is not None:
            yield PreflightFinding("error", path, odd.mixed, MIXED_HINT)
        elif odd.count:
            message = f"{odd.count} rows of {plan.subject} have a {domain.name} that is no time, so no run reads them"
            yield PreflightFinding("warning", path, message, "correct the values in the database")


def _unit(parts: SourceParts) -> Iterator[PreflightFinding]:
    """Warn of an integer that looks like a time: no clock bounds it, so a row in the future hides later changes."""
    domain = parts.domain
    if domain is None or domain.kind != "integer":
        return
    lowest, highest = (
        parts.database.read(parts.keyset.aggregate(one, Window())).rows[0][0] for one in (sa.func.min, sa.func.max)
    )
    units = {_likely_unit(int(value)) for value in (lowest, highest) if value is not None}
    if len(units) == 1 and (unit := units.pop()):
        yield PreflightFinding(
            "warning",
            "source.cursor_unit",
            f"the values of {domain.name} look like times, but nothing says so: one wrong row of the future would end "
            "all later changes",
            f"set cursor_unit: {unit}",
        )


def _likely_unit(value: int) -> str | None:
    if _EPOCH_SECONDS[0] <= value < _EPOCH_SECONDS[1]:
        return "epoch_seconds"
    if _EPOCH_SECONDS[0] * 1000 <= value < _EPOCH_SECONDS[1] * 1000:
        return "epoch_milliseconds"
    return "time" if shape_of(str(value)) is not None else None


def _settling(parts: SourceParts) -> Iterator[PreflightFinding]:
    domain, plan = parts.domain, parts.plan
    if domain is None or domain.is_time:
        return
    if not domain.settle(plan, dialect=parts.database.dialect) and not domain.lookback(plan):
        if parts.database.dialect != "sqlite":
            yield PreflightFinding(
                "warning",
                "source.settle",
                f"{domain.name} follows no clock: a transaction that commits late may leave rows below the checkpoint",
                "set settle or lookback to a number of units that no transaction outlives"
                if domain.kind == "integer"
                else "a time as the cursor, with settle and lookback, catches them",
            )
        elif _reuses_rowids(parts):
            hint = "declare it INTEGER PRIMARY KEY AUTOINCREMENT, or set lookback to a number of units"
            yield PreflightFinding(
                "warning",
                "source.cursor_field",
                f"SQLite may give {domain.name} of a deleted last row to a new one",
                hint,
            )


def _zone(parts: SourceParts) -> Iterator[PreflightFinding]:
    domain, plan = parts.domain, parts.plan
    if domain is None or domain.kind != "datetime":
        return
    if plan.timezone is None:
        yield PreflightFinding(
            "warning",
            "source.timezone",
            f"{domain.name} has no time zone, so it is compared with the clock as if it were UTC",
            "set source.timezone to the zone that the application writes in",
        )
    lookback = domain.lookback(plan)
    if _changes_its_clock(parts) and isinstance(lookback, timedelta) and lookback < FOLD_LOOKBACK:
        yield PreflightFinding(
            "warning",
            "source.lookback",
            f"{domain.name} is local time: in the night when the hour repeats, rows may fall below the checkpoint",
            "set lookback to 2h or more",
        )


def _match(parts: SourceParts) -> Iterator[PreflightFinding]:
    """Report a match of a number with a text: PostgreSQL refuses it, and the others convert, each in its own way."""
    child, lines = parts.plan.child, parts.child_relation
    if child is None or lines is None or parts.database.dialect == "postgresql":
        return
    for name, own in child.match:
        kinds = {lines.kinds.get(name), parts.relation.kinds.get(own)}
        if "text" in kinds and kinds & _NUMBERS:
            yield PreflightFinding(
                "warning",
                "products.match",
                f"of {name} and {own} one is a text and the other a number: the database converts them to compare, so "
                "that texts such as 007 match 7, on MySQL and MariaDB also 7a, and long numbers by 15 digits alone",
                "declare both columns alike, or convert one in products.query (CAST)",
            )


def _privileges(parts: SourceParts) -> Iterator[PreflightFinding]:
    sql = _SUPERUSER.get(parts.database.dialect)
    if sql is None:
        return
    if _number(parts, sa.text(sql)):
        yield PreflightFinding(
            "warning",
            "source.url",
            "the database user is an administrator",
            "a user of its own with SELECT on the mapped tables is enough",
        )


_CHECKS: tuple[tuple[Check, str], ...] = (
    (_key, "source.primary_key"),
    (_cursor, "source.cursor_field"),
    (_unit, "source.cursor_unit"),
    (_settling, "source.settle"),
    (_zone, "source.timezone"),
    (session_zone, "source.session_timezone"),
    (_match, "products.match"),
    (_privileges, "source.url"),
)


def _changes_its_clock(parts: SourceParts) -> bool:
    assert parts.domain is not None
    zone = parts.domain.zone
    months = {datetime(2024, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}
    return len(months) > 1


def _reuses_rowids(parts: SourceParts) -> bool:
    relation, domain = parts.relation, parts.domain
    if not relation.is_table or domain is None or (domain.name,) != parts.plan.primary_key:
        return False
    statement: sa.Select[Any] = (
        sa.select(sa.column("sql")).select_from(sa.table("sqlite_master")).where(sa.column("name") == relation.table)
    )
    rows = parts.database.read(statement).rows
    return bool(rows) and "AUTOINCREMENT" not in str(rows[0][0]).upper()


def _number(parts: SourceParts, statement: Any) -> int:  # noqa: ANN401  # a statement
    return int(parts.database.read(statement).rows[0][0])


def statement_findings(parts: SourceParts) -> Iterator[PreflightFinding]:
    """An error for each place in the mapping whose statement the database refuses, the first of each place."""
    refused: set[str] = set()
    for path, statement in _statements(parts):
        if path in refused or ("source" in refused and path.startswith("source")):
            continue
        try:
            parts.database.read(statement)
        except DatabaseFault as fault:
            refused.add(path)
            if fault.fault in {Fault.LOST, Fault.BUSY}:
                yield PreflightFinding("warning", path, f"not checked: {fault.words}")
            else:
                hint = _HINTS.get(path) if fault.fault is not Fault.DENIED else None
                yield PreflightFinding(
                    "error", path, f"the database refuses what a run asks: {fault.words}", hint or fault.hint
                )


def _statements(parts: SourceParts) -> Iterator[tuple[str, Any]]:
    plan, keyset, nothing = parts.plan, parts.keyset, Window()
    yield "source", keyset.rows(nothing, limit=0)
    yield "source", keyset.count(nothing).limit(0)
    yield "source", keyset.null_keys().limit(0)
    if parts.domain is not None:
        yield "source.cursor_field", keyset.null_cursors().limit(0)
        yield "source.cursor_field", keyset.aggregate(sa.func.max, nothing).limit(0)
    if plan.child is None or parts.child_relation is None or parts.children is None:
        return
    child = plan.child
    match = tuple(name for name, _ in child.match)
    columns = parts.child_relation.source((*child.columns, *match, *child.order_by))
    yield "products", sa.select(*columns.c).limit(0)
    # NULL fits every type and matches nothing.
    yield "products", parts.children.statement([(None,) * len(match)]).limit(0)
    yield "products.match", parts.children.joined_statement([(None,) * len(plan.primary_key)]).limit(0)

"""Decides whether the rows of a table are orders, by their columns and values rather than by the table's name.

The rule: an order number, a total, and an address or a reference to a customer make an order, where no number repeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from etl.drafting.dictionary import (
    CARTS,
    CREATED_NAMES,
    CUSTOMER_REFERENCES,
    ORDER_OWNERS,
    STATUS_NAMES,
    WEAK_ORDER_DATES,
    WEAK_ORDER_NUMBERS,
)
from etl.drafting.draft import DraftField
from etl.drafting.facts import SampledColumn, TableFacts
from etl.drafting.fields import field_of
from etl.drafting.looks import PLAUSIBLE, fit
from etl.drafting.names import bare, is_no_order, is_order_table, rank
from etl.mapping.catalogue import FIELDS

# Numbers that repeat in more rows than this are of something else: lines, payments, mails.
_FEWEST_DIFFERENT = 0.9
_ENOUGH = 10
_DATES = ("date", "datum")
_NAMES = ("name", "title", "label")
_FINISHED = "by its name: when the order was finished"
_UNDATED = (
    "no date of the order was found: without timestamp each Purchase counts as of the moment of its arrival, so that "
    "a first run would date all of them today"
)


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Whether the rows are orders; the fields that only orders have; what is missing, and remarks for the person."""

    is_order: bool
    fields: Mapping[str, DraftField]
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    where: tuple[str, str] | None = None


def order_of(facts: TableFacts, chosen: Mapping[str, DraftField]) -> OrderFacts:
    """What `facts` say of the rows as orders; `chosen` are the fields by name."""
    by_name = is_order_table(facts.name, facts.prefix)
    number, remarks = _number(facts, chosen, by_name=by_name), []
    total = chosen.get("totalvalue")
    who = any(name in chosen for name in ("email", "userid")) or any(
        rank(one.known_as, CUSTOMER_REFERENCES) is not None for one in facts.columns
    )
    missing = tuple(
        words
        for words, there in (
            ("order number", number), ("total", total), ("address or reference to a customer", who)
        )
        if not there
    )  # fmt: skip
    if number is not None and (by_name or not missing) and _repeats(facts, number):
        words = (
            f"{number.column} repeats, so the rows are not orders but lines or parts of them: draft the table of orders"
        )
        return OrderFacts(is_order=False, fields={}, remarks=(words,))
    if number is None or (missing and not by_name):
        likely = number is not None and total is not None and not by_name and not is_no_order(facts.name)
        told = by_name or (likely and len(missing) == 1)
        return OrderFacts(is_order=False, fields={}, missing=missing if told else ())
    if missing:
        remarks.append(f"an order, but no {' and no '.join(missing)} was found in {facts.name}")
    fields = {"orderid": number} | ({"totalvalue": total} if total else {})
    fields |= _moment(facts, chosen)
    where = _carts(facts, number)
    if where is None and (where := _unfinished(facts, fields.get("timestamp"))) is not None:
        fields["timestamp"] = replace(fields["timestamp"], reason=_FINISHED, further=())
    if "timestamp" not in fields:
        remarks.append(_UNDATED)
    return OrderFacts(is_order=True, fields=fields, missing=missing, remarks=tuple(remarks), where=where)


def _number(facts: TableFacts, chosen: Mapping[str, DraftField], *, by_name: bool) -> DraftField | None:
    found, is_sold = chosen.get("orderid"), "totalvalue" in chosen
    may_be_weak = by_name or (is_sold and not is_no_order(facts.name))
    weak = _weak(facts, chosen) if may_be_weak else None
    if found is not None:
        # An order's own number says more than the key of its row.
        if (found.column,) != facts.key.columns:
            return found
        return (weak if by_name else None) or (found if by_name or is_sold else None)
    if weak is None and by_name:
        return _named_number(facts, chosen) or _key_as_number(facts)
    return weak


def _key_as_number(facts: TableFacts) -> DraftField | None:
    if len(facts.key.columns) != 1 or facts.column(facts.key.columns[0]).kind == "bytes":
        return None
    reason = "the key, for want of an order number; CHECK: is it the number that the shop's pages report?"
    return DraftField("orderid", facts.key.columns[0], reason)


def _named_number(facts: TableFacts, chosen: Mapping[str, DraftField]) -> DraftField | None:
    """A column `name` that holds numbers, as S00012 and #1001: no two alike, each with a digit and without a space."""
    for column in facts.columns:
        texts = [one for one in column.values if isinstance(one, str)]
        numbered = bool(texts) and all(any(sign.isdigit() for sign in one) and " " not in one for one in texts)
        free = column.name not in {one.column for one in chosen.values()}
        if bare(column.known_as) in _NAMES and numbered and free and not _repeated(column, facts.rows):
            return DraftField("orderid", column.name, "its names are numbers")
    return None


def _weak(facts: TableFacts, chosen: Mapping[str, DraftField]) -> DraftField | None:
    taken = {one.column for name, one in chosen.items() if name != "orderid"}
    ranked = sorted(
        (place, at)
        for at, one in enumerate(facts.columns)
        if one.name not in taken
        and one.name not in facts.key.columns
        and (place := rank(one.known_as, WEAK_ORDER_NUMBERS, owners=ORDER_OWNERS)) is not None
    )
    for _, at in ranked:
        column = facts.columns[at]
        found = fit(column, "text" if column.kind != "integer" else "number")
        if found.share >= PLAUSIBLE and not _repeated(column, facts.rows):
            return field_of("orderid", column, fit(column, "text"), "text", why="by its name", today=facts.today)
    return None


def _repeats(facts: TableFacts, number: DraftField) -> bool:
    return number.column is not None and _repeated(facts.column(number.column), facts.rows)


def _repeated(column: SampledColumn, rows: int) -> bool:
    numbers = [str(one) for one in column.values if not _is_none(one)]
    return rows >= _ENOUGH and len(set(numbers)) < _FEWEST_DIFFERENT * len(numbers)


def _is_none(number: object) -> bool:
    """Whether an order number is what carts and orders that were never finished have instead of one."""
    return number == 0 or (isinstance(number, str) and number.strip() in ("", "0"))


def _moment(facts: TableFacts, chosen: Mapping[str, DraftField]) -> dict[str, DraftField]:
    """When it was ordered: by the order's own date, then by creation, never by the last change."""
    created = sorted(
        (place, at) for at, one in enumerate(facts.columns) if (place := rank(one.known_as, CREATED_NAMES)) is not None
    )
    made = next((facts.columns[at] for _, at in created if fit(facts.columns[at], "datetime").share >= PLAUSIBLE), None)
    plain = (one for one in facts.columns if bare(one.known_as) in _DATES and one.values)
    dated = next((one for one in plain if fit(one, "datetime").share >= PLAUSIBLE), None)
    own = chosen.get("timestamp") or (None if dated is None else _field(dated, "by its name", facts))
    if own is not None and own.column is not None:
        gaps = facts.rows - len(facts.column(own.column).values)
        if gaps and made is not None:
            reason = f"{own.reason}; {gaps} rows have none: there the creation counts"
            return {"timestamp": replace(own, reason=reason, further=(made.name,))}
        return {"timestamp": own}
    if made is not None:
        return {"timestamp": _field(made, "when the order was made, by its name", facts)}
    changing = {*(facts.cursor.columns if facts.cursor else ()), facts.changed}
    weak = sorted(
        (place, at)
        for at, one in enumerate(facts.columns)
        if one.name not in changing and one.values and (place := rank(one.known_as, WEAK_ORDER_DATES)) is not None
    )
    found = next((facts.columns[at] for _, at in weak if fit(facts.columns[at], "datetime").share >= PLAUSIBLE), None)
    if found is None:
        return {}
    return {"timestamp": _field(found, "the nearest to the date of the order, by its name", facts)}


def _field(column: SampledColumn, why: str, facts: TableFacts) -> DraftField:
    kind = FIELDS["timestamp"].type
    return field_of("timestamp", column, fit(column, kind), kind, why=why, today=facts.today)


def _unfinished(facts: TableFacts, moment: DraftField | None) -> tuple[str, str] | None:
    """A condition that leaves out orders that were never finished: a state says so of most that have no date."""
    if moment is None or moment.column is None or not moment.further:
        return None
    column = facts.column(moment.column)
    gaps = facts.rows - len(column.values)
    for one in facts.columns:
        if rank(one.known_as, STATUS_NAMES) is None:
            continue
        carts = sum(bare(state) in CARTS for state in one.values if isinstance(state, str))
        if gaps and gaps / 2 <= carts <= gaps:
            lacking = f"{gaps} of {facts.rows} sampled rows have no {column.name}"
            words = f"{lacking}, and {one.name} says of {carts} that they are no finished orders"
            return f"{column.in_sql} IS NOT NULL", words
    return None


def _carts(facts: TableFacts, number: DraftField) -> tuple[str, str] | None:
    """A condition that leaves out rows without an order number, which are carts rather than orders."""
    if number.column is None:
        return None
    column = facts.column(number.column)
    present = sum(not _is_none(one) for one in column.values)
    if present in (0, facts.rows):
        return None
    name = column.in_sql
    conditions = [f"{name} IS NOT NULL"] if len(column.values) < facts.rows else []
    texts = {one.strip() for one in column.values if isinstance(one, str) and _is_none(one)}
    conditions += [f"{name} <> '{one}'" for one in sorted(texts)]
    conditions += [f"{name} <> 0"] if any(one == 0 for one in column.values) else []
    words = (
        f"{facts.rows - present} of {facts.rows} sampled rows have no order number: carts, most likely, no purchases"
    )
    return " AND ".join(conditions), words

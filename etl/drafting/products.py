"""Chooses where the products of an order come from: rows of another table, a JSON list, or the row itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from etl.drafting.dictionary import LINE_OWNERS, OWNERS, PRODUCT_NAMES, SERVICE_NAMES, SERVICE_TITLES
from etl.drafting.draft import DraftField, DraftProducts
from etl.drafting.facts import ChildFacts, SampledColumn, TableFacts
from etl.drafting.fields import fields_by_name
from etl.drafting.names import is_secret, rank
from etl.mapping.catalogue import PRODUCT_FIELDS

_OWN = (*LINE_OWNERS, *OWNERS)
_PARENTS = ("parentitemid", "parentid", "parentlineid", "bundleitemid", "parent")
# Names of a number of pieces that are no names of an amount of money.
_PIECES = tuple(one for one in PRODUCT_NAMES["quantity"] if one not in ("amount", "count"))
_MOST_NAMED = 5
_ENOUGH_ALIKE = 0.9
_LISTS = frozenset({"json", "list", "text", None})


def products_of(facts: TableFacts, fields: Mapping[str, DraftField]) -> tuple[DraftProducts | None, tuple[str, ...]]:
    """The products, or None; and a remark for each table that refers to this one and does not fit."""
    fit, unfit = [], []
    for at, child in enumerate(facts.children):
        found = line_fields(child.columns, facts.today)
        if "id" in found and "quantity" in found:
            fit.append((not child.by_key, "price" not in found, -len(found), at, child, found))
        else:
            unfit.append((child, found))
    if fit:
        *_, child, found = min(fit, key=lambda one: one[:4])
        return _from_rows(child, found), ()
    remarks = (*(_unfit(child, found) for child, found in unfit[:_MOST_NAMED]), *_unfit_json(facts))
    own = _from_json(facts) or _from_row(facts, fields)
    return (own, ()) if own is not None else (None, remarks)


def line_fields(columns: Sequence[SampledColumn], today: date) -> dict[str, DraftField]:
    """The fields of a product from the columns of a line."""
    whole = tuple(one for one in columns if not _fractional(one))
    found = fields_by_name(columns, PRODUCT_NAMES, PRODUCT_FIELDS, today=today, owners=_OWN)
    number = fields_by_name(
        whole, {"quantity": PRODUCT_NAMES["quantity"]}, PRODUCT_FIELDS, today=today, owners=_OWN
    ).get("quantity")
    if number is None:
        found.pop("quantity", None)
    else:
        found["quantity"] = number
    return found


def _fractional(column: SampledColumn) -> bool:
    """Whether the numbers are amounts of money rather than pieces: most have a fraction."""
    numbers = [float(str(one)) for one in column.values if _is_number(one)]
    return bool(numbers) and sum(one % 1 != 0 for one in numbers) > (1 - _ENOUGH_ALIKE) * len(numbers) * 5


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _from_rows(child: ChildFacts, found: Mapping[str, DraftField]) -> DraftProducts:
    remarks = [
        f"where: {one.in_sql} IS NULL    # leaves out the parts of bundles, if they stand beside the bundle"
        for one in child.columns
        if rank(one.known_as, _PARENTS) is not None
    ]
    return DraftProducts(
        fields=_ordered(found),
        table=None if child.query else child.table,
        query=child.query,
        match=child.match,
        order=child.order,
        reason="its foreign key refers to this table"
        if child.by_key
        else "by its columns: no foreign key says so; CHECK",
        remarks=tuple(remarks[:1]),
    )


def _ordered(found: Mapping[str, DraftField]) -> tuple[DraftField, ...]:
    return tuple(found[name] for name in PRODUCT_FIELDS if name in found)


def _unfit(child: ChildFacts, found: Mapping[str, DraftField]) -> str:
    return f"{child.table} refers to this table, but {_lacking('column', child.columns, found)}"


def _unfit_json(facts: TableFacts) -> Iterator[str]:
    """Words for a JSON list of objects that has no article or no quantity among the keys of its objects."""
    for column in facts.columns:
        keys = tuple(_keys(column)) if column.kind in _LISTS and not is_secret(column.name) else ()
        if keys:
            found = line_fields(keys, facts.today)
            yield f"{column.name} holds a JSON list, but {_lacking('key', keys, found)}"


def _lacking(what: str, columns: Sequence[SampledColumn], found: Mapping[str, DraftField]) -> str:
    lacks = [words for name, words in (("id", "article"), ("quantity", "quantity")) if name not in found]
    broken = [one.name for one in columns if _fractional(one) and rank(one.known_as, _PIECES, owners=_OWN) is not None]
    fractions = f"; {broken[0]} holds fractions" if broken and "quantity" not in found else ""
    return f"no {what} of it looks like the {' or the '.join(lacks)} of a line{fractions}"


def _from_json(facts: TableFacts) -> DraftProducts | None:
    for column in facts.columns:
        if column.kind not in _LISTS or is_secret(column.name):
            continue
        columns = tuple(_keys(column))
        found = line_fields(columns, facts.today) if columns else {}
        if "id" in found and "quantity" in found:
            return DraftProducts(_ordered(found), json_column=column.name, reason="a JSON list of objects")
    return None


def _keys(column: SampledColumn) -> Iterator[SampledColumn]:
    """The keys of the objects in a column of JSON lists, as columns with values; nothing for any other column."""
    objects: list[Mapping[str, object]] = []
    for value in column.values:
        if isinstance(value, str):
            if value.lstrip()[:1] != "[":
                return
            try:
                value = json.loads(value)  # noqa: PLW2901
            except ValueError:
                return
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            return
        objects += value
    names = dict.fromkeys(name for one in objects for name in one)
    for name in names:
        values = tuple(one[name] for one in objects if one.get(name) is not None)
        if not any(isinstance(one, dict | list) for one in values):
            yield SampledColumn(name, None, values)


def _from_row(facts: TableFacts, fields: Mapping[str, DraftField]) -> DraftProducts | None:
    """One product of the row's own columns: an article, a service or a booking that the order is of."""
    taken = {one.column for one in fields.values()}
    free = tuple(one for one in facts.columns if one.name not in taken and one.name not in facts.key.columns)
    names = {"id": SERVICE_NAMES, "name": SERVICE_TITLES, "price": PRODUCT_NAMES["price"]}
    found = fields_by_name(free, names, PRODUCT_FIELDS, today=facts.today, owners=LINE_OWNERS)
    if "id" not in found:
        return None
    rest = tuple(one for one in free if one.name not in {field.column for field in found.values()})
    number = line_fields(rest, facts.today).get("quantity")
    one = DraftField("quantity", None, "no column says how many", (("value", "1"),))
    found["quantity"] = replace(number, name="quantity") if number is not None else one
    return DraftProducts(_ordered(found), reason="one product, of this row's own columns")

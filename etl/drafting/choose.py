"""Chooses which column becomes which field.

The rule: a name proposes, the values decide; where only the values speak they must be almost all alike. Whatever is
chosen says why, and a column that looks personal but has no place stays a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from etl.drafting.draft import Draft, DraftField, DraftProducts
from etl.drafting.facts import ChildFacts, SampledColumn, TableFacts
from etl.drafting.looks import CONVINCING, PLAUSIBLE, Fit, fit, look_of
from etl.drafting.names import FIELD_NAMES, PRODUCT_NAMES, event_name, is_order_table, rank, slug
from etl.mapping.catalogue import FIELDS, IDENTITY_FIELDS, PRODUCT_FIELDS, ReceiverField

_BY_LOOK = ("email", "currency", "country", "language")
_ONLY_OF_ORDERS = ("totalvalue",)
_LONGEST_CUSTOM = 57


def choose(facts: TableFacts) -> Draft:
    """The draft of the mapping of the table that `facts` describe."""
    remarks = list(facts.remarks)
    chosen = _by_name(facts.columns, FIELD_NAMES, FIELDS)
    if "orderid" not in chosen or not is_order_table(facts.name):
        for name in _ONLY_OF_ORDERS:
            chosen.pop(name, None)
    if (order := chosen.get("orderid")) and order.column in facts.key.columns and not is_order_table(facts.name):
        del chosen["orderid"]
    _add_by_look(chosen, facts.columns)
    _add_timestamp(chosen, facts)
    if not any(name in chosen for name in IDENTITY_FIELDS):
        chosen["userid"], remark = _stand_in(facts)
        remarks.append(remark)
    is_purchase = is_order_table(facts.name) and "orderid" in chosen
    products = _products(facts.children) if is_purchase else None
    if is_purchase and products is None:
        remarks.append("a Purchase without products tells the receiver neither items nor value; see products below")
    fields = tuple(chosen[name] for name in FIELDS if name in chosen)
    return Draft(
        event="Purchase" if is_purchase else event_name(facts.name),
        event_reason="the receiver interprets this name" if is_purchase else "a name of your own; segments refer to it",
        fields=fields,
        customs=tuple(_customs(facts, {one.column for one in fields})),
        products=products,
        needs_zone=_is_naive(facts, fields),
        remarks=tuple(remarks),
    )


def _by_name(
    columns: Sequence[SampledColumn], names: Mapping[str, Sequence[str]], known: Mapping[str, ReceiverField]
) -> dict[str, DraftField]:
    chosen: dict[str, DraftField] = {}
    taken: set[str] = set()
    for field, synonyms in names.items():
        ranked = sorted(
            (place, at) for at, one in enumerate(columns) if (place := rank(one.name, synonyms)) is not None
        )
        for _, at in ranked:
            column = columns[at]
            found = fit(column, known[field].type)
            if column.name not in taken and found.share >= PLAUSIBLE:
                chosen[field] = _field(field, column, found, known[field].type, why="by its name")
                taken.add(column.name)
                break
    return chosen


def _field(name: str, column: SampledColumn, found: Fit, type_name: str, *, why: str) -> DraftField:
    if not found.present:
        return DraftField(name, column.name, why)
    if found.whole:
        values = "" if type_name == "text" else f", and all {found.present} sampled values fit"
        return DraftField(name, column.name, why + values)
    refused = f"{found.present - found.taken} of {found.present} sampled values do not fit"
    if name in IDENTITY_FIELDS:
        return DraftField(name, column.name, f"{why}; {refused}: such rows are invalid")
    return DraftField(name, column.name, f"{why}; {refused}, and are left out", (("on_invalid", "omit"),))


def _add_by_look(chosen: dict[str, DraftField], columns: Sequence[SampledColumn]) -> None:
    taken = {one.column for one in chosen.values()}
    for column in columns:
        look = look_of(column)
        if look in _BY_LOOK and look not in chosen and column.name not in taken:
            found = fit(column, FIELDS[look].type)
            if found.share >= CONVINCING:
                chosen[look] = _field(look, column, found, FIELDS[look].type, why="by what its values look like")
                taken.add(column.name)


def _add_timestamp(chosen: dict[str, DraftField], facts: TableFacts) -> None:
    if "timestamp" in chosen or facts.cursor is None:
        return
    column = facts.column(facts.cursor.column)
    found = fit(column, "datetime")
    if column.kind != "integer" and found.share >= CONVINCING:
        chosen["timestamp"] = DraftField("timestamp", column.name, "the cursor: when the row last changed")


def _stand_in(facts: TableFacts) -> tuple[DraftField, str]:
    column = facts.key.columns[0]
    for one in facts.columns:
        if rank(one.name, ("id", "nummer", "number", "nr", "no")) is not None and one.name not in facts.key.columns:
            column = one.name
            break
    reason = "A STAND-IN: an internal id here splits profiles; see the remark above"
    remark = (
        "no column holds an e-mail address or an external id, so userid is only a stand-in. Replace `table` by a "
        "`query` that joins the table with the addresses, and map email"
    )
    return DraftField("userid", column, reason), remark


def _products(children: Sequence[ChildFacts]) -> DraftProducts | None:
    for child in children:
        fields = _by_name(child.columns, PRODUCT_NAMES, PRODUCT_FIELDS)
        if "id" in fields and "quantity" in fields:
            ordered = tuple(fields[name] for name in PRODUCT_FIELDS if name in fields)
            return DraftProducts(child.table, child.match, child.order, ordered)
    return None


def _customs(facts: TableFacts, mapped: set[str]) -> Iterator[DraftField]:
    names: set[str] = set()
    used = {*mapped, *facts.key.columns, *([facts.cursor.column] if facts.cursor else [])}
    for at, column in enumerate(facts.columns, 1):
        if column.name in used or column.kind in ("bytes", "other"):
            continue
        base = (slug(column.name) or f"column_{at}")[:_LONGEST_CUSTOM].strip("_")
        name = next(one for one in (base, *(f"{base[:50]}_{number}" for number in range(2, 9999))) if one not in names)
        names.add(name)
        look = look_of(column) if column.values else None
        if look is not None and column.kind in ("text", None):
            yield DraftField(f"custom_{name}", column.name, f"its values look like {look}", (("type", look),))
        else:
            yield DraftField(f"custom_{name}", column.name, column.kind or "")


def _is_naive(facts: TableFacts, fields: Sequence[DraftField]) -> bool:
    cursor = {facts.cursor.column} if facts.cursor else set()
    times = cursor | {one.column for one in fields if FIELDS[one.name].type == "datetime"}
    mapped = cursor | {one.column for one in fields}
    # A text that is used as a time may have no zone either.
    return any(
        one.kind == "datetime" or (one.kind in ("text", None) and one.name in times)
        for one in facts.columns
        if one.name in mapped
    )

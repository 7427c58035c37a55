"""Chooses the key of a draft: the declared one, or else what is unique among the rows that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from etl.clock import Clock
from etl.drafting.dictionary import FIELD_NAMES, ORDER_OWNERS
from etl.drafting.facts import KeyFacts
from etl.drafting.names import rank
from etl.drafting.structure import TableShape
from etl.errors import SourceMismatch
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.source.relation import Relation

_KEY_NAMES = ("id", "uuid", "guid", "nummer", "number", "nr", "no", "code", "key", "schluessel", "sleutel")


def choose_key(plan: ReadPlan, relation: Relation, shape: TableShape | None, *, clock: Clock) -> KeyFacts:
    """The columns that tell rows of `plan`'s table or query apart, with how we know."""
    primary = relation.primary or (() if shape is None else shape.primary)
    candidates = list(_candidates(relation, primary))
    for columns, reason in candidates:
        try:
            with open_plan(replace(plan, primary_key=columns, columns=()), clock=clock) as source:
                found = source.preflight()
        except SourceMismatch:
            continue  # of a type that is no key
        if not any(one.level == "error" and one.path == "source.primary_key" for one in found):
            return KeyFacts(columns, reason)
    columns = candidates[0][0] if candidates else plan.primary_key
    words = "nothing unique was found: this is a guess, and no run can tell rows apart by it. Name the columns that do"
    return KeyFacts(columns, words, sure=False)


def _candidates(relation: Relation, primary: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    order = list(relation.kinds)
    if primary:
        yield primary, "the table's primary key"
    unique = sorted(
        (len(one), len(one & relation.nullable), min(map(order.index, one)), tuple(sorted(one, key=order.index)))
        for one in relation.unique
        if set(one) != set(primary) and one <= set(order)
    )
    for *_, columns in unique:
        yield columns, "no primary key is declared, but this is unique by an index"
    if not primary and not unique:
        yield from (
            (one, "nothing is declared, but it is unique now: is it always?") for one in _by_name(order, relation)
        )


def _by_name(names: Sequence[str], relation: Relation) -> Iterator[tuple[str, ...]]:
    table = (relation.table or "").rstrip("sn").casefold()
    fit = [name for name in names if relation.kinds[name] in ("integer", "text", "uuid", "decimal", "bytes", None)]
    exact = [name for name in fit if rank(name, _KEY_NAMES) is not None]
    orders = [name for name in fit if rank(name, FIELD_NAMES["orderid"], owners=ORDER_OWNERS) is not None]
    own = [name for name in fit if table and name.casefold().startswith(table) and name.casefold().endswith(_KEY_NAMES)]
    others = [name for name in fit if name.casefold().endswith(("id", "nummer", "number", "nr"))]
    for name in dict.fromkeys((*exact, *own, *orders, *others)):
        yield (name,)

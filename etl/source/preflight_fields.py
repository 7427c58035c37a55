"""Compares the mapping's fields with the columns that they read: finds kinds that cannot become the field's type.

The transform decides value by value; this tells a person before the first row is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import sqlalchemy as sa

from etl.mapping.catalogue import FIELDS, PRODUCT_FIELDS
from etl.source.fault import DatabaseFault
from etl.source.relation import Relation
from etl.source.source_parts import PreflightFinding, SourceParts

if TYPE_CHECKING:
    from etl.mapping.model import FieldRule
    from etl.mapping.model import Mapping as MappingModel

# Types of many values, which the drivers give as lists.
_LISTS = frozenset({"ARRAY", "LIST"})
# What no value of a kind can become. Kinds that hold anything (None, "text") are never refused.
_TIMES = frozenset({"date", "datetime", "datetime_tz", "time"})
_NOT_A_WORD = _TIMES | {"integer", "number", "decimal", "boolean", "bytes", "uuid"}
_NOT_A_NUMBER = _TIMES | {"bytes", "uuid", "json"}
_NEVER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(("email", "language", "currency", "country"), _NOT_A_WORD),
        **dict.fromkeys(("integer", "number", "decimal"), _NOT_A_NUMBER),
        **dict.fromkeys(("yes_no", "boolean"), _TIMES | {"uuid", "json"}),
        "phone": _NOT_A_NUMBER | {"boolean", "list"},
        "uuid": _TIMES | {"integer", "number", "decimal", "boolean", "json", "list"},
        "date": frozenset({"boolean", "time", "bytes", "uuid", "json", "number"}),
        "datetime": frozenset({"boolean", "time", "bytes", "uuid", "json"}),
    }
)
_CURRENCY_COLUMN = re.compile(
    r"(.*_)?(currency|currency_code|valuta|munt|waehrung|währung|devise)(_.*)?", re.IGNORECASE
)


def field_findings(parts: SourceParts, mapping: MappingModel) -> Iterator[PreflightFinding]:
    """The findings about `mapping`'s fields."""
    for name, rule in mapping.fields.items():
        known = FIELDS.get(name)
        yield from _kind(f"fields.{name}", rule, known.type if known else None, parts.relation)
    products = mapping.products
    if products is not None and products.column is None:
        relation = parts.child_relation or parts.relation
        for name, rule in products.fields.items():
            known = PRODUCT_FIELDS.get(name)
            yield from _kind(f"products.fields.{name}", rule, known.type if known else None, relation)
    yield from _zone(parts, mapping)
    yield from _currencies(parts, mapping)


def _kind(path: str, rule: FieldRule, known_type: str | None, relation: Relation) -> Iterator[PreflightFinding]:
    wanted = rule.type or known_type
    for name in rule.columns:
        kind = relation.kinds.get(name)
        if kind == "other" and relation.declared.get(name) not in _LISTS:
            # Some drivers write it as a text (PostgreSQL's money, xml, bit), others as an object of their own.
            words = f"{name} is of a kind that events do not know: its driver's text goes out, or nothing"
            hint = "see it with preview; to be sure, convert it in the database: a query with CAST, or a view"
            yield PreflightFinding("warning", path, words, hint)
        elif wanted is not None and kind in _NEVER.get(wanted, ()) and not rule.transform and not rule.map:
            yield PreflightFinding("warning", path, f"{name} holds values of kind {kind}, which cannot become {wanted}")


def _zone(parts: SourceParts, mapping: MappingModel) -> Iterator[PreflightFinding]:
    if parts.plan.timezone is not None:
        return
    rules = [(f"fields.{name}", rule, parts.relation) for name, rule in mapping.fields.items()]
    if mapping.products is not None and mapping.products.has_rows and parts.child_relation is not None:
        rules += [
            (f"products.fields.{name}", rule, parts.child_relation) for name, rule in mapping.products.fields.items()
        ]
    naive = [
        path for path, rule, relation in rules if "datetime" in {relation.kinds.get(name) for name in rule.columns}
    ]
    naive += [
        f"fields.{name}"
        for name, rule in mapping.fields.items()
        if (rule.type or (FIELDS[name].type if name in FIELDS else None)) == "datetime"
        and "date" in {parts.relation.kinds.get(one) for one in rule.columns}
    ]
    if naive:
        message = f"{', '.join(naive)}: a time without a zone, and the mapping does not say which zone it is in"
        yield PreflightFinding(
            "error", "source.timezone", message, "set source.timezone, for example UTC or Europe/Amsterdam"
        )


def _currencies(parts: SourceParts, mapping: MappingModel) -> Iterator[PreflightFinding]:
    if "currency" in mapping.fields:
        return
    for name in parts.relation.kinds:
        if not _CURRENCY_COLUMN.fullmatch(name):
            continue
        column = parts.relation.source([name])
        statement = sa.select(sa.func.count(sa.distinct(column.c[name]))).select_from(column)
        try:
            several = int(parts.database.read(statement).rows[0][0])
        except DatabaseFault as fault:
            yield PreflightFinding("warning", "fields", f"the currencies in {name} were not counted: {fault.words}")
            continue
        if several > 1:
            message = f"{name} holds {several} currencies, but no field sends them"
            yield PreflightFinding("warning", "fields", message, f"add currency: {name}")

"""The parts of an open source, for the modules that work on it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from etl.checkpoint import NO_VALUE
from etl.page import Window
from etl.source.access import Access
from etl.source.children import ChildReader
from etl.source.completing import Completing
from etl.source.cursor import CursorDomain
from etl.source.database import Database
from etl.source.keyed import KeyedReader
from etl.source.keyset import Keyset
from etl.source.order_guard import OrderGuard
from etl.source.pages import PageReader
from etl.source.plan import Layout, ReadPlan
from etl.source.relation import Relation
from etl.source.spooled import SpooledReader


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """One thing to know before a run. `path` is the mapping's key that it is about; `hint` None when nothing helps.

    "error": a run would fail or lose rows; "warning": it may.
    """

    level: Literal["error", "warning"]
    path: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class SourceParts:
    """What `open_source` found out and built.

    `domain` is None without a cursor, `spooled` is None where an index gives the order, the last two are None without
    child rows.
    """

    database: Database
    plan: ReadPlan
    relation: Relation
    layout: Layout
    keyset: Keyset
    guard: OrderGuard
    complete: Completing
    reader: PageReader
    keyed: KeyedReader
    domain: CursorDomain | None
    access: Access
    spooled: SpooledReader | None = None
    children: ChildReader | None = None
    child_relation: Relation | None = None

    def nullable(self, name: str) -> bool:
        """Whether the column may hold NULL; always True for a view or a query, of which nothing is declared."""
        return not self.relation.is_table or name in self.relation.nullable

    def expected(self, windows: list[Window]) -> list[Window]:
        """Announce `windows`, which will be read one after the other; returns them."""
        if self.spooled is not None:
            self.spooled.expect(windows)
        return windows


# The name of a type, then the words of `_held` about its values: a spelling consists of digits, signs and capitals.
_HELD = re.compile(rf"[a-z_]+(?: held as integers| like [^a-z]+)?(?:{re.escape(NO_VALUE)})?")


def fingerprint_of(
    plan: ReadPlan, relation: Relation, domain: CursorDomain | None, *, place: str, dialect: str
) -> dict[str, str]:
    """The fingerprint's parts by name: dialect, database, relation, cursor (declared kind and spelling), key."""
    cursor = plan.cursor_field
    query = (
        "" if plan.query is None else hashlib.blake2b(" ".join(plan.query.split()).encode(), digest_size=8).hexdigest()
    )
    return {
        "dialect": dialect,
        "database": place,
        "relation": f"query {query}" if query else f"table {plan.table}",
        "cursor": "none"
        if cursor is None
        else f"{cursor}: {relation.kinds[cursor] or 'undeclared'}{_held(domain, relation)}",
        "key": ", ".join(plan.primary_key),
    }


def is_of_cursor(part: str, cursor: str | None) -> bool:
    """Whether `part`, the cursor's part of a fingerprint, is of the column `cursor` (None: no cursor), of any type.

    The name may contain the separator of the part, so exactly a type has to follow the name.
    """
    if cursor is None:
        return part == "none"
    held = part.removeprefix(f"{cursor}: ")
    return held != part and _HELD.fullmatch(held) is not None


def _held(domain: CursorDomain | None, relation: Relation) -> str:
    """What the declaration does not say of the values: the spelling of texts, or that SQLite holds them as numbers."""
    if domain is None:
        return ""
    if domain.empty:
        return NO_VALUE
    if domain.shape is None or domain.numeric:
        numbers = domain.numeric or domain.kind in {"integer", "epoch"}
        return " held as integers" if numbers and relation.kinds[domain.name] not in {"integer", "decimal"} else ""
    return f" like {domain.shape.words}"

"""What an open source consists of, for the modules that work on it from several sides."""

from __future__ import annotations

from dataclasses import dataclass

from etl.source.children import ChildReader
from etl.source.cursor import CursorDomain
from etl.source.database import Database
from etl.source.keyset import Keyset
from etl.source.layout import Layout
from etl.source.pages import PageReader
from etl.source.plan import ReadPlan
from etl.source.relation import Relation


@dataclass(frozen=True, slots=True)
class Parts:
    """What `open_source` found out and built. `domain` is None without a cursor, the last two without child rows."""

    database: Database
    plan: ReadPlan
    relation: Relation
    layout: Layout
    keyset: Keyset
    reader: PageReader
    domain: CursorDomain | None
    children: ChildReader | None = None
    child_relation: Relation | None = None

    def nullable(self, name: str) -> bool:
        """The column may hold NULL, as far as the database declares: of a view or a query it declares nothing."""
        return not self.relation.is_table or name in self.relation.nullable

"""What each reader of a relation reads with."""

from __future__ import annotations

from dataclasses import dataclass

from etl.source.completing import Completing
from etl.source.database import Database
from etl.source.keyset import Keyset
from etl.source.order_guard import OrderGuard
from etl.source.plan import Layout, ReadPlan


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """The connection, the statements, what the full rows hold, and what checks and completes them."""

    database: Database
    keyset: Keyset
    layout: Layout
    plan: ReadPlan
    guard: OrderGuard
    complete: Completing

"""Asks one question about many rows, such as the highest cursor, even if `where` fails for one of them.

The rule: a row for which `where` cannot be computed fails no question. The question is asked again without `where`, so
the bound, number or position found lies a little further than needed; reading the pages then deals with the row itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from etl.source.database import Database, Rows
from etl.source.fault import DatabaseFault
from etl.source.keyset import Keyset


def ask(database: Database, keyset: Keyset, make: Callable[[Keyset], sa.Select[Any]], *, purpose: str) -> Rows:
    """The rows of the statement that `make` makes of `keyset`.

    Raises:
        DatabaseFault: a value cannot be decoded, with and without `where`.
        SourceFailed, SourceMismatch: any other fault, when it stayed.
    """
    try:
        return database.patiently(lambda: database.read(make(keyset)), purpose=purpose)
    except DatabaseFault:
        if keyset.everywhere is keyset:
            raise
    return database.patiently(lambda: database.read(make(keyset.everywhere)), purpose=purpose)


def ask_finally(database: Database, keyset: Keyset, make: Callable[[Keyset], sa.Select[Any]], *, purpose: str) -> Rows:
    """As `ask`, where a value that cannot be decoded is final: `SourceFailed`."""
    try:
        return ask(database, keyset, make, purpose=purpose)
    except DatabaseFault as fault:
        raise database.failure(fault, purpose=purpose) from fault

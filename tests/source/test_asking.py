"""One question about many rows: asked again of all rows where `where` fails, and given up with a word where it must."""

from __future__ import annotations

from typing import Any

import pytest

from etl.errors import SourceFailed
from etl.source.asking import ask, ask_finally
from etl.source.fault import DatabaseFault, Fault
from tests.source.tables import opened, run_sql


class Failing:
    """In place of a database: fails for what is asked of the rows that `where` leaves, or of all rows too."""

    def __init__(self, *, everywhere: bool) -> None:
        self.fails_everywhere = everywhere
        self.asked: list[Any] = []

    def patiently(self, work: Any, *, purpose: str) -> Any:
        return work()

    def read(self, keyset: Any) -> str:
        self.asked.append(keyset)
        if self.fails_everywhere or len(self.asked) == 1:
            raise DatabaseFault(Fault.UNDECODABLE, "no date")
        return "rows"

    def failure(self, fault: DatabaseFault, *, purpose: str) -> SourceFailed:
        return SourceFailed(f"{purpose}: {fault.words}", hint="")


def test_where_a_row_fails_in_where_all_rows_are_asked(sqlite_url: str) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with opened(sqlite_url, where="id > 1") as source:
        keyset: Any = source.parts.keyset
        assert keyset.everywhere is not keyset
        database: Any = Failing(everywhere=False)
        found: Any = ask(database, keyset, lambda of: of, purpose="count")  # type: ignore[arg-type,return-value]
        first, second = database.asked
        assert (found, first is keyset, second.everywhere is second) == ("rows", True, True)


def test_without_where_a_row_that_fails_is_asked_for_once(sqlite_url: str) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with opened(sqlite_url) as source:
        keyset: Any = source.parts.keyset
        database: Any = Failing(everywhere=True)
        with pytest.raises(DatabaseFault):
            ask(database, keyset, lambda of: of, purpose="count")  # type: ignore[arg-type,return-value]
        assert database.asked == [keyset]
        with pytest.raises(SourceFailed, match="count: no date"):
            ask_finally(database, keyset, lambda of: of, purpose="count")  # type: ignore[arg-type,return-value]

"""What is known of a table when its mapping is drafted: values, without a connection behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """A column with some of its values that are not NULL. `kind` as in `etl.page.Column`."""

    name: str
    kind: str | None
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What tells rows apart. `reason` says how we know; `sure` is False when nothing unique was found."""

    columns: tuple[str, ...]
    reason: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class CursorFacts:
    """The column that grows with every write, and what speaks against it: no index, rows without a value."""

    column: str
    kind: str | None
    indexed: bool
    without: int = 0


@dataclass(frozen=True, slots=True)
class ChildFacts:
    """A table whose rows refer to this one. `match` pairs its columns with ours; `order` is the rest of its key."""

    table: str
    match: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    columns: tuple[SampledColumn, ...]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as found. `rows` is the size of the sample; `remarks` are for the person who reads the draft."""

    name: str
    columns: tuple[SampledColumn, ...]
    key: KeyFacts
    cursor: CursorFacts | None
    rows: int
    children: tuple[ChildFacts, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    def column(self, name: str) -> SampledColumn:
        """The column `name`, which is there."""
        return next(one for one in self.columns if one.name == name)


def columns_of(
    names: Sequence[str], kinds: Sequence[str | None], rows: Sequence[Sequence[object]]
) -> tuple[SampledColumn, ...]:
    """Columns from rows: `rows[i][j]` belongs to `names[j]`."""
    return tuple(
        SampledColumn(name, kind, tuple(row[at] for row in rows if row[at] is not None))
        for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )

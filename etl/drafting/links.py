"""Finds which table a column refers to: by a foreign key, or without one by what columns are called.

The rule: a name alone links only to a key that the other table declares unique, and only columns of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.drafting.names import bare, column_prefix, stems, thing, without_prefix
from etl.drafting.structure import Structure, TableShape

# Keys that do not say of what they are.
_GENERIC_KEYS = frozenset({"id", "uuid", "guid", "entityid", "key", "nr", "no", "pk", "rowid"})
_VERSIONS = ("versionid", "version")


@dataclass(frozen=True, slots=True)
class Link:
    """`pairs` of a column here and the column of `table` that it equals. `declared`: a foreign key says so."""

    table: TableShape
    pairs: tuple[tuple[str, str], ...]
    declared: bool

    @property
    def column(self) -> str:
        """The column here that says what is referred to; that of a version does not."""
        named = [one for one, _ in self.pairs if not bare(one).endswith(_VERSIONS)]
        return (named or [one for one, _ in self.pairs])[0]


def links_of(structure: Structure, table: TableShape) -> Iterator[Link]:
    """What the columns of `table` refer to, declared ones first."""
    declared = set()
    by_name = {one.full: one for one in structure.tables}
    for foreign in table.foreign:
        target = by_name.get(foreign.table)
        if target is not None and target is not table and len(foreign.columns) == len(foreign.referred):
            link = Link(target, tuple(zip(foreign.columns, foreign.referred, strict=True)), declared=True)
            declared.add(link.column)
            yield link
    targets = [
        found
        for one in _near_first(structure, table)
        if one is not table and (found := _target(structure, one)) is not None
    ]
    prefix = column_prefix(list(table.kinds))
    for column, kind in table.kinds.items():
        if column in declared or table.primary == (column,):
            continue
        own = bare(without_prefix(column, prefix))
        fitting = [one for one in targets if _alike(kind, one.kind)]
        named = next((one for one in fitting if own in one.names), None) or next(
            (one for one in fitting if own in one.loose_names), None
        )
        if named is not None:
            yield Link(named.table, ((column, named.key),), declared=False)


def references_to(structure: Structure, table: TableShape, others: Sequence[str]) -> Iterator[Link]:
    """Links from other tables to `table`, as their columns and ours; `table` of each is the one that refers.

    `others` are columns of ours beside the key that rows may be known by, such as an order's number.
    """
    target = _target(structure, table)
    for one in _near_first(structure, table):
        if one is table:
            continue
        found = [foreign for foreign in one.foreign if foreign.table == table.full]
        for foreign in found:
            if len(foreign.columns) == len(foreign.referred):
                yield Link(one, tuple(zip(foreign.columns, foreign.referred, strict=True)), declared=True)
        if found:
            continue
        prefix = column_prefix(list(one.kinds))
        for column, kind in one.kinds.items():
            own = bare(without_prefix(column, prefix))
            key = None
            if target is not None and _alike(kind, target.kind) and own in target.names | target.loose_names:
                key = target.key
            elif own not in _GENERIC_KEYS:
                same = [ours for ours in others if bare(ours) == bare(column)]
                key = next((ours for ours in same if _alike(kind, table.kinds[ours])), None)
            if key is not None and one.primary != (column,):
                yield Link(one, ((column, key),), declared=False)
                break


@dataclass(frozen=True, slots=True)
class _Target:
    """A table that a column may be called after: its key, and the bare names of columns that mean it.

    `loose_names` are made of the last word of its name alone.
    """

    table: TableShape
    key: str
    kind: str | None
    names: frozenset[str]
    loose_names: frozenset[str]


def _target(structure: Structure, table: TableShape) -> _Target | None:
    """What may be called after `table`; None where no single column is its declared key."""
    if len(table.primary) != 1 or table.is_view:
        return None
    key = table.primary[0]
    theirs = bare(without_prefix(key, column_prefix(list(table.kinds))))
    exact = stems(thing(table.name, structure.prefix_of(table)))
    loose = stems(bare(table.name.rpartition("_")[2]))
    names = _spelt(exact, theirs)
    if theirs not in _GENERIC_KEYS:
        names |= {theirs}
    return _Target(table, key, table.kinds.get(key), frozenset(names), frozenset(_spelt(loose, theirs)))


def _spelt(things: frozenset[str], key: str) -> set[str]:
    """How a column is called that refers to one of `things`, whose key is called `key`."""
    if key not in _GENERIC_KEYS and key not in {f"{one}{end}" for one in things for end in ("id", "nr", "no", "")}:
        return set()
    ends = ("id", "uuid", "nr", "no", "ref", key)
    return {f"{one}{end}" for one in things for end in ends} | {
        f"{start}{one}{end}" for one in things for start, end in (("id", ""), ("fk", ""), ("fk", "id"))
    }


def _near_first(structure: Structure, table: TableShape) -> Iterator[TableShape]:
    yield from (one for one in structure.tables if one.schema == table.schema)
    yield from (one for one in structure.tables if one.schema != table.schema)


def _alike(one: str | None, other: str | None) -> bool:
    return one == other or None in (one, other) or {one, other} <= {"integer", "decimal"}

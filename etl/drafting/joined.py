"""Drafts the query that joins columns of other tables: a person's address, codes of language and currency.

The rule: a join never repeats a row of the table, so every table that is joined is joined by a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from etl.drafting.dictionary import CODE_COLUMNS, CODE_REFERENCES, CODE_TABLES, CUSTOMER_REFERENCES, FIELD_NAMES
from etl.drafting.facts import SampledColumn
from etl.drafting.links import Link, links_of, references_to
from etl.drafting.looks import CONVINCING, fit
from etl.drafting.names import column_prefix, is_people_table, is_secret, rank, stems, thing, without_prefix
from etl.drafting.structure import Structure, TableShape

# Reads some values of a column of a table.
Read = Callable[[TableShape, str], SampledColumn]
# Whether no two rows of a table share their columns.
Unique = Callable[[TableShape, Sequence[str]], bool]
_LOGINS = ("username", "login", "loginname", "userlogin", "accountname", "name")
_SECOND_HOP = ("user", "userid", "contactid", "personid", "accountid", "customerid", "contact", "person", "account")
_MOST_HOPS = 2


@dataclass(frozen=True, slots=True)
class Joined:
    """A column that a chain of links reaches, for the field `field`. `links` begin at the table itself."""

    field: str
    links: tuple[Link, ...]
    column: str


def joins_of(
    structure: Structure, table: TableShape, wanted: Sequence[str], *, read: Read, is_unique: Unique
) -> tuple[Joined, ...]:
    """A join for each of the fields `wanted` that another table holds: email, language, currency, country."""
    found = []
    for field in wanted:
        if field == "email":
            one = next(_addresses(structure, table, read, is_unique), None)
        else:
            one = next(_codes(structure, table, field, read, hops=_MOST_HOPS), None)
        if one is not None:
            found.append(one)
    return tuple(found)


def address_column(table: TableShape, read: Read) -> str | None:
    """The column of `table` that holds an e-mail address; None without one."""
    prefix = column_prefix(list(table.kinds))
    texts = [one for one, kind in table.kinds.items() if kind in ("text", None) and not is_secret(one)]
    ranked = sorted(
        (place, one) for one in texts if (place := rank(without_prefix(one, prefix), FIELD_NAMES["email"])) is not None
    )
    for _, one in ranked:
        if fit(read(table, one), "email").share >= CONVINCING / 2:
            return one
    for one in texts:
        if rank(without_prefix(one, prefix), _LOGINS) is not None:
            found = fit(read(table, one), "email")
            if found.present and found.share >= CONVINCING:
                return one
    return None


def _addresses(structure: Structure, table: TableShape, read: Read, is_unique: Unique) -> Iterator[Joined]:
    people = sorted(
        (place, at, link)
        for at, link in enumerate(links_of(structure, table))
        if (place := _whose(structure, table, link)) is not None
    )  # fmt: skip
    for _, _, link in people:
        if (column := address_column(link.table, read)) is not None:
            yield Joined("email", (link,), column)
    for _, _, link in people:
        for further in links_of(structure, link.table):
            if _is_person(link.table, further):
                column = address_column(further.table, read)
                if column is not None:
                    yield Joined("email", (link, further), column)
    about = stems(thing(table.name, structure.prefix_of(table)))
    for back in references_to(structure, table, ()):
        # A table such as order_customer, with a row for each row of this one.
        if not any(thing(back.table.name, structure.prefix_of(back.table)).startswith(one) for one in about):
            continue
        theirs = [one for one, _ in back.pairs]
        column = address_column(back.table, read)
        if column is not None and (back.table.is_unique(theirs) or is_unique(back.table, theirs)):
            turned = Link(back.table, tuple((ours, their) for their, ours in back.pairs), back.declared)
            yield Joined("email", (turned,), column)


def _whose(structure: Structure, table: TableShape, link: Link) -> int | None:
    """How likely `link` leads to the person whose row it is: 0 most; None when to another person or thing."""
    plain = without_prefix(link.column, column_prefix(list(table.kinds)))
    place = rank(plain, CUSTOMER_REFERENCES)
    if place is not None:
        return place
    about_person = any(word in plain.casefold() for word in ("billing", "address", "buyer", "bill_to", "contact"))
    is_people = is_people_table(link.table.name, structure.prefix_of(link.table))
    return (
        len(CUSTOMER_REFERENCES) * 3
        if about_person or (is_people and _names_its_target(structure, link, plain))
        else None
    )


def _names_its_target(structure: Structure, link: Link, plain: str) -> bool:
    return any(
        plain.casefold().replace("_", "").startswith(one)
        for one in stems(thing(link.table.name, structure.prefix_of(link.table)))
    )


def _is_person(table: TableShape, link: Link) -> bool:
    plain = without_prefix(link.column, column_prefix(list(table.kinds)))
    return rank(plain, (*_SECOND_HOP, *CUSTOMER_REFERENCES)) is not None


def _codes(structure: Structure, table: TableShape, field: str, read: Read, *, hops: int) -> Iterator[Joined]:
    prefix = column_prefix(list(table.kinds))
    for link in links_of(structure, table):
        what = stems(thing(link.table.name, structure.prefix_of(link.table)))
        is_table = bool(what & set(CODE_TABLES[field]))
        plain = without_prefix(link.column, prefix)
        if not is_table and rank(plain, CODE_REFERENCES[field]) is None:
            continue
        column = _code_column(link.table, field, read)
        if column is not None:
            yield Joined(field, (link,), column)
        elif hops > 1 and is_table:
            for further in _codes(structure, link.table, field, read, hops=hops - 1):
                yield Joined(field, (link, *further.links), further.column)


def _code_column(table: TableShape, field: str, read: Read) -> str | None:
    prefix = column_prefix(list(table.kinds))
    owners = (*CODE_TABLES[field], "countries", "languages", "currencies")
    ranked = sorted(
        (place, one)
        for one, kind in table.kinds.items()
        if kind in ("text", None)
        and (place := rank(without_prefix(one, prefix), CODE_COLUMNS[field], owners=owners)) is not None
    )
    for _, one in ranked:
        found = fit(read(table, one), field)
        if found.present and found.share >= CONVINCING:
            return one
    return None


def query_of(
    table: TableShape, joins: Sequence[Joined], *, dialect: sa.Dialect
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The SELECT of all columns of `table` and those of `joins`; and each field's column in its result."""
    quote = dialect.identifier_preparer.quote
    taken = {one.casefold() for one in table.kinds}
    columns, tables, named = [f"{quote(BASE)}.*"], [], []
    aliases: dict[tuple[Link, ...], str] = {}
    for join in joins:
        above = BASE
        for at in range(len(join.links)):
            chain = join.links[: at + 1]
            if chain not in aliases:
                alias = aliases[chain] = _free(_ALIASES.get(join.field, join.field), set(aliases.values()))
                link = chain[-1]
                pairs = " AND ".join(
                    f"{quote(alias)}.{quote(theirs)} = {quote(above)}.{quote(ours)}" for ours, theirs in link.pairs
                )
                tables.append(f"LEFT JOIN {table_name(link.table, dialect=dialect)} AS {quote(alias)} ON {pairs}")
            above = aliases[chain]
        name = join.field if join.field not in taken else f"{_ALIASES.get(join.field, join.field)}_{join.field}"
        name = _free(name, taken)
        taken.add(name.casefold())
        columns.append(f"{quote(above)}.{quote(join.column)} AS {quote(name)}")
        named.append((join.field, name))
    lines = [f"SELECT {', '.join(columns)}", f"FROM {table_name(table, dialect=dialect)} AS {quote(BASE)}", *tables]
    return "\n".join(lines), tuple(named)


BASE = "base"
_ALIASES = {"email": "person", "language": "tongue", "currency": "money", "country": "home"}


def table_name(table: TableShape, *, dialect: sa.Dialect) -> str:
    """The name of `table` as SQL has it."""
    quote = dialect.identifier_preparer.quote
    return ".".join(quote(one) for one in (table.schema, table.name) if one)


def _free(name: str, taken: set[str]) -> str:
    return next(one for one in (name, *(f"{name}{number}" for number in range(2, 999))) if one.casefold() not in taken)

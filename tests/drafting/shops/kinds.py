"""What the table sets of this folder are made of, and what must be drafted of them.

Each set is written for these tests, after a kind of shop system that many run: tables and columns as such systems call
them, cut down to what a draft looks at, with invented people and orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Rows = Sequence[Mapping[str, object]]
FIRST = datetime(2025, 3, 1, 9, 0, 0)  # noqa: DTZ001 - naive columns
PEOPLE = 60
ORDERS = 80


@dataclass(frozen=True)
class Lines:
    """The `products` that must be drafted: of `table` ("query" for a query), or a `json` column, or the row itself."""

    fields: Mapping[str, str | None]
    table: str | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    json: str | None = None


@dataclass(frozen=True)
class Expected:
    """What must be drafted of a table. `fields` maps each field to its column; `words` must stand in the draft.

    `joined`: tables that the drafted query joins. `refused`: words of the problem with which `validate` refuses it.
    `sent`: how many events a run sends; None: all rows.
    """

    event: str
    fields: Mapping[str, str | tuple[str, ...]]
    cursor: tuple[str, ...] = ()
    key: tuple[str, ...] = ("id",)
    lines: Lines | None = None
    joined: tuple[str, ...] = ()
    unit: str | None = None
    words: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    where: str | None = None
    refused: str | None = None
    sent: int | None = None
    consent: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shop:
    """A set of tables. `listed` is what `init URL` must name, by kind."""

    name: str
    database: str
    tables: str
    rows: Mapping[str, Rows]
    drafts: Mapping[str, Expected]
    listed: Mapping[str, tuple[str, ...]]


def day(number: int) -> datetime:
    """A moment that grows with `number`."""
    return FIRST + timedelta(hours=3 * number, minutes=number % 60)


def epoch(number: int) -> int:
    """The same as seconds since 1970."""
    return 1_740_819_600 + 10_800 * number


def address(number: int) -> str:
    """An invented address."""
    return f"koper{number}@winkel.example"


def hexadecimal(number: int, letter: str = "a") -> str:
    """A key of 32 digits, as some shops make them."""
    return f"{letter}{number:031x}"


def customer_of(order: int) -> int:
    """Which customer placed the order of that number."""
    return order % PEOPLE + 1


FIRST_NAMES = ("Eva", "Noor", "Jan", "Mehmet", "Anna", "Piet")
LAST_NAMES = ("de Vries", "Jansen", "Bakker", "Yilmaz", "Schmidt", "Visser")


def first(number: int) -> str:
    """An invented first name."""
    return FIRST_NAMES[number % len(FIRST_NAMES)]


def last(number: int) -> str:
    """An invented last name."""
    return LAST_NAMES[number // 2 % len(LAST_NAMES)]

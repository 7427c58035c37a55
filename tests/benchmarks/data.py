"""The table that every contestant reads: 12 columns, the same rows on every database and every day."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path

import psycopg
import sqlalchemy as sa

COLUMNS = (
    "id",
    "email",
    "first_name",
    "last_name",
    "locale",
    "currency",
    "newsletter",
    "birthdate",
    "lifetime_value",
    "order_count",
    "province",
    "updated_at",
)
DDL = """\
CREATE TABLE customers (
  id BIGINT PRIMARY KEY, email VARCHAR(200), first_name VARCHAR(80), last_name VARCHAR(80), locale VARCHAR(10),
  currency VARCHAR(3), newsletter BOOLEAN, birthdate DATE, lifetime_value NUMERIC(12, 2), order_count INTEGER,
  province VARCHAR(40), updated_at TIMESTAMP NOT NULL)
"""
INDEX = "CREATE INDEX customers_updated ON customers (updated_at, id)"
FIRST_ROW_AT = datetime(2024, 1, 1)  # noqa: DTZ001 - the column is naive, as shops' columns are

_FIRST_NAMES = ("Eva", "Jan", "Noor", "Sem", "Zoë", "Lucas", "Anna", "Mats", "Björn", "Fleur", " Tess", "Daan ")
_LAST_NAMES = ("de Vries", "Jansen", "Bakker", "Visser", "Smit", "Meijer", "Mulder", "Peeters", "Müller", "O'Brien")
_LOCALES = ("nl_NL", "nl-NL", "nl_BE", "fr_BE", "de_DE", "en_GB", None)
_CURRENCIES = ("EUR", "EUR", "EUR", "eur", "USD", "GBP")
_NEWSLETTER = (True, True, False, None)
_PROVINCES = ("Utrecht", "Zeeland", "Drenthe", "Fryslân", "Limburg", "Noord-Holland", "Antwerpen", None)

Row = tuple[
    int,
    str,
    str,
    str,
    str | None,
    str,
    bool | None,
    date | None,
    Decimal,
    int,
    str | None,
    datetime,
]


def rows(count: int) -> Iterator[Row]:
    """`count` rows in the order of the cursor; four share each second, a few addresses have capitals or a space."""
    chance = random.Random(7)
    pick = chance.choice
    for number in range(1, count + 1):
        first, last = pick(_FIRST_NAMES), pick(_LAST_NAMES)
        mailbox = f"customer.{number}@shop{number % 97}.example.com"
        odd = number % 50
        yield (
            number,
            mailbox.title() if odd == 1 else f" {mailbox}" if odd == 2 else mailbox,
            first,
            last,
            pick(_LOCALES),
            pick(_CURRENCIES),
            pick(_NEWSLETTER),
            date(1940, 1, 1) + timedelta(days=chance.randrange(25_000)) if number % 5 else None,
            Decimal(chance.randrange(500_000)) / 100,
            chance.randrange(40),
            pick(_PROVINCES),
            FIRST_ROW_AT + timedelta(seconds=number // 4),
        )


def fill(url: str, rows: int) -> None:
    """Make the table anew in the database at `url`, unless it has as many rows already."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if sa.inspect(engine).has_table("customers"):
        with engine.begin() as connection:
            if connection.execute(sa.text("SELECT count(*) FROM customers")).scalar_one() == rows:
                return
            connection.execute(sa.text("DROP TABLE customers"))
    if engine.dialect.name == "sqlite":
        fill_sqlite(Path(engine.url.database or ""), rows)
    else:
        fill_postgresql(url, rows)


def fill_sqlite(path: Path, count: int) -> str:
    """Make the SQLite file; returns its SQLAlchemy URL."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(DDL)
        connection.executemany(f"INSERT INTO customers VALUES ({', '.join('?' * len(COLUMNS))})", _stored(count))
        connection.execute(INDEX)
    connection.close()
    return f"sqlite:///{path}"


def _stored(count: int) -> Iterator[tuple[object, ...]]:
    # As applications leave them in a SQLite file: booleans 0 and 1, decimals as numbers, dates as text.
    for row in rows(count):
        newsletter, birthdate, value = row[6], row[7], row[8]
        yield (
            *row[:6],
            None if newsletter is None else int(newsletter),
            None if birthdate is None else birthdate.isoformat(),
            float(value),
            *row[9:11],
            row[11].isoformat(" "),
        )


def fill_postgresql(url: str, count: int) -> None:
    """Make the table in the empty database at `url` (a SQLAlchemy URL)."""
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        connection.execute(DDL)
        with connection.cursor() as cursor, cursor.copy("COPY customers FROM STDIN") as copy:
            source = rows(count)
            while part := list(islice(source, 10_000)):
                for row in part:
                    copy.write_row(row)
        connection.execute(INDEX)
        connection.execute("VACUUM ANALYZE customers")


def driver_url(url: str) -> str:
    """The URL as the driver itself takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")

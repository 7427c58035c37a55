"""A generated shop: customers and orders, most with one messy field, and what is known of each beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import sqlalchemy as sa

from tests.judge.mess import RIGHT, UNTIDY, WRONG

CUSTOMER_COLUMNS = (
    *("email", "first_name", "last_name", "gender", "birthdate", "phone", "postcode", "city", "country", "language"),
    *("currency", "newsletter", "points", "note"),
)
ORDER_COLUMNS = ("email", "currency", "total", "ordered_at")
LINE_COLUMNS = ("sku", "title", "unit_price", "quantity")
# Columns whose wrong value must keep the event back; any other wrong value costs its field only.
NEEDED = frozenset({"email", "language", "currency", "ordered_at", "total", *LINE_COLUMNS})
_MESSY, _WRONG = 0.8, 0.5
_MOST_LINES = 4


@dataclass(frozen=True)
class Row:
    """A row of the shop. `wrong` names the columns whose value no receiver takes; `lines` are those of an order."""

    values: dict[str, Any]
    wrong: frozenset[str] = frozenset()
    lines: Sequence[dict[str, Any]] = field(default_factory=tuple)

    @property
    def sendable(self) -> bool:
        """Whether an event must come of it: nothing wrong but what it can go without."""
        return not self.wrong & NEEDED


def customers(count: int, *, seed: int = 1) -> Iterator[Row]:
    """`count` customers. Their number, in a column of 12 characters, is right in all of them."""
    random = Random(seed)
    for number in range(1, count + 1):
        values = {name: random.choice(RIGHT[name]) for name in CUSTOMER_COLUMNS if RIGHT[name]}
        values |= {"id": number, "customer_no": f"K{number}", "email": f"klant{number}@voorbeeld.nl"}
        wrong = _mess(values, (*CUSTOMER_COLUMNS, "customer_no"), random)
        yield Row(values, wrong)


def orders(count: int, *, seed: int = 2) -> Iterator[Row]:
    """`count` orders of up to four lines; one of twenty has no lines (`wrong` says "lines")."""
    random = Random(seed)
    for number in range(1, count + 1):
        values = {name: random.choice(RIGHT[name]) for name in ORDER_COLUMNS if RIGHT[name]}
        values |= {"id": number, "order_no": f"N{number}", "email": f"klant{number}@voorbeeld.nl"}
        lines = [
            {"order_id": number, "line_no": at, **{name: random.choice(RIGHT[name]) for name in LINE_COLUMNS}}
            for at in range(1, random.randint(1, _MOST_LINES) + 1)
        ]
        if random.random() < 0.05:
            yield Row(values, frozenset({"lines", "sku"}))
            continue
        columns = (ORDER_COLUMNS, LINE_COLUMNS)[random.random() < 0.5]
        messed = values if columns is ORDER_COLUMNS else random.choice(lines)
        yield Row(values, _mess(messed, columns, random), tuple(lines))


def fill(url: str, people: Sequence[Row] = (), purchases: Sequence[Row] = ()) -> None:
    """Make the tables `customers`, `orders` and `order_lines` at `url`; texts as they are, numbers as `char(12)`."""
    metadata = sa.MetaData()
    text = sa.Text().with_variant(sa.Text(collation="utf8mb4_bin"), "mysql", "mariadb")
    changed = sa.Column("updated_at", sa.DateTime, nullable=False, server_default=sa.text("'2024-01-01 00:00:00'"))
    tables = {
        "customers": sa.Table(
            "customers",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("customer_no", sa.CHAR(12)),
            *(sa.Column(name, text) for name in CUSTOMER_COLUMNS),
            changed,
        ),
        "orders": sa.Table(
            "orders",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("order_no", text),
            *(sa.Column(name, text) for name in ORDER_COLUMNS),
            changed.copy(),
        ),
        "order_lines": sa.Table(
            "order_lines",
            metadata,
            sa.Column("order_id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
            *(sa.Column(name, text) for name in LINE_COLUMNS),
        ),
    }
    engine = sa.create_engine(url)
    try:
        metadata.create_all(engine)
        with engine.begin() as connection:
            for name, rows in (
                ("customers", [one.values for one in people]),
                ("orders", [one.values for one in purchases]),
                ("order_lines", [line for one in purchases for line in one.lines]),
            ):
                if rows:
                    connection.execute(tables[name].insert(), rows)
    finally:
        engine.dispose()


def _mess(values: dict[str, Any], columns: Sequence[str], random: Random) -> frozenset[str]:
    """Put something into one of `columns`, mostly; the column when it is wrong for sure."""
    if random.random() >= _MESSY:
        return frozenset()
    name = random.choice(columns)
    if WRONG[name] and random.random() < _WRONG:
        values[name] = random.choice(WRONG[name])
        return frozenset({name})
    shape = random.choice(UNTIDY[name])
    own = str(values[name])
    values[name] = shape.format(own, own.upper()) if shape else shape
    return frozenset()

"""Rolls the rows of the demo shop: who the customers are and what they bought.

Everything comes from one seeded generator and the moment given, so the same call makes the same rows. Money is in whole
cents until it is written, so that every total is the sum of its lines.
A few rows are broken, one mistake each, at known ids, so that a run's report can be checked by hand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from etl.sandbox.shop_words import COUNTRIES, GOODS, Country

_TWO_YEARS = timedelta(days=730)
_DOMAINS = ("example.com", "example.com", "example.org", "example.net")


@dataclass(slots=True)
class Customer:
    """A row of `customers`; datetimes are naive UTC."""

    id: int
    email: str | None
    first_name: str | None
    last_name: str | bytes | None  # bytes that are not UTF-8, in one broken row
    gender: str | None
    birthdate: str | None
    phone: str | None
    street: str | None
    house_number: str | None
    postcode: str | None
    city: str | None
    province: str | None
    country: str | None
    locale: str | None
    currency: str | None
    newsletter_opt_in: int | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    lifetime_cents: int = 0
    order_count: int = 0


@dataclass(slots=True)
class Order:
    """A row of `orders` with its lines: (sku, title, price in cents, quantity, category)."""

    id: int
    customer_id: int | None
    email: str | None
    order_number: str
    currency: str | None
    locale: str | None
    status: str
    ordered_at: datetime
    updated_at: datetime
    lines: list[tuple[str, str, int, int, int | None]] = field(default_factory=list)

    @property
    def total_cents(self) -> int:
        """The sum of its lines."""
        return sum(price * quantity for _, _, price, quantity, _ in self.lines)


class Roller:
    """Makes customers and orders of the two years before `now` (naive UTC)."""

    def __init__(self, *, seed: int, now: datetime) -> None:
        self._random = Random(seed)  # noqa: S311  # demo data has to repeat
        self._now = now
        self._last_email = ""

    def customer(self, number: int) -> Customer:
        """A customer with that id."""
        roll = self._random
        country = roll.choice(COUNTRIES)
        is_woman = roll.random() < 0.5
        first = roll.choice(country.women if is_woman else country.men)
        last = roll.choice(country.families)
        city, province, postcode = roll.choice(country.places)
        created = self._moment_before(self._now)
        updated = created + (self._now - created) * roll.random() * 0.999
        luck = roll.random()
        return Customer(
            id=number,
            email=self._email(first, last, number),
            first_name=first.upper() if luck < 0.03 else first,
            last_name=f"{last} " if luck > 0.98 else last,
            gender=roll.choice(("f" if is_woman else "m",) * 8 + ("x", None)),
            birthdate=None if luck < 0.15 else str(date(1940, 1, 1) + timedelta(days=roll.randrange(25_000))),
            phone=None if luck < 0.3 else self._filled(country.phone),
            street=roll.choice(country.streets),
            house_number=f"{roll.randrange(1, 240)}{roll.choice(('', '', '', 'a', ' bis', '-3'))}",
            postcode=postcode + self._filled(country.postcode),
            city=city,
            province=province if luck < 0.95 else None,
            country=country.code,
            locale=roll.choice(country.locales),
            currency=roll.choice(country.currencies),
            newsletter_opt_in=roll.choice((1, 1, 0, 0, None)),
            created_at=created,
            updated_at=updated,
            deleted_at=updated if luck > 0.99 else None,
        )

    def orders_of(self, customer: Customer, *, first_id: int) -> Iterator[Order]:
        """The orders of one customer, 1.6 of them on average; the customer's own totals follow the paid ones."""
        for offset in range(self._random.choice((0, 0, 1, 1, 1, 1, 2, 2, 3, 5))):
            yield self.order(customer, number=first_id + offset, ordered_at=self._moment_after(customer.created_at))

    def order(self, customer: Customer, *, number: int, ordered_at: datetime, status: str | None = None) -> Order:
        """One order of `customer`; status None = mostly paid."""
        roll = self._random
        is_guest = roll.random() < 0.04
        order = Order(
            id=number,
            customer_id=None if is_guest else customer.id,
            email=customer.email,
            order_number=f"{number + 40_000:08d}",
            currency=customer.currency,
            locale=customer.locale,
            status=status or roll.choice(("paid",) * 17 + ("open", "open", "cancelled")),
            ordered_at=ordered_at,
            updated_at=min(self._now, ordered_at + timedelta(minutes=roll.randrange(4_000))),
            lines=[
                (sku, title, cents, roll.choice((1, 1, 1, 2, 2, 6)), category if roll.random() > 0.05 else None)
                for sku, title, cents, category in roll.sample(GOODS, roll.choice((1, 1, 2, 2, 3, 4)))
            ],
        )
        if order.status == "paid" and not is_guest:
            customer.lifetime_cents += order.total_cents
            customer.order_count += 1
        return order

    def pick(self, numbers: list[int], *, count: int) -> list[int]:
        """`count` of `numbers` (fewer if there are fewer), in ascending order."""
        return sorted(self._random.sample(numbers, min(count, len(numbers))))

    def move_house(self, country: Country) -> tuple[str, str, str, str]:
        """A new street, city, province and postcode in `country`."""
        city, province, postcode = self._random.choice(country.places)
        return self._random.choice(country.streets), city, province, postcode + self._filled(country.postcode)

    def _email(self, first: str, last: str, number: int) -> str:
        # A few people have two accounts under one address, some of them in another case.
        roll = self._random
        if not self._last_email or roll.random() > 0.005:
            self._last_email = f"{_plain(first)}.{_plain(last)}.{number}@{roll.choice(_DOMAINS)}"
        address = self._last_email
        return roll.choice((address,) * 30 + (address.upper(), f" {address}", address.title()))

    def _filled(self, pattern: str) -> str:
        pick = self._random.choice
        return "".join(pick("0123456789") if c == "0" else pick("ABCDEGHKLPRSTX") if c == "A" else c for c in pattern)

    def _moment_before(self, moment: datetime) -> datetime:
        seconds = 3_600 + self._random.random() * (_TWO_YEARS.total_seconds() - 7_200)
        return moment - timedelta(seconds=round(seconds, 6))

    def _moment_after(self, moment: datetime) -> datetime:
        return moment + (self._now - timedelta(hours=1) - moment) * self._random.random()


def _plain(name: str) -> str:
    # The letters of a name that an address can hold: Zoë → zoe, 't Hart → thart.
    flat = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss").replace("ı", "i"))  # noqa: RUF001  # Turkish
    return "".join(letter for letter in flat if letter.isascii() and letter.isalnum())


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """One mistake: `column` of the row `id` in `table` holds `value`."""

    what: str
    table: str
    id: int
    column: str
    value: str | bytes | int | None


# Ids are fixed, so they stay the same whatever the size of the shop; a shop with fewer rows has fewer of them.
_BROKEN = (
    BrokenRow("an email without an @", "customers", 41, "email", "jan.jansen.example.com"),
    BrokenRow("two addresses in email", "customers", 82, "email", "eva@example.com; eva@example.org"),
    BrokenRow("no email", "customers", 123, "email", None),
    BrokenRow("an email at a reserved domain", "customers", 164, "email", "noor@webshop.invalid"),
    BrokenRow("a currency that does not exist", "customers", 205, "currency", "XQQ"),
    BrokenRow("a currency as a word", "customers", 246, "currency", "EURO"),
    BrokenRow("a language that does not exist", "customers", 287, "locale", "qq_ZZ"),
    BrokenRow("a newsletter that is neither yes nor no", "customers", 328, "newsletter_opt_in", 7),
    BrokenRow("a control character in first_name", "customers", 369, "first_name", "Ev\x00a"),
    BrokenRow("bytes that are not text in last_name", "customers", 411, "last_name", b"M\xfcller"),
    BrokenRow("an order without lines", "orders", 77, "lines", None),
    BrokenRow("an order without email", "orders", 154, "email", None),
)


def broken_rows() -> tuple[BrokenRow, ...]:
    """Every broken row of a shop with at least 500 customers."""
    return _BROKEN


def break_rows(customers: list[Customer], orders: list[Order]) -> None:
    """Damages the rows that are to be broken, and makes sure that a run meets them: not deleted, and paid."""
    for broken in _BROKEN:
        if broken.table == "customers" and broken.id <= len(customers):
            customer = customers[broken.id - 1]
            customer.deleted_at = None
            setattr(customer, broken.column, broken.value)
        elif broken.table == "orders" and broken.id <= len(orders):
            order = orders[broken.id - 1]
            order.status = "paid"
            setattr(order, broken.column, [] if broken.column == "lines" else broken.value)

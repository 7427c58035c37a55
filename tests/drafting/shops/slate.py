"""Binary keys with a version, the buyer in a table of its own beside each order, languages two tables away."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day, first, last

_TABLES = """
CREATE TABLE locale (id BINARY(16) NOT NULL PRIMARY KEY, code VARCHAR(255) NOT NULL);
CREATE TABLE language (id BINARY(16) NOT NULL PRIMARY KEY, locale_id BINARY(16) NOT NULL, name VARCHAR(50),
  FOREIGN KEY (locale_id) REFERENCES locale (id));
CREATE TABLE currency (id BINARY(16) NOT NULL PRIMARY KEY, iso_code CHAR(3) NOT NULL, factor DOUBLE);
CREATE TABLE customer (id BINARY(16) NOT NULL PRIMARY KEY, language_id BINARY(16) NOT NULL, customer_number VARCHAR(255),
  first_name VARCHAR(255), last_name VARCHAR(255), password VARCHAR(1024), email VARCHAR(254), active TINYINT(1),
  birthday DATE, hash VARCHAR(255), created_at DATETIME(3) NOT NULL, updated_at DATETIME(3),
  FOREIGN KEY (language_id) REFERENCES language (id));
CREATE TABLE `order` (id BINARY(16) NOT NULL, version_id BINARY(16) NOT NULL, order_number VARCHAR(64),
  currency_id BINARY(16) NOT NULL, language_id BINARY(16) NOT NULL, order_date_time DATETIME(3) NOT NULL,
  amount_total DOUBLE, amount_net DOUBLE, deep_link_code VARCHAR(32), created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3), PRIMARY KEY (id, version_id), FOREIGN KEY (currency_id) REFERENCES currency (id),
  FOREIGN KEY (language_id) REFERENCES language (id));
CREATE TABLE order_customer (id BINARY(16) NOT NULL PRIMARY KEY, order_id BINARY(16) NOT NULL,
  order_version_id BINARY(16) NOT NULL, customer_id BINARY(16), email VARCHAR(254), first_name VARCHAR(255),
  last_name VARCHAR(255), FOREIGN KEY (order_id, order_version_id) REFERENCES `order` (id, version_id));
CREATE TABLE order_line_item (id BINARY(16) NOT NULL PRIMARY KEY, order_id BINARY(16) NOT NULL,
  order_version_id BINARY(16) NOT NULL, product_id BINARY(16), identifier VARCHAR(255), quantity INT NOT NULL, label VARCHAR(255),
  unit_price DOUBLE, total_price DOUBLE, position INT, article_number VARCHAR(64),
  FOREIGN KEY (order_id, order_version_id) REFERENCES `order` (id, version_id));
CREATE TABLE order_delivery (id BINARY(16) NOT NULL PRIMARY KEY, order_id BINARY(16) NOT NULL,
  order_version_id BINARY(16) NOT NULL, tracking VARCHAR(100),
  FOREIGN KEY (order_id, order_version_id) REFERENCES `order` (id, version_id));
"""


def _key(number: int, table: int) -> bytes:
    return bytes([table]) + number.to_bytes(15, "big")


SHOP = Shop(
    name="slate",
    database="mariadb",
    tables=_TABLES,
    rows={
        "locale": [{"id": _key(1, 1), "code": "de-DE"}, {"id": _key(2, 1), "code": "nl-NL"}],
        "language": [{"id": _key(n, 2), "locale_id": _key(n, 1), "name": "x"} for n in (1, 2)],
        "currency": [{"id": _key(1, 3), "iso_code": "EUR", "factor": 1.0}],
        "customer": [
            {"id": _key(n, 4), "language_id": _key(n % 2 + 1, 2), "customer_number": f"K{n}", "first_name": first(n),
             "last_name": last(n), "password": "$2y$10$abcdefghijklmnopqrstuv", "email": address(n), "active": 1,
             "birthday": None, "hash": None, "created_at": day(n), "updated_at": day(n + 2) if n % 3 else None}
            for n in range(1, PEOPLE + 1)
        ],
        "order": [
            {"id": _key(n, 5), "version_id": _key(1, 9), "order_number": f"1{n:04}", "currency_id": _key(1, 3),
             "language_id": _key(n % 2 + 1, 2), "order_date_time": day(n), "amount_total": n + 1.5, "amount_net": 1.0,
             "deep_link_code": "abc", "created_at": day(n), "updated_at": day(n + 1) if n % 2 else None}
            for n in range(1, ORDERS + 1)
        ],
        "order_customer": [
            {"id": _key(n, 6), "order_id": _key(n, 5), "order_version_id": _key(1, 9), "customer_id": _key(customer_of(n), 4),
             "email": address(customer_of(n)), "first_name": first(n), "last_name": last(n)}
            for n in range(1, ORDERS + 1)
        ],
        "order_line_item": [
            {"id": _key(n, 7), "order_id": _key(n, 5), "order_version_id": _key(1, 9), "product_id": _key(3, 8),
             "identifier": "x", "quantity": 1 + n % 2, "label": "Slate", "unit_price": 2.5, "total_price": 2.5, "position": 1,
             "article_number": f"SW{n % 4}"}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "order": Expected(
            event="Purchase",
            fields={"email": "email", "language": "language", "currency": "currency", "orderid": "order_number",
                    "totalvalue": "amount_total", "timestamp": "order_date_time"},
            key=("id", "version_id"),
            cursor=("updated_at", "created_at"),
            joined=("order_customer", "language", "locale", "currency"),
            lines=Lines({"id": "article_number", "name": "label", "price": "unit_price", "quantity": "quantity"},
                        "order_line_item", {"order_id": "id", "order_version_id": "version_id"}),
        ),
        "customer": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "first_name", "lastname": "last_name", "birthdate": "birthday",
                    "language": "language", "timestamp": ("updated_at", "created_at")},
            cursor=("updated_at", "created_at"),
            joined=("language", "locale"),
            absent=("password", "hash"),
        ),
    },
    listed={"customers": ("customer",), "orders": ("order",), "subscriptions": ()},
)  # fmt: skip

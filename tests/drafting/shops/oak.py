"""Orders known by their key, codes of currency beside an id, languages by id, zero dates, no foreign keys."""

from __future__ import annotations

from tests.drafting.shops.kinds import (
    ORDERS,
    PEOPLE,
    Expected,
    Lines,
    Shop,
    address,
    customer_of,
    day,
    first,
    hexadecimal,
    last,
)

_TABLES = """
CREATE TABLE oc_language (language_id INT NOT NULL PRIMARY KEY, name VARCHAR(32), code VARCHAR(5), locale VARCHAR(255));
CREATE TABLE oc_customer (customer_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_group_id INT, language_id INT NOT NULL,
  firstname VARCHAR(32), lastname VARCHAR(32), email VARCHAR(96), telephone VARCHAR(32), password VARCHAR(255),
  salt VARCHAR(9), newsletter TINYINT(1) NOT NULL DEFAULT 0, ip VARCHAR(40), status TINYINT(1), token TEXT,
  code VARCHAR(40), date_added DATETIME NOT NULL);
CREATE TABLE oc_order (order_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, invoice_no INT NOT NULL DEFAULT 0,
  invoice_prefix VARCHAR(26), store_id INT, customer_id INT NOT NULL, firstname VARCHAR(32), lastname VARCHAR(32),
  email VARCHAR(96), telephone VARCHAR(32), payment_city VARCHAR(128), payment_postcode VARCHAR(10),
  payment_country VARCHAR(128), shipping_city VARCHAR(128), total DECIMAL(15,4) NOT NULL, order_status_id INT,
  language_id INT NOT NULL, currency_id INT, currency_code VARCHAR(3), currency_value DECIMAL(15,8), ip VARCHAR(40),
  date_added DATETIME NOT NULL, date_modified DATETIME NOT NULL, KEY (date_modified));
CREATE TABLE oc_order_product (order_product_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id INT NOT NULL,
  product_id INT NOT NULL, name VARCHAR(255), model VARCHAR(64), quantity INT NOT NULL, price DECIMAL(15,4),
  total DECIMAL(15,4), tax DECIMAL(15,4), reward INT);
CREATE TABLE oc_order_total (order_total_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id INT NOT NULL, code VARCHAR(32),
  title VARCHAR(255), value DECIMAL(15,4), sort_order INT);
CREATE TABLE oc_cart (cart_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT, product_id INT, quantity INT);
"""

SHOP = Shop(
    name="oak",
    database="mariadb",
    tables=_TABLES,
    rows={
        "oc_language": [
            {"language_id": 1, "name": "English", "code": "en-gb", "locale": "en_GB.UTF-8,en-gb,english"},
            {"language_id": 2, "name": "Nederlands", "code": "nl-nl", "locale": "nl_NL.UTF-8,nl-nl,dutch"},
        ],
        "oc_customer": [
            {"customer_id": n, "customer_group_id": 1, "language_id": 1, "firstname": first(n), "lastname": last(n),
             "email": address(n), "telephone": f"+3161234{n:04}", "password": hexadecimal(n), "salt": "abcd",
             "newsletter": n % 2, "ip": "10.0.0.1", "status": 1, "token": "", "code": "", "date_added": day(n)}
            for n in range(1, PEOPLE + 1)
        ],
        "oc_order": [
            {"order_id": n, "invoice_no": 0, "invoice_prefix": "INV-", "store_id": 0, "customer_id": customer_of(n),
             "firstname": first(n), "lastname": last(n), "email": address(customer_of(n)), "telephone": "+31612345678",
             "payment_city": "Utrecht", "payment_postcode": "3511 AB", "payment_country": "Netherlands",
             "shipping_city": "Utrecht", "total": n + 0.5, "order_status_id": 5, "language_id": n % 2 + 1, "currency_id": 1,
             "currency_code": "EUR", "currency_value": 1, "ip": "10.0.0.1", "date_added": day(n), "date_modified": day(n + 1)}
            for n in range(1, ORDERS + 1)
        ],
        "oc_order_product": [
            {"order_product_id": n, "order_id": n, "product_id": 4, "name": "Chair", "model": f"OAK-{n % 9}", "quantity": 1,
             "price": 40.25, "total": 40.25, "tax": 7, "reward": 0}
            for n in range(1, ORDERS + 1)
        ],
        "oc_order_total": [
            {"order_total_id": n, "order_id": n, "code": "total", "title": "Total", "value": 4, "sort_order": 1}
            for n in range(1, ORDERS + 1)
        ],
        "oc_cart": [{"cart_id": 1, "customer_id": 1, "product_id": 1, "quantity": 1}],
    },
    drafts={
        "oc_order": Expected(
            event="Purchase",
            fields={"email": "email", "firstname": "firstname", "lastname": "lastname", "phone": "telephone",
                    "postcode": "payment_postcode", "city": "payment_city", "language": "language",
                    "currency": "currency_code", "orderid": "order_id", "totalvalue": "total", "timestamp": "date_added"},
            key=("order_id",),
            cursor=("date_modified",),
            joined=("oc_language",),
            lines=Lines({"id": "model", "name": "name", "price": "price", "quantity": "quantity"}, "oc_order_product",
                        {"order_id": "order_id"}),
        ),
        "oc_customer": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "firstname", "lastname": "lastname", "phone": "telephone",
                    "language": "language", "newsletter": "newsletter"},
            key=("customer_id",),
            joined=("oc_language",),
            absent=("password", "salt", "token"),
            consent={"yes": 30, "no": 30},
        ),
    },
    listed={"customers": ("oc_customer",), "orders": ("oc_order",), "subscriptions": ()},
)  # fmt: skip

"""Keys and references turned round (id_order), languages and currencies in tables of their own, no foreign keys."""

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
CREATE TABLE ps_lang (id_lang INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(32), active TINYINT, iso_code VARCHAR(2),
  language_code VARCHAR(5), locale VARCHAR(5));
CREATE TABLE ps_currency (id_currency INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(64), iso_code VARCHAR(3),
  conversion_rate DECIMAL(13,6));
CREATE TABLE ps_customer (id_customer INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, id_gender INT UNSIGNED NOT NULL,
  id_lang INT UNSIGNED, firstname VARCHAR(255), lastname VARCHAR(255), email VARCHAR(255), passwd VARCHAR(255),
  birthday DATE, newsletter TINYINT(1) UNSIGNED NOT NULL, newsletter_date_add DATETIME, optin TINYINT(1) UNSIGNED,
  secure_key VARCHAR(32), active TINYINT(1), date_add DATETIME NOT NULL, date_upd DATETIME NOT NULL);
CREATE TABLE ps_orders (id_order INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, reference VARCHAR(9),
  id_lang INT UNSIGNED NOT NULL, id_customer INT UNSIGNED NOT NULL, id_cart INT UNSIGNED, id_currency INT UNSIGNED NOT NULL,
  id_address_delivery INT UNSIGNED, current_state INT UNSIGNED, secure_key VARCHAR(32), payment VARCHAR(255),
  total_discounts DECIMAL(20,6), total_paid DECIMAL(20,6), total_paid_tax_incl DECIMAL(20,6), total_products DECIMAL(20,6),
  valid INT UNSIGNED, date_add DATETIME NOT NULL, date_upd DATETIME NOT NULL, KEY (date_add));
CREATE TABLE ps_order_detail (id_order_detail INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, id_order INT UNSIGNED,
  product_id INT UNSIGNED, product_name TEXT, product_quantity INT UNSIGNED, product_price DECIMAL(20,6),
  product_reference VARCHAR(64), product_ean13 VARCHAR(13), unit_price_tax_incl DECIMAL(20,6), KEY (id_order));
CREATE TABLE ps_order_history (id_order_history INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, id_employee INT,
  id_order INT UNSIGNED, id_order_state INT UNSIGNED, date_add DATETIME);
CREATE TABLE ps_employee (id_employee INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, lastname VARCHAR(255),
  firstname VARCHAR(255), email VARCHAR(255), passwd VARCHAR(255));
"""

SHOP = Shop(
    name="pearl",
    database="mariadb",
    tables=_TABLES,
    rows={
        "ps_lang": [
            {"id_lang": 1, "name": "Nederlands", "active": 1, "iso_code": "nl", "language_code": "nl-nl", "locale": "nl-NL"},
            {"id_lang": 2, "name": "Deutsch", "active": 1, "iso_code": "de", "language_code": "de-de", "locale": "de-DE"},
        ],
        "ps_currency": [{"id_currency": 1, "name": "Euro", "iso_code": "EUR", "conversion_rate": 1}],
        "ps_customer": [
            {"id_customer": n, "id_gender": n % 2 + 1, "id_lang": n % 2 + 1, "firstname": first(n), "lastname": last(n),
             "email": address(n), "passwd": f"$2y$10${hexadecimal(n)}", "birthday": day(n).date().replace(year=1975),
             "newsletter": n % 3 != 0, "newsletter_date_add": day(n), "optin": n % 5 == 0, "secure_key": hexadecimal(n),
             "active": 1, "date_add": day(n), "date_upd": day(n + 4)}
            for n in range(1, PEOPLE + 1)
        ],
        "ps_orders": [
            {"id_order": n, "reference": f"PRL{n:06}", "id_lang": n % 2 + 1, "id_customer": customer_of(n), "id_cart": n,
             "id_currency": 1, "id_address_delivery": 3, "current_state": 5, "secure_key": hexadecimal(n),
             "payment": "iDEAL", "total_discounts": 0, "total_paid": n + 5, "total_paid_tax_incl": n + 5,
             "total_products": n, "valid": 1, "date_add": day(n), "date_upd": day(n + 9)}
            for n in range(1, ORDERS + 1)
        ],
        "ps_order_detail": [
            {"id_order_detail": n, "id_order": n, "product_id": 12, "product_name": "Ring", "product_quantity": 2,
             "product_price": 10.5, "product_reference": f"P-{n % 7}", "product_ean13": "", "unit_price_tax_incl": 12.7}
            for n in range(1, ORDERS + 1)
        ],
        "ps_order_history": [
            {"id_order_history": n, "id_employee": 1, "id_order": n, "id_order_state": 5, "date_add": day(n)}
            for n in range(1, ORDERS + 1)
        ],
        "ps_employee": [{"id_employee": 1, "lastname": "B", "firstname": "A", "email": "a@winkel.example", "passwd": "x"}],
    },
    drafts={
        "ps_customer": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "firstname", "lastname": "lastname", "gender": "id_gender",
                    "birthdate": "birthday", "language": "language", "newsletter": "newsletter", "marketing": "optin",
                    "timestamp": "date_upd"},
            key=("id_customer",),
            cursor=("date_upd",),
            joined=("ps_lang",),
            absent=("passwd", "secure_key"),
            consent={"yes": 40, "no": 20},
        ),
        "ps_orders": Expected(
            event="Purchase",
            fields={"email": "email", "language": "language", "currency": "currency", "orderid": "reference",
                    "totalvalue": "total_paid", "timestamp": "date_add"},
            key=("id_order",),
            cursor=("date_upd",),
            joined=("ps_customer", "ps_lang", "ps_currency"),
            lines=Lines({"id": "product_reference", "name": "product_name", "price": "unit_price_tax_incl",
                         "quantity": "product_quantity"}, "ps_order_detail", {"id_order": "id_order"}),
            words=("perhaps only orders of a certain state, such as paid; see current_state",),
            absent=("secure_key",),
        ),
    },
    listed={"customers": ("ps_customer",), "orders": ("ps_orders",), "subscriptions": ()},
)  # fmt: skip

"""Orders whose name is their number, buyers that are partners, dates turned round, articles two tables away."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day, first, last

_TABLES = """
CREATE TABLE res_currency (id SERIAL PRIMARY KEY, name VARCHAR(3), symbol VARCHAR(3), iso_code VARCHAR(3));
CREATE TABLE res_partner (id SERIAL PRIMARY KEY, name VARCHAR(99), email VARCHAR(99), phone VARCHAR(30), lang VARCHAR(9),
  city VARCHAR(50), zip VARCHAR(9), active BOOLEAN, create_date TIMESTAMP NOT NULL, write_date TIMESTAMP NOT NULL);
CREATE TABLE product_product (id SERIAL PRIMARY KEY, default_code VARCHAR(20) NOT NULL, barcode VARCHAR(20));
CREATE TABLE sale_order (id SERIAL PRIMARY KEY, name VARCHAR(20), state VARCHAR(9), date_order TIMESTAMP NOT NULL,
  partner_id INT REFERENCES res_partner (id), currency_id INT REFERENCES res_currency (id), amount_untaxed NUMERIC,
  amount_total NUMERIC, access_token VARCHAR(40), create_date TIMESTAMP NOT NULL, write_date TIMESTAMP NOT NULL);
CREATE TABLE sale_order_line (id SERIAL PRIMARY KEY, order_id INT REFERENCES sale_order (id), name TEXT,
  product_id INT REFERENCES product_product (id), product_uom_qty NUMERIC, price_unit NUMERIC, sequence INT);
"""

SHOP = Shop(
    name="fjord",
    database="postgresql",
    tables=_TABLES,
    rows={
        "res_currency": [{"id": 1, "name": "EUR", "symbol": "E", "iso_code": "EUR"}],
        "res_partner": [
            {"id": n, "name": f"{first(n)} {last(n)}", "email": address(n), "phone": None, "lang": "nl_NL", "city": "Oslo",
             "zip": "0150", "active": True, "create_date": day(n), "write_date": day(n + 1)}
            for n in range(1, PEOPLE + 1)
        ],
        "product_product": [{"id": n, "default_code": f"FJ{n}", "barcode": None} for n in range(1, 6)],
        "sale_order": [
            {"id": n, "name": f"S{n:05}", "state": "sale", "date_order": day(n), "partner_id": customer_of(n), "currency_id": 1,
             "amount_untaxed": n, "amount_total": n + 0.21, "access_token": None, "create_date": day(n), "write_date": day(n + 2)}
            for n in range(1, ORDERS + 1)
        ],
        "sale_order_line": [
            {"id": n, "order_id": n, "name": "Boat", "product_id": n % 5 + 1, "product_uom_qty": 1, "price_unit": 9.5,
             "sequence": 1}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "sale_order": Expected(
            event="Purchase",
            fields={"email": "email", "currency": "currency", "orderid": "name", "totalvalue": "amount_total",
                    "timestamp": "date_order"},
            cursor=("write_date",),
            joined=("res_partner", "res_currency"),
            lines=Lines({"id": "sku", "name": "name", "price": "price_unit", "quantity": "product_uom_qty"}, "query",
                        {"order_id": "id"}),
            words=("its names are numbers",),
            absent=("access_token",),
        ),
        "res_partner": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "phone": "phone", "language": "lang", "city": "city", "postcode": "zip",
                    "timestamp": "write_date"},
            cursor=("write_date",),
        ),
    },
    listed={"customers": ("res_partner",), "orders": ("sale_order",), "subscriptions": ()},
)  # fmt: skip

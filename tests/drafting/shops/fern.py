"""Totals in cents, carts among the orders, articles known by their variant, buyers by a foreign key."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day, first, last

_TABLES = """
CREATE TABLE sylius_customer (id SERIAL PRIMARY KEY, email VARCHAR(255), email_canonical VARCHAR(255), first_name VARCHAR(255),
  last_name VARCHAR(255), birthday TIMESTAMP, gender VARCHAR(1), phone_number VARCHAR(255),
  subscribed_to_newsletter BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP);
CREATE TABLE sylius_product_variant (id SERIAL PRIMARY KEY, code VARCHAR(255) NOT NULL UNIQUE, position INT);
CREATE TABLE sylius_order (id SERIAL PRIMARY KEY, customer_id INT REFERENCES sylius_customer (id), number VARCHAR(255) UNIQUE,
  notes TEXT, state VARCHAR(255) NOT NULL, checkout_completed_at TIMESTAMP, items_total INT NOT NULL,
  adjustments_total INT NOT NULL, total INT NOT NULL, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP,
  currency_code VARCHAR(3), locale_code VARCHAR(255), checkout_state VARCHAR(255), payment_state VARCHAR(255),
  token_value VARCHAR(255));
CREATE TABLE sylius_order_item (id SERIAL PRIMARY KEY, order_id INT NOT NULL REFERENCES sylius_order (id),
  variant_id INT NOT NULL REFERENCES sylius_product_variant (id), quantity INT NOT NULL, unit_price INT NOT NULL,
  units_total INT NOT NULL, total INT NOT NULL, product_name VARCHAR(255), variant_name VARCHAR(255));
CREATE TABLE sylius_payment (id SERIAL PRIMARY KEY, order_id INT NOT NULL REFERENCES sylius_order (id), amount INT, state VARCHAR(9));
"""

_CARTS = 10

SHOP = Shop(
    name="fern",
    database="postgresql",
    tables=_TABLES,
    rows={
        "sylius_customer": [
            {"id": n, "email": address(n), "email_canonical": address(n), "first_name": first(n), "last_name": last(n),
             "birthday": day(n).replace(year=1990), "gender": "mfu"[n % 3], "phone_number": None,
             "subscribed_to_newsletter": n % 2 == 0, "created_at": day(n), "updated_at": None if n % 3 else day(n + 1)}
            for n in range(1, PEOPLE + 1)
        ],
        "sylius_product_variant": [{"id": n, "code": f"FERN-{n}", "position": n} for n in range(1, 6)],
        "sylius_order": [
            {"id": n, "customer_id": customer_of(n), "number": f"{n:09}" if n > _CARTS else None, "notes": None,
             "state": "new" if n > _CARTS else "cart", "checkout_completed_at": day(n) if n > _CARTS else None,
             "items_total": 1250 + n, "adjustments_total": 0, "total": 1250 + n, "created_at": day(n), "updated_at": day(n + 3),
             "currency_code": "EUR", "locale_code": "nl_NL", "checkout_state": "completed", "payment_state": "paid",
             "token_value": f"t{n}"}
            for n in range(1, ORDERS + 1)
        ],
        "sylius_order_item": [
            {"id": n, "order_id": n, "variant_id": n % 5 + 1, "quantity": 1, "unit_price": 1250, "units_total": 1250,
             "total": 1250, "product_name": "Fern", "variant_name": "Big"}
            for n in range(1, ORDERS + 1)
        ],
        "sylius_payment": [{"id": n, "order_id": n, "amount": 1250, "state": "paid"} for n in range(1, ORDERS + 1)],
    },
    drafts={
        "sylius_order": Expected(
            event="Purchase",
            fields={"email": "email", "language": "locale_code", "currency": "currency_code", "orderid": "number",
                    "totalvalue": "total", "timestamp": ("checkout_completed_at", "created_at")},
            cursor=("updated_at",),
            joined=("sylius_customer",),
            lines=Lines({"id": "sku", "name": "product_name", "price": "unit_price", "quantity": "quantity"}, "query",
                        {"order_id": "id"}),
            words=("CHECK: whole numbers; if they are cents",),
            where="number IS NOT NULL",
            sent=ORDERS - _CARTS,
            absent=("token_value",),
        ),
        "sylius_customer": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "first_name", "lastname": "last_name", "birthdate": "birthday",
                    "gender": "gender", "phone": "phone_number", "newsletter": "subscribed_to_newsletter",
                    "timestamp": ("updated_at", "created_at")},
            cursor=("updated_at", "created_at"),
            consent={"yes": 30, "no": 30},
        ),
    },
    listed={"customers": ("sylius_customer",), "orders": ("sylius_order",), "subscriptions": ()},
)  # fmt: skip

"""UUIDs as keys, gross amounts, an amount's own words for totals, addresses under the user's name."""

from __future__ import annotations

from uuid import UUID

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day, first, last

_TABLES = """
CREATE TABLE account_user (id SERIAL PRIMARY KEY, email VARCHAR(254) UNIQUE, password VARCHAR(128), is_staff BOOLEAN,
  first_name VARCHAR(256), last_name VARCHAR(256), language_code VARCHAR(35), jwt_token_key VARCHAR(12), uuid UUID,
  date_joined TIMESTAMPTZ NOT NULL, updated_at TIMESTAMPTZ NOT NULL);
CREATE INDEX ON account_user (updated_at);
CREATE TABLE order_order (id UUID PRIMARY KEY, number INT NOT NULL UNIQUE, created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL, status VARCHAR(32), user_email VARCHAR(254), user_id INT REFERENCES account_user (id),
  currency VARCHAR(3), total_net_amount NUMERIC(12,3), total_gross_amount NUMERIC(12,3), undiscounted_total NUMERIC(12,3),
  language_code VARCHAR(35), metadata JSONB, search_vector TSVECTOR);
CREATE INDEX ON order_order (updated_at);
CREATE TABLE order_orderline (id UUID PRIMARY KEY, order_id UUID REFERENCES order_order (id), product_sku VARCHAR(255),
  product_name VARCHAR(386), variant_name VARCHAR(255), quantity INT NOT NULL, quantity_fulfilled INT, currency VARCHAR(3),
  unit_price_net_amount NUMERIC(12,3), unit_price_gross_amount NUMERIC(12,3), created_at TIMESTAMPTZ);
"""

SHOP = Shop(
    name="coral",
    database="postgresql",
    tables=_TABLES,
    rows={
        "account_user": [
            {"id": n, "email": address(n), "password": "pbkdf2_sha256$1$x$y", "is_staff": False, "first_name": first(n),
             "last_name": last(n), "language_code": "nl", "jwt_token_key": "abc", "uuid": UUID(int=n), "date_joined": day(n),
             "updated_at": day(n + 2)}
            for n in range(1, PEOPLE + 1)
        ],
        "order_order": [
            {"id": UUID(int=n), "number": n, "created_at": day(n), "updated_at": day(n + 2), "status": "fulfilled",
             "user_email": address(customer_of(n)), "user_id": customer_of(n), "currency": "EUR", "total_net_amount": n,
             "total_gross_amount": n + 0.21, "undiscounted_total": n + 5, "language_code": "nl", "metadata": "{}",
             "search_vector": None}
            for n in range(1, ORDERS + 1)
        ],
        "order_orderline": [
            {"id": UUID(int=n), "order_id": UUID(int=n), "product_sku": f"CO{n % 3}", "product_name": "Coral",
             "variant_name": "S", "quantity": 4, "quantity_fulfilled": 0, "currency": "EUR", "unit_price_net_amount": 1,
             "unit_price_gross_amount": 1.21, "created_at": day(n)}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "order_order": Expected(
            event="Purchase",
            fields={"email": "user_email", "language": "language_code", "currency": "currency", "orderid": "number",
                    "totalvalue": "total_gross_amount", "timestamp": "created_at"},
            cursor=("updated_at",),
            lines=Lines({"id": "product_sku", "name": "product_name", "price": "unit_price_gross_amount",
                         "quantity": "quantity"}, "order_orderline", {"order_id": "id"}),
        ),
        "account_user": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "first_name", "lastname": "last_name", "language": "language_code",
                    "timestamp": "updated_at"},
            cursor=("updated_at",),
            absent=("password", "jwt_token_key"),
        ),
    },
    listed={"customers": ("account_user",), "orders": ("order_order",), "subscriptions": ()},
)  # fmt: skip

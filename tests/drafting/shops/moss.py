"""A second schema, times kept by triggers, users without a name of their own, lines by variant, guests by address."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day

_TABLES = """
CREATE SCHEMA shop;
CREATE TABLE public.schema_migrations (version VARCHAR(50) PRIMARY KEY);
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.stamp := now(); RETURN NEW; END $$;
CREATE TABLE shop.spree_users (id SERIAL PRIMARY KEY, encrypted_password VARCHAR(128), password_salt VARCHAR(128),
  email VARCHAR(255) UNIQUE, reset_password_token VARCHAR(99), spree_api_key VARCHAR(48), sign_in_count INT,
  accepts_email_marketing BOOLEAN, newsletter_opted_in_at TIMESTAMPTZ, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL);
CREATE TABLE shop.spree_variants (id SERIAL PRIMARY KEY, sku VARCHAR(255) NOT NULL, product_id INT);
CREATE TABLE shop.spree_orders (id SERIAL PRIMARY KEY, number VARCHAR(32) NOT NULL UNIQUE, item_total NUMERIC(10,2),
  total NUMERIC(10,2), state VARCHAR(255), user_id INT REFERENCES shop.spree_users (id), completed_at TIMESTAMPTZ NOT NULL,
  payment_state VARCHAR(255), email VARCHAR(255), currency VARCHAR(3), guest_token VARCHAR(64), created_at TIMESTAMPTZ NOT NULL,
  stamp TIMESTAMPTZ NOT NULL);
CREATE TRIGGER keep BEFORE UPDATE ON shop.spree_orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE INDEX ON shop.spree_orders (stamp);
CREATE TABLE shop.spree_line_items (id SERIAL PRIMARY KEY, variant_id INT REFERENCES shop.spree_variants (id),
  order_id INT REFERENCES shop.spree_orders (id), quantity INT NOT NULL, price NUMERIC(10,2) NOT NULL, currency VARCHAR(3));
CREATE VIEW shop.buyers AS SELECT id, email, accepts_email_marketing, created_at, updated_at FROM shop.spree_users;
"""

SHOP = Shop(
    name="moss",
    database="postgresql",
    tables=_TABLES,
    rows={
        "shop.spree_users": [
            {"id": n, "encrypted_password": "x", "password_salt": "y", "email": address(n), "reset_password_token": None,
             "spree_api_key": None, "sign_in_count": 1, "accepts_email_marketing": n % 2 == 0,
             "newsletter_opted_in_at": day(n) if n % 4 == 0 else None, "created_at": day(n), "updated_at": day(n + 2)}
            for n in range(1, PEOPLE + 1)
        ],
        "shop.spree_variants": [{"id": n, "sku": f"M-{n}", "product_id": n} for n in range(1, 5)],
        "shop.spree_orders": [
            {"id": n, "number": f"R{n:09}", "item_total": n, "total": n + 0.95, "state": "complete", "user_id": customer_of(n),
             "completed_at": day(n), "payment_state": "paid", "email": address(customer_of(n)), "currency": "EUR",
             "guest_token": f"g{n}", "created_at": day(n), "stamp": day(n + 8)}
            for n in range(1, ORDERS + 1)
        ],
        "shop.spree_line_items": [
            {"id": n, "variant_id": n % 4 + 1, "order_id": n, "quantity": 2, "price": 0.5, "currency": "EUR"}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "spree_orders": Expected(
            event="Purchase",
            fields={"email": "email", "currency": "currency", "orderid": "number", "totalvalue": "total",
                    "timestamp": "completed_at"},
            cursor=("stamp",),
            lines=Lines({"id": "sku", "price": "price", "quantity": "quantity"}, "query", {"order_id": "id"}),
            words=("a trigger sets it at every update", "table: shop.spree_orders"),
            absent=("guest_token",),
        ),
        "shop.spree_users": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "newsletter": "newsletter_opted_in_at", "marketing": "accepts_email_marketing",
                    "timestamp": "updated_at"},
            cursor=("updated_at",),
            absent=("encrypted_password", "password_salt", "reset_password_token", "spree_api_key"),
            consent={"yes": 15},
        ),
        "shop.buyers": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "marketing": "accepts_email_marketing", "timestamp": "updated_at"},
            cursor=("updated_at",),
            words=("it is unique now",),
        ),
    },
    listed={"customers": ("shop.buyers", "shop.spree_users"), "orders": ("shop.spree_orders",), "subscriptions": ()},
)  # fmt: skip

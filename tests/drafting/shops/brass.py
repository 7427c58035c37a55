"""Orders by increment_id and grand_total, states of subscribers as numbers, configurable articles with their parts."""

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
CREATE TABLE customer_entity (
  entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255), store_id SMALLINT UNSIGNED,
  firstname VARCHAR(255), lastname VARCHAR(255), dob DATE, gender SMALLINT UNSIGNED, password_hash VARCHAR(128),
  rp_token VARCHAR(128), created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
CREATE TABLE sales_order (
  entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, state VARCHAR(32), status VARCHAR(32),
  protect_code VARCHAR(255), customer_id INT UNSIGNED, base_grand_total DECIMAL(20,4), grand_total DECIMAL(20,4),
  shipping_amount DECIMAL(20,4), total_qty_ordered DECIMAL(12,4), quote_id INT, customer_email VARCHAR(128),
  customer_firstname VARCHAR(128), customer_lastname VARCHAR(128), increment_id VARCHAR(50) UNIQUE,
  base_currency_code VARCHAR(3), order_currency_code VARCHAR(3), remote_ip VARCHAR(45),
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, INDEX (updated_at));
CREATE TABLE sales_order_item (
  item_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id INT UNSIGNED NOT NULL, parent_item_id INT UNSIGNED,
  product_id INT UNSIGNED, sku VARCHAR(255), name VARCHAR(255), qty_ordered DECIMAL(12,4), qty_shipped DECIMAL(12,4),
  price DECIMAL(12,4), row_total DECIMAL(20,4), FOREIGN KEY (order_id) REFERENCES sales_order (entity_id));
CREATE TABLE sales_order_payment (
  entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, parent_id INT UNSIGNED NOT NULL, amount_paid DECIMAL(20,4),
  method VARCHAR(128), FOREIGN KEY (parent_id) REFERENCES sales_order (entity_id));
CREATE TABLE sales_invoice (
  entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id INT UNSIGNED, grand_total DECIMAL(20,4),
  increment_id VARCHAR(50), customer_id INT, created_at TIMESTAMP NULL);
CREATE TABLE newsletter_subscriber (
  subscriber_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, change_status_at TIMESTAMP NULL,
  customer_id INT UNSIGNED, subscriber_email VARCHAR(150), subscriber_status INT, subscriber_confirm_code VARCHAR(32));
"""

SHOP = Shop(
    name="brass",
    database="mariadb",
    tables=_TABLES,
    rows={
        "customer_entity": [
            {"entity_id": n, "email": address(n), "store_id": 1, "firstname": first(n), "lastname": last(n),
             "dob": day(n).date().replace(year=1980), "gender": n % 2 + 1, "password_hash": f"{hexadecimal(n)}:x:1",
             "rp_token": None, "created_at": day(n), "updated_at": day(n + 5)}
            for n in range(1, PEOPLE + 1)
        ],
        "sales_order": [
            {"entity_id": n, "state": "complete", "status": "complete", "protect_code": hexadecimal(n),
             "customer_id": customer_of(n) if n % 3 else None, "base_grand_total": n + 9.5, "grand_total": n + 9.5,
             "shipping_amount": 4.95, "total_qty_ordered": 2, "quote_id": n, "customer_email": address(customer_of(n)),
             "customer_firstname": first(n), "customer_lastname": last(n), "increment_id": f"2000{n:05}",
             "base_currency_code": "EUR", "order_currency_code": "EUR", "remote_ip": "10.0.0.1",
             "created_at": day(n), "updated_at": day(n + 20)}
            for n in range(1, ORDERS + 1)
        ],
        "sales_order_item": [
            {"item_id": 2 * n + at, "order_id": n, "parent_item_id": None, "product_id": 7 * at + 1, "sku": f"BR-{at}",
             "name": "Lamp", "qty_ordered": at + 1, "qty_shipped": 0, "price": 4.75, "row_total": 9.5}
            for n in range(1, ORDERS + 1)
            for at in (0, 1)
        ],
        "sales_order_payment": [
            {"entity_id": n, "parent_id": n, "amount_paid": n + 9.5, "method": "ideal"} for n in range(1, ORDERS + 1)
        ],
        "sales_invoice": [
            {"entity_id": n, "order_id": n, "grand_total": 9.5, "increment_id": f"3000{n:05}", "customer_id": 1,
             "created_at": day(n)}
            for n in range(1, 20)
        ],
        "newsletter_subscriber": [
            {"subscriber_id": n, "change_status_at": day(n), "customer_id": n, "subscriber_email": address(n),
             "subscriber_status": (1, 3, 2, 4)[n % 4], "subscriber_confirm_code": hexadecimal(n)}
            for n in range(1, PEOPLE + 1)
        ],
    },
    drafts={
        "customer_entity": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "firstname", "lastname": "lastname", "gender": "gender",
                    "birthdate": "dob", "timestamp": "updated_at"},
            key=("entity_id",),
            cursor=("updated_at",),
            words=("ON UPDATE CURRENT_TIMESTAMP", "like what gives access"),
            absent=("password_hash", "rp_token"),
        ),
        "sales_order": Expected(
            event="Purchase",
            fields={"email": "customer_email", "firstname": "customer_firstname", "lastname": "customer_lastname",
                    "currency": "order_currency_code", "orderid": "increment_id", "totalvalue": "grand_total",
                    "timestamp": "created_at"},
            key=("entity_id",),
            cursor=("updated_at",),
            lines=Lines({"id": "sku", "name": "name", "price": "price", "quantity": "qty_ordered"}, "sales_order_item",
                        {"order_id": "entity_id"}),
            words=("parent_item_id IS NULL",),
            absent=("protect_code",),
        ),
        "newsletter_subscriber": Expected(
            event="EmailOptIn",
            fields={"email": "subscriber_email", "newsletter": "subscriber_status", "timestamp": "change_status_at"},
            key=("subscriber_id",),
            cursor=("change_status_at",),
            absent=("subscriber_confirm_code",),
            where="subscriber_status IN (1, 3)",
            sent=30,
            consent={"yes": 15, "no": 15},
        ),
    },
    listed={"customers": ("customer_entity",), "orders": ("sales_order",), "subscriptions": ("newsletter_subscriber",)},
)  # fmt: skip

"""Orders that are known by their key alone, with GMT in the names of times, and lines in a table for reports."""

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
CREATE TABLE wp_users (ID BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, user_login VARCHAR(60),
  user_pass VARCHAR(255), user_nicename VARCHAR(50), user_email VARCHAR(100), user_registered DATETIME NOT NULL,
  user_activation_key VARCHAR(255), user_status INT NOT NULL, display_name VARCHAR(250));
CREATE TABLE wp_options (option_id BIGINT UNSIGNED NOT NULL PRIMARY KEY, option_name VARCHAR(191), option_value LONGTEXT);
CREATE TABLE wp_wc_orders (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, status VARCHAR(20), currency VARCHAR(10),
  type VARCHAR(20), tax_amount DECIMAL(26,8), total_amount DECIMAL(26,8), customer_id BIGINT UNSIGNED,
  billing_email VARCHAR(320), date_created_gmt DATETIME, date_updated_gmt DATETIME, parent_order_id BIGINT UNSIGNED,
  payment_method VARCHAR(100), transaction_id VARCHAR(100), ip_address VARCHAR(100), user_agent TEXT,
  KEY date_updated (date_updated_gmt));
CREATE TABLE wp_wc_order_addresses (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id BIGINT UNSIGNED NOT NULL,
  address_type VARCHAR(20), first_name TEXT, last_name TEXT, city TEXT, postcode TEXT, country TEXT, email VARCHAR(320));
CREATE TABLE wp_wc_order_product_lookup (order_item_id BIGINT UNSIGNED NOT NULL PRIMARY KEY, order_id BIGINT UNSIGNED NOT NULL,
  product_id BIGINT UNSIGNED NOT NULL, variation_id BIGINT UNSIGNED NOT NULL, customer_id BIGINT UNSIGNED,
  date_created DATETIME, product_qty INT NOT NULL, product_net_revenue DOUBLE NOT NULL, KEY order_id (order_id));
CREATE TABLE wp_wc_customer_lookup (customer_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id BIGINT UNSIGNED,
  username VARCHAR(60), first_name VARCHAR(255), last_name VARCHAR(255), email VARCHAR(100), date_last_active TIMESTAMP NULL,
  date_registered TIMESTAMP NULL, country CHAR(2), postcode VARCHAR(20), city VARCHAR(100), state VARCHAR(100));
"""

SHOP = Shop(
    name="reed",
    database="mariadb",
    tables=_TABLES,
    rows={
        "wp_users": [
            {"ID": n, "user_login": f"koper{n}", "user_pass": f"$P$B{hexadecimal(n)}", "user_nicename": f"koper{n}",
             "user_email": address(n), "user_registered": day(n), "user_activation_key": "", "user_status": 0,
             "display_name": first(n)}
            for n in range(1, PEOPLE + 1)
        ],
        "wp_wc_orders": [
            {"id": 1000 + n, "status": "wc-completed", "currency": "EUR", "type": "shop_order", "tax_amount": 1,
             "total_amount": n + 3, "customer_id": n % 4, "billing_email": address(customer_of(n)),
             "date_created_gmt": day(n), "date_updated_gmt": day(n + 7), "parent_order_id": 0, "payment_method": "cod",
             "transaction_id": "", "ip_address": "10.0.0.1", "user_agent": "x"}
            for n in range(1, ORDERS + 1)
        ],
        "wp_wc_order_addresses": [
            {"id": 2 * n + at, "order_id": 1000 + n, "address_type": kind, "first_name": first(n), "last_name": last(n),
             "city": "Utrecht", "postcode": "3511", "country": "NL", "email": address(customer_of(n))}
            for n in range(1, ORDERS + 1)
            for at, kind in enumerate(("billing", "shipping"))
        ],
        "wp_wc_order_product_lookup": [
            {"order_item_id": n, "order_id": 1000 + n, "product_id": 50 + n % 5, "variation_id": 0, "customer_id": 1,
             "date_created": day(n), "product_qty": 3, "product_net_revenue": 7.5}
            for n in range(1, ORDERS + 1)
        ],
        "wp_wc_customer_lookup": [
            {"customer_id": n, "user_id": n if n % 2 else None, "username": "", "first_name": first(n),
             "last_name": last(n), "email": address(n), "date_last_active": day(n), "date_registered": day(n),
             "country": "NL", "postcode": "1012 AB", "city": "Amsterdam", "state": ""}
            for n in range(1, PEOPLE + 1)
        ],
    },
    drafts={
        "wp_wc_orders": Expected(
            event="Purchase",
            fields={"email": "billing_email", "currency": "currency", "orderid": "id", "totalvalue": "total_amount",
                    "timestamp": "date_created_gmt"},
            cursor=("date_updated_gmt",),
            lines=Lines({"id": "product_id", "quantity": "product_qty"}, "wp_wc_order_product_lookup",
                        {"order_id": "id"}),
            words=("for want of an order number",),
        ),
        "wp_wc_customer_lookup": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "first_name", "lastname": "last_name", "country": "country",
                    "postcode": "postcode", "city": "city"},
            key=("customer_id",),
            words=("no column was found that changes with every write", "date_registered"),
        ),
        "wp_users": Expected(
            event="CustomerUpdated",
            fields={"email": "user_email"},
            key=("ID",),
            absent=("user_pass", "user_activation_key"),
        ),
    },
    listed={"customers": ("wp_wc_customer_lookup", "wp_users"), "orders": ("wp_wc_orders",), "subscriptions": ()},
)  # fmt: skip

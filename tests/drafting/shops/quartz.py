"""Times as seconds since 1970, an order number that is no key and that the lines repeat."""

from __future__ import annotations

from tests.drafting.shops.kinds import (
    ORDERS,
    PEOPLE,
    Expected,
    Lines,
    Shop,
    address,
    customer_of,
    epoch,
    first,
    hexadecimal,
    last,
)

_TABLES = """
CREATE TABLE CubeCart_customer (customer_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(96),
  password VARCHAR(128), salt VARCHAR(32), title VARCHAR(16), first_name VARCHAR(32), last_name VARCHAR(32),
  phone VARCHAR(20), mobile VARCHAR(20), registered INT UNSIGNED, updated INT UNSIGNED NOT NULL, ip_address VARCHAR(45),
  language VARCHAR(5), status TINYINT(1), verify VARCHAR(32));
CREATE TABLE CubeCart_order_summary (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, cart_order_id VARCHAR(18) NOT NULL,
  customer_id INT UNSIGNED, order_date INT UNSIGNED NOT NULL, status TINYINT, subtotal DECIMAL(16,2), discount DECIMAL(16,2),
  total DECIMAL(16,2), first_name VARCHAR(32), last_name VARCHAR(32), email VARCHAR(254), phone VARCHAR(50), town VARCHAR(60),
  postcode VARCHAR(50), gateway VARCHAR(50), lang VARCHAR(5), last_updated BIGINT NOT NULL, KEY (last_updated));
CREATE TABLE CubeCart_order_inventory (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, product_id INT UNSIGNED,
  product_code VARCHAR(60), name VARCHAR(255), price DECIMAL(16,2), quantity INT UNSIGNED NOT NULL, cart_order_id VARCHAR(18),
  digital TINYINT, custom TEXT);
CREATE TABLE CubeCart_newsletter_subscriber (subscriber_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT UNSIGNED, status ENUM('subscribed','unsubscribed','pending') NOT NULL, email VARCHAR(254),
  validation VARCHAR(50), ip_address VARCHAR(45), date DATETIME);
"""

SHOP = Shop(
    name="quartz",
    database="mariadb",
    tables=_TABLES,
    rows={
        "CubeCart_customer": [
            {"customer_id": n, "email": address(n), "password": hexadecimal(n), "salt": hexadecimal(n), "title": "Mr",
             "first_name": first(n), "last_name": last(n), "phone": f"+44 20 7946 {n:04}", "mobile": "", "registered": epoch(n),
             "updated": epoch(n + 3), "ip_address": "10.0.0.1", "language": "en-GB", "status": 1, "verify": hexadecimal(n)}
            for n in range(1, PEOPLE + 1)
        ],
        "CubeCart_order_summary": [
            {"id": n, "cart_order_id": f"250301-120000-{n:04}", "customer_id": customer_of(n), "order_date": epoch(n), "status": 3,
             "subtotal": n, "discount": 0, "total": n + 2.5, "first_name": first(n), "last_name": last(n),
             "email": address(customer_of(n)), "phone": "020 7946 0000", "town": "Leeds", "postcode": "LS1 4AP",
             "gateway": "card", "lang": "en-GB", "last_updated": 1000 * epoch(n + 4)}
            for n in range(1, ORDERS + 1)
        ],
        "CubeCart_order_inventory": [
            {"id": n, "product_id": 5, "product_code": f"Q{n % 6}", "name": "Stone", "price": 1.25, "quantity": 2,
             "cart_order_id": f"250301-120000-{n:04}", "digital": 0, "custom": ""}
            for n in range(1, ORDERS + 1)
        ],
        "CubeCart_newsletter_subscriber": [
            {"subscriber_id": n, "customer_id": n, "status": ("subscribed", "unsubscribed", "pending")[n % 3],
             "email": address(n), "validation": hexadecimal(n), "ip_address": "10.0.0.1", "date": None}
            for n in range(1, PEOPLE + 1)
        ],
    },
    drafts={
        "CubeCart_order_summary": Expected(
            event="Purchase",
            fields={"email": "email", "firstname": "first_name", "lastname": "last_name", "phone": "phone", "city": "town",
                    "postcode": "postcode", "language": "lang", "orderid": "cart_order_id", "totalvalue": "total",
                    "timestamp": "order_date"},
            cursor=("last_updated",),
            unit="epoch_milliseconds",
            lines=Lines({"id": "product_code", "name": "name", "price": "price", "quantity": "quantity"},
                        "CubeCart_order_inventory", {"cart_order_id": "cart_order_id"}),
        ),
        "CubeCart_customer": Expected(
            event="CustomerUpdated",
            fields={"email": "email", "firstname": "first_name", "lastname": "last_name", "phone": "phone",
                    "language": "language", "timestamp": "updated"},
            key=("customer_id",),
            cursor=("updated",),
            unit="epoch_seconds",
            absent=("password", "salt"),
        ),
        "CubeCart_newsletter_subscriber": Expected(
            event="EmailOptIn",
            fields={"email": "email", "newsletter": "status"},
            key=("subscriber_id",),
            where="status IN ('subscribed', 'unsubscribed')",
            sent=40,
            consent={"yes": 20, "no": 20},
        ),
    },
    listed={"customers": ("CubeCart_customer",), "orders": ("CubeCart_order_summary",),
            "subscriptions": ("CubeCart_newsletter_subscriber",)},
)  # fmt: skip

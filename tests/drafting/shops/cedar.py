"""The owner's name before every column (customers_firstname), keys in the plural, changes that begin as NULL."""

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
CREATE TABLE customers (customers_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customers_gender CHAR(1),
  customers_firstname VARCHAR(32), customers_lastname VARCHAR(32), customers_dob DATETIME, customers_email_address VARCHAR(96),
  customers_telephone VARCHAR(32), customers_password VARCHAR(255), customers_newsletter CHAR(1));
CREATE TABLE customers_info (customers_info_id INT NOT NULL PRIMARY KEY, customers_info_date_of_last_logon DATETIME,
  customers_info_number_of_logons INT, customers_info_date_account_created DATETIME,
  customers_info_date_account_last_modified DATETIME);
CREATE TABLE orders (orders_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customers_id INT NOT NULL, customers_name VARCHAR(64),
  customers_city VARCHAR(32), customers_postcode VARCHAR(10), customers_country VARCHAR(32), customers_telephone VARCHAR(32),
  customers_email_address VARCHAR(96), payment_method VARCHAR(128), cc_number VARCHAR(32), cc_cvv VARCHAR(8),
  last_modified DATETIME, date_purchased DATETIME, orders_status INT, currency CHAR(3), currency_value DECIMAL(14,6),
  order_total DECIMAL(15,4), order_tax DECIMAL(15,4), ip_address VARCHAR(96));
CREATE TABLE orders_products (orders_products_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, orders_id INT NOT NULL,
  products_id INT NOT NULL, products_model VARCHAR(32), products_name VARCHAR(191), products_price DECIMAL(15,4),
  final_price DECIMAL(15,4), products_tax DECIMAL(7,4), products_quantity FLOAT NOT NULL);
CREATE TABLE orders_products_download (orders_products_download_id INT NOT NULL PRIMARY KEY, orders_id INT NOT NULL,
  orders_products_id INT, download_count INT);
"""

SHOP = Shop(
    name="cedar",
    database="mariadb",
    tables=_TABLES,
    rows={
        "customers": [
            {"customers_id": n, "customers_gender": "mf"[n % 2], "customers_firstname": first(n), "customers_lastname": last(n),
             "customers_dob": day(n).replace(year=1985), "customers_email_address": address(n),
             "customers_telephone": f"020-12345{n:02}", "customers_password": f"$2y$10${hexadecimal(n)}",
             "customers_newsletter": "10"[n % 2]}
            for n in range(1, PEOPLE + 1)
        ],
        "orders": [
            {"orders_id": n, "customers_id": customer_of(n), "customers_name": f"{first(n)} {last(n)}", "customers_city": "Gent",
             "customers_postcode": "9000", "customers_country": "Belgium", "customers_telephone": "09 1234567",
             "customers_email_address": address(customer_of(n)), "payment_method": "bank", "cc_number": "", "cc_cvv": "",
             "last_modified": None if n % 3 else day(n + 2), "date_purchased": day(n), "orders_status": 3, "currency": "EUR",
             "currency_value": 1, "order_total": n + 2.5, "order_tax": 1, "ip_address": "10.0.0.1"}
            for n in range(1, ORDERS + 1)
        ],
        "orders_products": [
            {"orders_products_id": n, "orders_id": n, "products_id": 8, "products_model": f"C-{n % 4}", "products_name": "Box",
             "products_price": 3.5, "final_price": 3.25, "products_tax": 21, "products_quantity": 2}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "customers": Expected(
            event="CustomerUpdated",
            fields={"email": "customers_email_address", "firstname": "customers_firstname", "lastname": "customers_lastname",
                    "gender": "customers_gender", "birthdate": "customers_dob", "phone": "customers_telephone",
                    "newsletter": "customers_newsletter"},
            key=("customers_id",),
            absent=("customers_password",),
            consent={"yes": 30, "no": 30},
        ),
        "orders": Expected(
            event="Purchase",
            fields={"email": "customers_email_address", "phone": "customers_telephone", "city": "customers_city",
                    "postcode": "customers_postcode", "currency": "currency", "orderid": "orders_id",
                    "totalvalue": "order_total", "timestamp": "date_purchased"},
            key=("orders_id",),
            cursor=("last_modified", "date_purchased"),
            lines=Lines({"id": "products_model", "name": "products_name", "price": "final_price",
                         "quantity": "products_quantity"}, "orders_products", {"orders_id": "orders_id"}),
            words=("last_modified has no value in 54 rows: there date_purchased counts",),
            absent=("cc_cvv",),
        ),
    },
    listed={"customers": ("customers",), "orders": ("orders",), "subscriptions": ()},
)  # fmt: skip

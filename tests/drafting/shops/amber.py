"""Keys of 32 digits, every column with the same two letters before it, addresses in the user's name, double opt-in."""

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
CREATE TABLE oxuser (OXID CHAR(32) NOT NULL PRIMARY KEY, OXACTIVE TINYINT(1), OXRIGHTS CHAR(128), OXUSERNAME VARCHAR(255),
  OXPASSWORD VARCHAR(128), OXPASSSALT CHAR(128), OXCUSTNR INT, OXCOMPANY VARCHAR(255), OXFNAME VARCHAR(255),
  OXLNAME VARCHAR(255), OXSTREET VARCHAR(255), OXCITY VARCHAR(255), OXZIP VARCHAR(16), OXFON VARCHAR(128), OXSAL VARCHAR(128),
  OXCREATE DATETIME NOT NULL, OXREGISTER DATETIME NOT NULL, OXBIRTHDATE DATE, OXUPDATEKEY VARCHAR(32),
  OXTIMESTAMP TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
CREATE TABLE oxorder (OXID CHAR(32) NOT NULL PRIMARY KEY, OXSHOPID INT, OXUSERID CHAR(32), OXORDERDATE DATETIME NOT NULL,
  OXORDERNR INT UNSIGNED NOT NULL, OXBILLEMAIL VARCHAR(255), OXBILLFNAME VARCHAR(255), OXBILLLNAME VARCHAR(255),
  OXBILLCITY VARCHAR(255), OXBILLZIP VARCHAR(16), OXDELFNAME VARCHAR(255), OXDELCITY VARCHAR(255), OXTOTALNETSUM DOUBLE,
  OXTOTALBRUTSUM DOUBLE, OXTOTALORDERSUM DOUBLE, OXREMARK TEXT, OXCURRENCY VARCHAR(32), OXCURRATE DOUBLE, OXFOLDER VARCHAR(32),
  OXPAID DATETIME, OXSTORNO TINYINT(1), OXTRANSSTATUS VARCHAR(30), OXLANG INT,
  OXTIMESTAMP TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY (OXTIMESTAMP));
CREATE TABLE oxorderarticles (OXID CHAR(32) NOT NULL PRIMARY KEY, OXORDERID CHAR(32) NOT NULL, OXAMOUNT DOUBLE NOT NULL,
  OXARTID CHAR(32), OXARTNUM VARCHAR(255), OXTITLE VARCHAR(255), OXNETPRICE DOUBLE, OXBRUTPRICE DOUBLE, OXPRICE DOUBLE,
  OXBPRICE DOUBLE, OXWEIGHT DOUBLE, OXSTORNO TINYINT(1),
  OXTIMESTAMP TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY (OXORDERID));
CREATE TABLE oxnewssubscribed (OXID CHAR(32) NOT NULL PRIMARY KEY, OXUSERID CHAR(32), OXSAL VARCHAR(64), OXFNAME VARCHAR(255),
  OXLNAME VARCHAR(255), OXEMAIL VARCHAR(128), OXDBOPTIN TINYINT(2) NOT NULL, OXEMAILFAILED TINYINT(1), OXSUBSCRIBED DATETIME,
  OXUNSUBSCRIBED DATETIME, OXTIMESTAMP TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
"""

SHOP = Shop(
    name="amber",
    database="mariadb",
    tables=_TABLES,
    rows={
        "oxuser": [
            {"OXID": hexadecimal(n), "OXACTIVE": 1, "OXRIGHTS": "user", "OXUSERNAME": address(n), "OXPASSWORD": hexadecimal(n),
             "OXPASSSALT": hexadecimal(n), "OXCUSTNR": n, "OXCOMPANY": "", "OXFNAME": first(n), "OXLNAME": last(n),
             "OXSTREET": "Dorfstr.", "OXCITY": "Bonn", "OXZIP": "01067", "OXFON": "", "OXSAL": ("MR", "MRS")[n % 2],
             "OXCREATE": day(n), "OXREGISTER": day(n), "OXBIRTHDATE": day(n).date().replace(year=1970), "OXUPDATEKEY": "",
             "OXTIMESTAMP": day(n + 3)}
            for n in range(1, PEOPLE + 1)
        ],
        "oxorder": [
            {"OXID": hexadecimal(n, "b"), "OXSHOPID": 1, "OXUSERID": hexadecimal(customer_of(n)), "OXORDERDATE": day(n),
             "OXORDERNR": 500 + n, "OXBILLEMAIL": address(customer_of(n)), "OXBILLFNAME": first(n), "OXBILLLNAME": last(n),
             "OXBILLCITY": "Bonn", "OXBILLZIP": "53111", "OXDELFNAME": "", "OXDELCITY": "", "OXTOTALNETSUM": 10.0,
             "OXTOTALBRUTSUM": 11.9, "OXTOTALORDERSUM": n + 11.9, "OXREMARK": "", "OXCURRENCY": "EUR", "OXCURRATE": 1.0,
             "OXFOLDER": "NEW", "OXPAID": day(n), "OXSTORNO": 0, "OXTRANSSTATUS": "OK", "OXLANG": 0, "OXTIMESTAMP": day(n + 6)}
            for n in range(1, ORDERS + 1)
        ],
        "oxorderarticles": [
            {"OXID": hexadecimal(n, "c"), "OXORDERID": hexadecimal(n, "b"), "OXAMOUNT": 2.0, "OXARTID": hexadecimal(n % 5, "d"),
             "OXARTNUM": f"A{n % 5}", "OXTITLE": "Kette", "OXNETPRICE": 10.0, "OXBRUTPRICE": 11.9, "OXPRICE": 5.95,
             "OXBPRICE": 5.95, "OXWEIGHT": 0.2, "OXSTORNO": 0, "OXTIMESTAMP": day(n)}
            for n in range(1, ORDERS + 1)
        ],
        "oxnewssubscribed": [
            {"OXID": hexadecimal(n, "e"), "OXUSERID": hexadecimal(n), "OXSAL": "MR", "OXFNAME": first(n), "OXLNAME": last(n),
             "OXEMAIL": address(n), "OXDBOPTIN": n % 3, "OXEMAILFAILED": 0, "OXSUBSCRIBED": day(n), "OXUNSUBSCRIBED": None,
             "OXTIMESTAMP": day(n)}
            for n in range(1, PEOPLE + 1)
        ],
    },
    drafts={
        "oxuser": Expected(
            event="CustomerUpdated",
            fields={"email": "OXUSERNAME", "firstname": "OXFNAME", "lastname": "OXLNAME", "gender": "OXSAL",
                    "birthdate": "OXBIRTHDATE", "postcode": "OXZIP", "city": "OXCITY", "phone": "OXFON",
                    "timestamp": "OXTIMESTAMP"},
            key=("OXID",),
            cursor=("OXTIMESTAMP",),
            absent=("OXPASSWORD", "OXPASSSALT", "OXUPDATEKEY"),
        ),
        "oxorder": Expected(
            event="Purchase",
            fields={"email": "OXBILLEMAIL", "firstname": "OXBILLFNAME", "lastname": "OXBILLLNAME", "city": "OXBILLCITY",
                    "postcode": "OXBILLZIP", "currency": "OXCURRENCY", "orderid": "OXORDERNR",
                    "totalvalue": "OXTOTALORDERSUM", "timestamp": "OXORDERDATE"},
            key=("OXID",),
            cursor=("OXTIMESTAMP",),
            lines=Lines({"id": "OXARTNUM", "name": "OXTITLE", "price": "OXBPRICE", "quantity": "OXAMOUNT"},
                        "oxorderarticles", {"OXORDERID": "OXID"}),
        ),
        "oxnewssubscribed": Expected(
            event="EmailOptIn",
            fields={"email": "OXEMAIL", "firstname": "OXFNAME", "lastname": "OXLNAME", "gender": "OXSAL",
                    "newsletter": "OXDBOPTIN", "timestamp": "OXTIMESTAMP"},
            key=("OXID",),
            cursor=("OXTIMESTAMP",),
            where="`OXDBOPTIN` IN (0, 1)",
            sent=40,
            consent={"yes": 20, "no": 20},
        ),
    },
    listed={"customers": ("oxuser",), "orders": ("oxorder",), "subscriptions": ("oxnewssubscribed",)},
)  # fmt: skip

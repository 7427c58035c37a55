"""A letter for the type before every German name, and orders that were never finished under the number 0."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day, first, last

_TABLES = """
CREATE TABLE tkunde (kKunde INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, cKundenNr VARCHAR(20), cPasswort VARCHAR(255),
  cAnrede VARCHAR(20), cVorname VARCHAR(255), cNachname VARCHAR(255), cPLZ VARCHAR(20), cOrt VARCHAR(255), cLand VARCHAR(2),
  cTel VARCHAR(30), cMail VARCHAR(255), cNewsletter CHAR(1), dGeburtstag DATE, dErstellt DATE, dGeaendert DATETIME);
CREATE TABLE tBestellung (kBestellung INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, kKunde INT UNSIGNED NOT NULL,
  cBestellNr VARCHAR(20) NOT NULL, fGesamtsumme DOUBLE NOT NULL, cStatus CHAR(2), cSession VARCHAR(99), dErstellt DATETIME NOT NULL,
  dAktualisiert DATETIME NOT NULL);
CREATE TABLE tBestellposition (kBestellposition INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, kBestellung INT UNSIGNED NOT NULL,
  kArtikel INT UNSIGNED, cArtNr VARCHAR(99), cName VARCHAR(255), fPreis DOUBLE, nAnzahl DOUBLE);
"""

_UNFINISHED = 12

SHOP = Shop(
    name="kahn",
    database="mariadb",
    tables=_TABLES,
    rows={
        "tkunde": [
            {"kKunde": n, "cKundenNr": f"K{n}", "cPasswort": "x", "cAnrede": ("Herr", "Frau")[n % 2], "cVorname": first(n),
             "cNachname": last(n), "cPLZ": "01067", "cOrt": "Dresden", "cLand": "DE", "cTel": "", "cMail": address(n),
             "cNewsletter": "YN"[n % 2], "dGeburtstag": None, "dErstellt": day(n).date(),
             "dGeaendert": day(n + 1)}
            for n in range(1, PEOPLE + 1)
        ],
        "tBestellung": [
            {"kBestellung": n, "kKunde": customer_of(n), "cBestellNr": f"B{n:05}" if n > _UNFINISHED else "0",
             "fGesamtsumme": n + 0.5, "cStatus": "3", "cSession": "x", "dErstellt": day(n), "dAktualisiert": day(n + 1)}
            for n in range(1, ORDERS + 1)
        ],
        "tBestellposition": [
            {"kBestellposition": n, "kBestellung": n, "kArtikel": 4, "cArtNr": f"KA{n % 4}", "cName": "Kahn", "fPreis": 0.5,
             "nAnzahl": 2}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "tBestellung": Expected(
            event="Purchase",
            fields={"email": "email", "orderid": "cBestellNr", "totalvalue": "fGesamtsumme", "timestamp": "dErstellt"},
            key=("kBestellung",),
            cursor=("dAktualisiert",),
            joined=("tkunde",),
            where="`cBestellNr` <> '0'",
            lines=Lines({"id": "cArtNr", "name": "cName", "price": "fPreis", "quantity": "nAnzahl"}, "tBestellposition",
                        {"kBestellung": "kBestellung"}),
            sent=ORDERS - _UNFINISHED,
        ),
        "tkunde": Expected(
            event="CustomerUpdated",
            fields={"email": "cMail", "gender": "cAnrede", "firstname": "cVorname", "lastname": "cNachname",
                    "postcode": "cPLZ", "city": "cOrt", "country": "cLand", "phone": "cTel", "newsletter": "cNewsletter",
                    "birthdate": "dGeburtstag", "timestamp": "dGeaendert"},
            key=("kKunde",),
            cursor=("dGeaendert",),
            absent=("cPasswort",),
            consent={"yes": 30, "no": 30},
        ),
    },
    listed={"customers": ("tkunde",), "orders": ("tBestellung",), "subscriptions": ()},
)  # fmt: skip

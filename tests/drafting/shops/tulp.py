"""A Dutch shop of its own making on SQLite: the lines as JSON in the order, a name that says nothing, a trigger."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, PEOPLE, Expected, Lines, Shop, address, customer_of, day, first, last

_TABLES = """
CREATE TABLE klanten (klantnr INTEGER PRIMARY KEY, mailadres VARCHAR(200), voornaam VARCHAR(50), achternaam VARCHAR(50),
  taal VARCHAR(5), nieuwsbriefstatus VARCHAR(20), wachtwoord VARCHAR(80), aangemaakt_op DATETIME, bijgewerkt_op VARCHAR(20));
CREATE TABLE webverkopen (id INTEGER PRIMARY KEY, bestelnummer VARCHAR(20), klantnr INTEGER, totaalbedrag DECIMAL(10,2),
  valuta CHAR(3), regels TEXT, besteld_op DATETIME NOT NULL, gewijzigd DATETIME NOT NULL);
CREATE TRIGGER bijhouden AFTER UPDATE ON webverkopen BEGIN
  UPDATE webverkopen SET gewijzigd = datetime('now') WHERE id = NEW.id;
  END;
"""

SHOP = Shop(
    name="tulp",
    database="sqlite",
    tables=_TABLES,
    rows={
        "klanten": [
            {"klantnr": n, "mailadres": address(n), "voornaam": first(n), "achternaam": last(n), "taal": "nl",
             "nieuwsbriefstatus": ("Aangemeld", "Afgemeld", "in afwachting")[n % 3], "wachtwoord": "x",
             "aangemaakt_op": str(day(n)), "bijgewerkt_op": f"{day(n):%d-%m-%Y %H:%M}"}
            for n in range(1, PEOPLE + 1)
        ],
        "webverkopen": [
            {"id": n, "bestelnummer": f"T{n:05}", "klantnr": customer_of(n), "totaalbedrag": n + 0.5, "valuta": "EUR",
             "regels": [{"artikelnr": f"TU{n % 3}", "omschrijving": "Tulp", "aantal": 10, "stukprijs": 0.35}],
             "besteld_op": str(day(n)), "gewijzigd": str(day(n + 1))}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "webverkopen": Expected(
            event="Purchase",
            fields={"email": "email", "currency": "valuta", "orderid": "bestelnummer",
                    "totalvalue": "totaalbedrag", "timestamp": "besteld_op"},
            cursor=("gewijzigd",),
            joined=("klanten",),
            lines=Lines({"id": "artikelnr", "name": "omschrijving", "price": "stukprijs", "quantity": "aantal"},
                        json="regels"),
            words=("a trigger sets it at every update",),
        ),
        "klanten": Expected(
            event="CustomerUpdated",
            fields={"email": "mailadres", "firstname": "voornaam", "lastname": "achternaam", "language": "taal",
                    "newsletter": "nieuwsbriefstatus"},
            key=("klantnr",),
            words=("do not sort as times",),
            absent=("wachtwoord",),
            consent={"yes": 20, "no": 20},
        ),
    },
    listed={"customers": ("klanten",), "orders": ("webverkopen",), "subscriptions": ()},
)  # fmt: skip

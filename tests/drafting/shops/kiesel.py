"""A German shop that books services: one on each order's row; and orders whose buyer no table knows."""

from __future__ import annotations

from tests.drafting.shops.kinds import ORDERS, Expected, Lines, Shop, address, customer_of, day

_TABLES = """
CREATE TABLE Buchungen (BuchungID SERIAL PRIMARY KEY, Auftragsnummer VARCHAR(20) UNIQUE, EMail VARCHAR(200),
  Leistungscode VARCHAR(20), Leistung VARCHAR(100), Anzahl INT, Einzelpreis NUMERIC(10,2), Gesamtbetrag NUMERIC(10,2),
  Waehrung CHAR(3), Auftragsdatum TIMESTAMP, Anreise DATE, geaendert_am TIMESTAMP NOT NULL);
CREATE TABLE Belege (id SERIAL PRIMARY KEY, Bestellnr VARCHAR(20), Kundennr INT, Gesamtsumme NUMERIC(10,2), erstellt TIMESTAMP);
CREATE TABLE Belegzahlungen (id SERIAL PRIMARY KEY, Beleg_id INT REFERENCES Belege (id), Betrag NUMERIC(10,2));
"""

SHOP = Shop(
    name="kiesel",
    database="postgresql",
    tables=_TABLES,
    rows={
        "buchungen": [
            {"buchungid": n, "auftragsnummer": f"A{n:05}", "email": address(customer_of(n)), "leistungscode": f"L{n % 3}",
             "leistung": "Massage", "anzahl": 1 + n % 2, "einzelpreis": 45, "gesamtbetrag": 90.5, "waehrung": "EUR",
             "auftragsdatum": day(n), "anreise": day(n + 30).date(), "geaendert_am": day(n + 1)}
            for n in range(1, ORDERS + 1)
        ],
        "belege": [
            {"id": n, "bestellnr": f"B{n:05}", "kundennr": n % 9, "gesamtsumme": n + 0.5, "erstellt": day(n)}
            for n in range(1, ORDERS + 1)
        ],
    },
    drafts={
        "buchungen": Expected(
            event="Purchase",
            fields={"email": "email", "currency": "waehrung", "checkin_date": "anreise", "orderid": "auftragsnummer",
                    "totalvalue": "gesamtbetrag", "timestamp": "auftragsdatum"},
            key=("buchungid",),
            cursor=("geaendert_am",),
            lines=Lines({"id": "leistungscode", "name": "leistung", "price": "einzelpreis", "quantity": "anzahl"}),
        ),
        "belege": Expected(
            event="Purchase",
            fields={},
            words=("# userid: kundennr", "belegzahlungen refers to this table, but no column of it looks like"),
            refused="no email and no userid",
        ),
    },
    listed={"customers": (), "orders": ("buchungen", "belege"), "subscriptions": ()},
)  # fmt: skip

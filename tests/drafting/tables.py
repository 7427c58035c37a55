"""Tables as Dutch and German shops have them, with a few rows, on any database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

NEW_YEAR = datetime(2024, 1, 1, 12, 0, 0)  # noqa: DTZ001 - a naive column


def dutch_customers(url: str, *, rows: int = 60) -> None:
    """`klanten`: everything by its Dutch name, an index on the cursor."""
    table = sa.Table(
        "klanten",
        sa.MetaData(),
        sa.Column("klantnummer", sa.Integer, primary_key=True),
        sa.Column("e_mailadres", sa.String(254)),
        sa.Column("voornaam", sa.String(80)),
        sa.Column("achternaam", sa.String(80)),
        sa.Column("geslacht", sa.String(10)),
        sa.Column("geboortedatum", sa.Date),
        sa.Column("telefoonnummer", sa.String(30)),
        sa.Column("postcode", sa.String(10)),
        sa.Column("woonplaats", sa.String(80)),
        sa.Column("land", sa.String(2)),
        sa.Column("taal", sa.String(10)),
        sa.Column("valuta", sa.String(3)),
        sa.Column("nieuwsbrief", sa.String(3)),
        sa.Column("spaarpunten", sa.Integer),
        sa.Column("gewijzigd_op", sa.DateTime, nullable=False, index=True),
    )
    fill(
        url,
        table,
        [
            {
                "klantnummer": number,
                "e_mailadres": f"Klant{number}@voorbeeld.nl",
                "voornaam": "Eva",
                "achternaam": "de Vries",
                "geslacht": "vrouw" if number % 2 else "man",
                "geboortedatum": NEW_YEAR.date() - timedelta(days=9000 + number),
                "telefoonnummer": f"06-{12345678 + number}",
                "postcode": "0611 AB",
                "woonplaats": "Utrecht",
                "land": "NL",
                "taal": "nl_NL",
                "valuta": "EUR",
                "nieuwsbrief": "ja" if number % 3 else "nee",
                "spaarpunten": number,
                "gewijzigd_op": NEW_YEAR + timedelta(minutes=number),
            }
            for number in range(1, rows + 1)
        ],
    )


def german_customers(url: str, *, rows: int = 60) -> None:
    """`Kunden`: umlauts, capitals and spaces in names; a unique index instead of a key; gaps in an unindexed cursor."""
    table = sa.Table(
        "Kunden",
        sa.MetaData(),
        sa.Column("Kundennr", sa.Integer, nullable=False, unique=True),
        sa.Column("E-Mail", sa.String(254)),
        sa.Column("Vorname", sa.String(80)),
        sa.Column("Nachname", sa.String(80)),
        sa.Column("Geschlecht", sa.String(10)),
        sa.Column("Geburtsdatum", sa.String(10)),
        sa.Column("Telefon", sa.String(30)),
        sa.Column("PLZ", sa.String(5)),
        sa.Column("Ort", sa.String(80)),
        sa.Column("Länderkennzeichen", sa.String(3)),
        sa.Column("Sprache", sa.String(5)),
        sa.Column("Währung", sa.String(3)),
        sa.Column("Newsletter Anmeldung", sa.Boolean),
        sa.Column("geändert am", sa.DateTime(timezone=True)),
    )
    fill(
        url,
        table,
        [
            {
                "Kundennr": number,
                "E-Mail": f"kunde{number}@beispiel.de",
                "Vorname": "Jörg",
                "Nachname": "Müller",
                "Geschlecht": "w" if number % 2 else "m",
                "Geburtsdatum": "31-12-1979",
                "Telefon": "+49 30 901820",
                "PLZ": "01067",
                "Ort": "Dresden",
                "Länderkennzeichen": "DE",
                "Sprache": "de",
                "Währung": "EUR",
                "Newsletter Anmeldung": bool(number % 2),
                "geändert am": None if number % 10 == 0 else NEW_YEAR + timedelta(minutes=number),
            }
            for number in range(1, rows + 1)
        ],
    )


def fill(url: str, table: sa.Table, rows: Sequence[dict[str, object]]) -> None:
    """Make `table` with `rows`."""
    engine = sa.create_engine(with_driver(url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        table.metadata.create_all(connection)
        if rows:
            connection.execute(sa.insert(table), rows)
    engine.dispose()


def with_driver(url: str) -> sa.URL:
    parsed = sa.make_url(url)
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
    return parsed.set(drivername=drivers.get(parsed.drivername, parsed.drivername))

"""What `init` writes for real tables: it loads, passes `validate --connect`, and makes events, without an edit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.drafting.choose import choose
from etl.drafting.facts import KeyFacts, SampledColumn, TableFacts
from etl.errors import MappingInvalid
from etl.mapping.load import parse_mapping
from etl.sandbox.shop import build_shop
from tests.drafting.drafted import draft_of, mapping_of, text_of
from tests.drafting.tables import NEW_YEAR, dutch_customers, fill, german_customers, with_driver


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    build_shop(path, customers=600)
    return f"sqlite:///{path}"


def copy(source: str, target: str) -> None:
    """The tables of the demo shop, with keys and indexes, on another database."""
    metadata = sa.MetaData()
    one, other = sa.create_engine(source), sa.create_engine(with_driver(target))
    sa.event.listen(one, "connect", read_anything)
    sa.event.listen(
        metadata, "column_reflect", lambda _inspector, _table, column: column.update(type=generic(column["type"]))
    )
    metadata.reflect(one)
    with one.connect() as reading, other.begin() as writing:
        metadata.create_all(writing)
        for table in metadata.sorted_tables:
            rows = [dict(row) for row in reading.execute(sa.select(table)).mappings()]
            writing.execute(sa.insert(table), [mended(row, table) for row in rows])
    one.dispose()
    other.dispose()


def read_anything(connection: sqlite3.Connection, _record: object) -> None:
    connection.text_factory = lambda stored: stored.decode("utf-8", "replace")


def generic(column_type: sa.types.TypeEngine) -> sa.types.TypeEngine:
    return column_type.as_generic()


def mended(row: dict[str, object], table: sa.Table) -> dict[str, object]:
    """PostgreSQL refuses what SQLite lets in: NUL, and texts that are too long."""
    return {
        name: value.replace("\0", "")[: getattr(table.c[name].type, "length", None)]
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }


SHOP_CUSTOMERS = {
    "email": "email",
    "firstname": "first_name",
    "lastname": "last_name",
    "gender": "gender",
    "birthdate": "birthdate",
    "phone": "phone",
    "postcode": "postcode",
    "city": "city",
    "country": "country",
    "currency": "currency",
    "language": "locale",
    "newsletter": "newsletter_opt_in",
    "timestamp": "updated_at",
}


def test_the_demo_shops_customers(shop: str) -> None:
    draft = draft_of(shop, "customers")
    assert draft.errors == []
    assert draft.columns() == SHOP_CUSTOMERS
    assert draft.mapping.source.primary_key == ("id",)
    assert draft.mapping.source.cursor_field == ("updated_at",)
    assert draft.mapping.source.timezone == "UTC"
    assert draft.mapping.event == "CustomerUpdated"
    assert draft.mapping.resend_ignores == ("timestamp",)
    assert "# custom_lifetime_value: lifetime_value" in draft.text
    assert draft.share_valid > 0.98


def test_the_demo_shops_orders_with_their_lines(shop: str) -> None:
    draft = draft_of(shop, "orders")
    assert draft.errors == []
    assert draft.mapping.event == "Purchase"
    assert draft.columns() == {
        "email": "email",
        "currency": "currency",
        "language": "locale",
        "timestamp": "ordered_at",
        "orderid": "order_number",
        "totalvalue": "total",
    }
    products = draft.mapping.products
    assert products is not None
    assert products.table == "order_lines"
    assert products.match == {"order_id": "id"}
    assert {name: rule.column for name, rule in products.fields.items()} == {
        "id": "sku",
        "name": "title",
        "price": "unit_price",
        "quantity": "quantity",
        "category_ids": "category_id",
    }
    assert draft.share_valid > 0.95


def test_the_demo_shop_on_postgresql(shop: str, postgresql_url: str) -> None:
    copy(shop, postgresql_url)
    for table in ("customers", "orders"):
        draft = draft_of(postgresql_url, table)
        assert draft.errors == []
        assert draft.share_valid > 0.95
    assert draft_of(postgresql_url, "public.customers").columns() == SHOP_CUSTOMERS


def test_a_dutch_table(url: str) -> None:
    dutch_customers(url)
    draft = draft_of(url, "klanten")
    assert draft.errors == []
    assert draft.columns() == {
        "email": "e_mailadres",
        "firstname": "voornaam",
        "lastname": "achternaam",
        "gender": "geslacht",
        "birthdate": "geboortedatum",
        "phone": "telefoonnummer",
        "postcode": "postcode",
        "city": "woonplaats",
        "country": "land",
        "currency": "valuta",
        "language": "taal",
        "newsletter": "nieuwsbrief",
        "timestamp": "gewijzigd_op",
    }
    assert draft.mapping.source.primary_key == ("klantnummer",)
    assert draft.mapping.event == "CustomerUpdated"
    assert draft.share_valid == 1.0


def test_a_german_table(url: str) -> None:
    """Its key is a unique index only, its cursor has no index and is missing in some rows."""
    german_customers(url)
    draft = draft_of(url, "Kunden")
    assert draft.errors == []
    assert draft.columns() == {
        "email": "E-Mail",
        "firstname": "Vorname",
        "lastname": "Nachname",
        "gender": "Geschlecht",
        "birthdate": "Geburtsdatum",
        "phone": "Telefon",
        "postcode": "PLZ",
        "city": "Ort",
        "country": "Länderkennzeichen",
        "currency": "Währung",
        "language": "Sprache",
        "newsletter": "Newsletter Anmeldung",
        "timestamp": "geändert am",
    }
    assert draft.mapping.source.primary_key == ("Kundennr",)
    assert "unique by an index" in draft.text
    assert draft.mapping.source.cursor_field == (), "rows without a value in it would never be sent"
    assert "geändert am: it has no value in 6 rows" in draft.text
    assert draft.share_valid == 1.0


def test_columns_whose_names_say_nothing_are_known_by_their_values(url: str) -> None:
    columns = {
        "a": "eva@example.com",
        "b": "EUR",
        "c": "NL",
        "d": "nl_NL",
        "e": "ja",
        "f": "2024-01-31",
        "g": "Utrecht",
    }
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("z", sa.Integer, primary_key=True), *(sa.Column(one, sa.Text) for one in columns)
    )
    rows = [{"z": number, **columns, "e": "ja" if number % 2 else "nee"} for number in range(1, 40)]
    fill(url, table, rows)
    draft = draft_of(url, "t")
    assert draft.errors == []
    assert draft.columns() == {"email": "a", "currency": "b", "country": "c", "language": "d"}
    assert "by what its values look like" in draft.text
    assert "# custom_e: {column: e, type: yes_no}" in draft.text
    assert "# custom_f: {column: f, type: date}" in draft.text
    assert "# custom_g: g" in draft.text
    assert draft.mapping.source.cursor_field == ()
    assert "every run reads all rows" in draft.text


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("service_code", "KN", None),
        ("nationality", "NL", None),
        ("shop", "nl", None),
        ("b_country", "NL", "country"),
        ("LAND1", "NL", "country"),
        ("lang_key", "nl", "language"),
        ("shop", "nl_NL", "language"),
        ("field_7", "NL", "country"),
    ],
)
def test_two_letters_are_a_country_only_where_the_name_allows_it(name: str, value: str, field: str | None) -> None:
    """A treatment KN made everybody live on Saint Kitts."""
    columns = (
        SampledColumn("id", "integer", tuple(range(30))),
        SampledColumn("email", "text", tuple(f"a{n}@shop.nl" for n in range(30))),
        SampledColumn(name, "text", (value,) * 30),
    )
    draft = choose(TableFacts("visits", columns, KeyFacts(("id",), ""), None, rows=30))
    assert [one.name for one in draft.fields if one.column == name] == ([field] if field else [])
    assert [one.options for one in draft.customs] == ([()] if field is None else [])


def test_a_name_that_the_values_deny_is_not_believed(url: str) -> None:
    """A `land` that holds provinces, a `gender` that holds numbers, a `mail` that holds flags."""
    table = sa.Table(
        "klanten",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("land", sa.Text),
        sa.Column("mail", sa.Integer),
        sa.Column("contact", sa.Text),
        sa.Column("updated_at", sa.Text),
    )
    rows = [
        {"id": number, "land": "Nordrhein-Westfalen", "mail": 1, "contact": "a@example.com", "updated_at": "unknown"}
        for number in range(1, 30)
    ]
    fill(url, table, rows)
    draft = draft_of(url, "klanten")
    assert draft.errors == []
    assert draft.columns() == {"email": "contact"}
    assert "# custom_land: land" in draft.text


def test_an_empty_table_is_drafted_by_its_names(url: str) -> None:
    dutch_customers(url, rows=0)
    draft = draft_of(url, "klanten")
    assert draft.errors == []
    assert "email" in draft.columns()
    assert "newsletter" in draft.columns()


def test_a_table_without_anything_unique_says_so(url: str) -> None:
    table = sa.Table("log", sa.MetaData(), sa.Column("email", sa.Text), sa.Column("what", sa.Text))
    fill(url, table, [{"email": "a@example.com", "what": "x"}] * 5)
    draft = draft_of(url, "log")
    assert "nothing unique was found" in draft.text
    assert [one.path for one in draft.errors] == ["source.primary_key"]


def test_a_table_without_an_identity_is_refused_until_a_person_decides(url: str) -> None:
    """An internal id as userid would split profiles; as a comment it sends nothing."""
    table = sa.Table(
        "bestellingen",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("bestelnummer", sa.Text),
        sa.Column("klant_id", sa.Integer),
        sa.Column("totaalbedrag", sa.Numeric(10, 2)),
        sa.Column("besteld_op", sa.DateTime),
    )
    fill(url, table, [{"id": 1, "bestelnummer": "B1", "klant_id": 7, "totaalbedrag": 5, "besteld_op": NEW_YEAR}])
    text = text_of(url, "bestellingen")
    assert "  # userid: klant_id " in text
    assert "A STAND-IN" in text
    with pytest.raises(MappingInvalid) as refused:
        mapping_of(text, url)
    assert [one for one in refused.value.problems if "no email and no userid" in one]
    assert [one for one in refused.value.problems if "products" in one]


def test_odd_names_are_quoted(url: str) -> None:
    """A5, F15. Names with spaces, quotes, dollars, YAML's words and control characters."""
    names = ["no", "${HOME}", 'quo"te', "colon: x", "# mark", "per$cent", "tab\there", "naïve", "e-mail"]
    table = sa.Table(
        "my table",
        sa.MetaData(),
        sa.Column("null", sa.Integer, primary_key=True),
        *(sa.Column(one, sa.Text) for one in names),
    )
    fill(url, table, [{"null": 1, **dict.fromkeys(names, "x"), "e-mail": "a@example.com"}])
    draft = draft_of(url, "my table")
    assert draft.errors == []
    assert draft.columns() == {"email": "e-mail"}
    uncommented = draft.text.replace("  # custom_", "  custom_")
    assert "\t" not in uncommented
    path = Path("odd.yaml")
    mapping = parse_mapping(
        uncommented.encode(), path=path, environment={}, read_file=Path.read_bytes, resolve_variables=False
    )
    assert {rule.column for rule in mapping.fields.values()} == set(names) - {"tab\there"}

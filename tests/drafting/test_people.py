"""Where the address of a person stands in another table, what says consent, and what must not leave the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import MappingInvalid
from etl.mapping.load import parse_mapping
from tests.drafting.drafted import draft_of, mapping_of, text_of
from tests.drafting.tables import with_driver
from tests.source.tables import insert, run_sql

ROWS = 24


def made(url: str, name: str, columns: str, row: Any) -> None:
    run_sql(url, f"CREATE TABLE {name} ({columns})")
    insert(url, name, [row(n) for n in range(1, ROWS + 1)])


def plain(text: str) -> str:
    return " ".join(text.replace("#", " ").split())


def customers(url: str, name: str = "customers", key: str = "id") -> None:
    made(
        url,
        name,
        f"{key} INTEGER PRIMARY KEY, email VARCHAR(60), name VARCHAR(40)",
        lambda n: {key: n, "email": f"a{n}@shop.nl", "name": "Eva"},
    )


@pytest.mark.parametrize(
    ("name", "key", "column"),
    [
        ("customers", "id", "customer_id"),
        ("customers", "customer_id", "customer_id"),
        ("klanten", "klantnr", "klantnr"),
        ("shop_kunden", "id", "kunde_id"),
        ("tbl_client", "client_id", "id_client"),
        ("guests", "guest_id", "guest_id"),
        ("users", "uuid", "user_uuid"),
    ],
)
def test_an_address_of_another_table_is_joined_by_a_like_named_column(
    database_url: str, name: str, key: str, column: str
) -> None:
    customers(database_url, name, key)
    made(
        database_url,
        "reviews",
        f"id INTEGER PRIMARY KEY, {column} INTEGER, stars INTEGER",
        lambda n: {"id": n, column: n, "stars": n % 5},
    )
    draft = draft_of(database_url, "reviews")
    assert draft.errors == []
    assert f"LEFT JOIN {name} AS person ON person.{key} = base.{column}" in draft.text
    assert draft.columns()["email"] == "email"
    assert draft.share_valid == 1


def test_an_employees_address_is_not_the_buyers(database_url: str) -> None:
    """The person who handled an order did not place it."""
    customers(database_url, "employees")
    made(
        database_url,
        "orders",
        "id INTEGER PRIMARY KEY, order_no VARCHAR(9), total DECIMAL(9,2), employee_id INTEGER, client_ref VARCHAR(9)",
        lambda n: {"id": n, "order_no": f"N{n}", "total": 5.5, "employee_id": n, "client_ref": "x"},
    )
    text = text_of(database_url, "orders")
    assert "JOIN" not in text
    assert "no column holds an e-mail address" in plain(text)


def test_an_address_that_many_rows_lack_is_completed_by_the_joined_one(database_url: str) -> None:
    """Guests leave theirs on the order; customers have it in their account."""
    customers(database_url)
    made(
        database_url,
        "reviews",
        "id INTEGER PRIMARY KEY, email VARCHAR(60), customer_id INTEGER",
        lambda n: {"id": n, "email": f"g{n}@shop.nl" if n % 2 else None, "customer_id": None if n % 2 else n},
    )
    draft = draft_of(database_url, "reviews")
    assert draft.errors == []
    rule = draft.mapping.fields["email"]
    assert rule.columns == ("email", "person_email")
    assert draft.share_valid == 1


def test_a_join_that_may_not_be_read_is_told_and_costs_nothing_else(postgresql_url: str) -> None:
    customers(postgresql_url)
    made(
        postgresql_url,
        "orders",
        "id INTEGER PRIMARY KEY, order_no VARCHAR(9), total DECIMAL(9,2), customer_id INTEGER",
        lambda n: {"id": n, "order_no": f"N{n}", "total": 5.5, "customer_id": n},
    )
    run_sql(postgresql_url, "DROP ROLE IF EXISTS shy", "CREATE ROLE shy LOGIN", "GRANT SELECT ON orders TO shy")
    try:
        shy = sa.make_url(postgresql_url).set(username="shy", password=None)
        text = text_of(shy.render_as_string(hide_password=False), "orders")
    finally:
        run_sql(postgresql_url, "DROP OWNED BY shy", "DROP ROLE shy")
    assert "a join with customers would tell more, but it could not be read" in plain(text)
    assert "table: orders" in text


def test_a_broken_view_hides_no_table(mariadb_url: str) -> None:
    """It cannot be looked at, and all others can."""
    customers(mariadb_url)
    made(mariadb_url, "reviews", "id INTEGER PRIMARY KEY, customer_id INTEGER", lambda n: {"id": n, "customer_id": n})
    run_sql(
        mariadb_url, "CREATE TABLE gone (id INTEGER)", "CREATE VIEW broken AS SELECT id FROM gone", "DROP TABLE gone"
    )
    assert "LEFT JOIN customers" in text_of(mariadb_url, "reviews")


@pytest.mark.parametrize(
    ("columns", "row", "line"),
    [
        ("newsletter INTEGER, optin INTEGER", {"newsletter": 1, "optin": 0}, "marketing: optin"),
        ("newsletter INTEGER, optin INTEGER", {"newsletter": 1, "optin": 0}, "newsletter: newsletter"),
        ("optin INTEGER", {"optin": 1}, "newsletter: optin"),
        ("opt_status VARCHAR(20)", {"opt_status": ("subscribed", "unsubscribed", "pending")},
         'newsletter: {column: opt_status, map: {pending: null, subscribed: "yes", unsubscribed: "no", else: null}}'),
        ("mail_state VARCHAR(20)", {"mail_state": ("Opt-In", "Opt-Out", "Not set")},
         'newsletter: {column: mail_state, map: {"Not set": null, "Opt-In": "yes", "Opt-Out": "no", else: null}}'),
        ("nieuwsbrief VARCHAR(20)", {"nieuwsbrief": ("granted", "withdrawn", "pending")},
         'newsletter: {column: nieuwsbrief, map: {granted: "yes", pending: null, withdrawn: "no", else: null}}'),
        ("consent_status VARCHAR(20)", {"consent_status": ("active", "inactive")},
         'newsletter: {column: consent_status, map: {active: "yes", inactive: "no", else: null}}'),
        ("opted_in_at TIMESTAMP NULL", {"opted_in_at": ("2025-03-01 10:00:00", None)},
         'newsletter: {column: opted_in_at, map: {else: "yes"}}'),
        ("marketing_opt_in INTEGER, service_mails INTEGER", {"marketing_opt_in": 1, "service_mails": 0},
         "marketing: marketing_opt_in"),
    ],
)  # fmt: skip
def test_consent_is_known_by_name_and_value(database_url: str, columns: str, row: dict[str, Any], line: str) -> None:
    made(
        database_url,
        "customers",
        f"id INTEGER PRIMARY KEY, email VARCHAR(60), {columns}",
        lambda n: {
            "id": n,
            "email": f"a{n}@shop.nl",
            **{name: one[n % len(one)] if isinstance(one, tuple) else one for name, one in row.items()},
        },
    )
    draft = draft_of(database_url, "customers")
    assert draft.errors == []
    assert f"\n  {line}" in draft.text
    assert draft.share_valid == 1


def test_what_stands_before_a_last_name_is_part_of_it(database_url: str) -> None:
    made(
        database_url,
        "customers",
        "id INTEGER PRIMARY KEY, email VARCHAR(60), tussenvoegsel VARCHAR(20), achternaam VARCHAR(40)",
        lambda n: {
            "id": n,
            "email": f"a{n}@shop.nl",
            "tussenvoegsel": ("van der", None, "")[n % 3],
            "achternaam": ("Berg", "Jansen", "Vries")[n % 3],
        },
    )
    draft = draft_of(database_url, "customers")
    assert '\n  lastname: {template: "{tussenvoegsel} {achternaam}"}' in draft.text
    assert "custom_tussenvoegsel" not in draft.text
    assert (draft.errors, draft.share_valid) == ([], 1)


@pytest.mark.parametrize("words", [("active", "pending"), ("confirmed", "cancelled"), ("new", "subscribed")])
def test_words_that_other_things_have_too_are_no_consent(database_url: str, words: tuple[str, str]) -> None:
    made(
        database_url,
        "customers",
        "id INTEGER PRIMARY KEY, email VARCHAR(60), state VARCHAR(20)",
        lambda n: {"id": n, "email": f"a{n}@shop.nl", "state": words[n % 2]},
    )
    assert "newsletter" not in draft_of(database_url, "customers").columns()


def test_nothing_that_lets_somebody_in_is_offered_even_when_all_is_uncommented(database_url: str) -> None:
    names = ("passwd", "reset_token", "api_key", "field_9")
    hashed = "$2y$10$abcdefghijklmnopqrstuv"
    made(
        database_url,
        "customers",
        f"id INTEGER PRIMARY KEY, email VARCHAR(60), {', '.join(f'{one} VARCHAR(80)' for one in names)}",
        lambda n: {"id": n, "email": f"a{n}@shop.nl", **dict.fromkeys(names, hashed)},
    )
    text = text_of(database_url, "customers").replace("# custom_", "custom_").replace("  # userid", "  userid")
    mapping = parse_mapping(
        text.encode(), path=Path("x.yaml"), environment={}, read_file=Path.read_bytes, resolve_variables=False
    )
    assert {rule.column for rule in mapping.fields.values()} == {"email"}
    assert "4 more columns look like what gives access" in text


def test_a_foreign_key_leads_into_another_schema(postgresql_url: str) -> None:
    """Whatever the column is called."""
    customers(postgresql_url)
    run_sql(
        postgresql_url,
        "CREATE SCHEMA sales",
        "CREATE SCHEMA crm",
        "CREATE TABLE crm.parties (id INTEGER PRIMARY KEY, email TEXT)",
        "INSERT INTO crm.parties VALUES (1, 'a@shop.nl')",
        "CREATE TABLE sales.visits (id INTEGER PRIMARY KEY, buyer INTEGER REFERENCES crm.parties (id))",
        "CREATE TABLE sales.calls (id INTEGER PRIMARY KEY, contact INTEGER REFERENCES customers (id))",
        "INSERT INTO sales.visits VALUES (1, 1)",
        "INSERT INTO sales.calls VALUES (1, 1)",
    )
    assert "LEFT JOIN crm.parties AS person ON person.id = base.buyer" in text_of(postgresql_url, "visits")
    assert "LEFT JOIN customers AS person ON person.id = base.contact" in text_of(postgresql_url, "sales.calls")


def test_a_draft_without_any_field_is_refused_for_want_of_an_identity(database_url: str) -> None:
    """Its section of fields holds comments alone, so it cannot be left out as an empty key could."""
    made(database_url, "visits", "id INTEGER PRIMARY KEY, klant_id INTEGER", lambda n: {"id": n, "klant_id": n})
    text = text_of(database_url, "visits")
    assert "fields:\n  # userid: klant_id " in text
    with pytest.raises(MappingInvalid) as refused:
        mapping_of(text, database_url)
    assert [one.partition("fields: ")[2] for one in refused.value.problems] == [
        "is empty; an event needs at least email or userid"
    ]


ASKED = "newsletter: no could be taken for a yes, so who said neither is left out"


@pytest.mark.parametrize(
    ("table", "column", "values", "where", "said"),
    [
        ("subscribers", "status VARCHAR(20)", ("subscribed", "Opt-Out", "pending"),
         "status IN ('Opt-Out', 'subscribed')", {"yes", "no"}),
        ("newsletter_subscriber", "subscriber_status INTEGER", (1, 2, 3, 4),
         "subscriber_status IN (1, 3)", {"yes", "no"}),
        ("newssubscribed", "double_opt_in INTEGER", (0, 1, 2), "double_opt_in IN (0, 1)",
         {"yes", "no"}),
        ("newsletter", "opted_in_at TIMESTAMP NULL", ("2025-03-01 10:00:00", None),
         "opted_in_at IS NOT NULL", {"yes"}),
        ("newsletter", "opt_in INTEGER", (0, 1, None), "opt_in IS NOT NULL", {"yes", "no"}),
        ("newsletter", "opt_in INTEGER", (0, 1), None, {"yes", "no"}),
    ],
)  # fmt: skip
def test_nobody_is_opted_in_by_the_name_of_the_event_alone(  # noqa: PLR0917 - a row of the table above
    database_url: str, table: str, column: str, values: tuple[Any, ...], where: str | None, said: set[str]
) -> None:
    """Those who were asked and have not answered, and addresses that bounced, were sent as an EmailOptIn."""
    made(
        database_url,
        table,
        f"id INTEGER PRIMARY KEY, email VARCHAR(60), {column}",
        lambda n: {"id": n, "email": f"a{n}@shop.nl", column.split(maxsplit=1)[0]: values[n % len(values)]},
    )
    draft = draft_of(database_url, table)
    assert draft.errors == []
    assert (draft.mapping.event, draft.mapping.source.where) == ("EmailOptIn", where)
    assert (ASKED in plain(draft.text)) is (where is not None)
    assert {event.get("newsletter") for event in draft.events} == said


@pytest.mark.parametrize(
    ("table", "beside", "column"),
    [("ps_emailsubscription", {"newsletter_date_add": "2025-03-01 10:00:00"}, "active"), ("subscriptions", {}, None)],
)
def test_the_flag_of_a_newsletters_list_says_who_is_on_it(
    database_url: str, table: str, beside: dict[str, str], column: str | None
) -> None:
    """The time of signing up stays when a person leaves; and a subscription to a box is no consent."""
    made(
        database_url,
        table,
        ", ".join(
            ("id INTEGER PRIMARY KEY, email VARCHAR(60), active INTEGER", *(f"{one} TIMESTAMP" for one in beside))
        ),
        lambda n: {"id": n, "email": f"a{n}@shop.nl", "active": n % 2, **beside},
    )
    assert draft_of(database_url, table).columns().get("newsletter") == column


def test_a_time_of_opting_out_beside_that_of_opting_in_is_not_passed_over(database_url: str) -> None:
    """Who had left was sent as a yes: the time of opting in is kept."""
    made(
        database_url,
        "members",
        "id INTEGER PRIMARY KEY, email VARCHAR(60), opted_in_at TIMESTAMP NULL, opted_out_at TIMESTAMP NULL",
        lambda n: {
            "id": n,
            "email": f"a{n}@shop.nl",
            "opted_in_at": "2025-03-01 10:00:00",
            "opted_out_at": "2025-03-02 10:00:00" if n % 3 == 0 else None,
        },
    )
    draft = draft_of(database_url, "members")
    assert "newsletter" not in draft.columns()
    words = plain(draft.text)
    assert "! opted_in_at says who opted in, and opted_out_at who left again: newsletter is left out" in words
    case = words.partition("can compare them: ")[2].partition(" AS newsletter")[0]
    with sa.create_engine(with_driver(database_url)).connect() as connection:
        found = connection.execute(sa.text(f"SELECT {case} AS said, COUNT(*) FROM members GROUP BY 1")).all()
    assert {tuple(one) for one in found} == {("yes", 16), ("no", 8)}

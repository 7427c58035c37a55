"""What one wrong value costs: its row where the event would mean something else without it, otherwise its field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.source.tables import run_sql

SOURCE = "table: t, primary_key: id, cursor_field: n, timezone: UTC"
ROWS = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, mail TEXT, phone TEXT, money TEXT, born TEXT)",
    "INSERT INTO t VALUES (1, 1, 'a@shop.nl', '0612345678', 'EUR', '1980-02-03')",
    "INSERT INTO t VALUES (2, 2, 'b@shop.nl', 'none', 'EUR', 'unknown')",
    "INSERT INTO t VALUES (3, 3, 'c@shop.nl', 'later', 'EUR', '1980-02-03')",
    "INSERT INTO t VALUES (4, 4, 'nobody', 'none', 'EUR', '1980-02-03')",
    "INSERT INTO t VALUES (5, 5, 'e@shop.nl', '0612345678', 'XQQ', 'unknown')",
)
FIELDS = "email: mail, phone: phone, currency: money, birthdate: born, userid: {column: id, type: text}"


def test_a_wrong_optional_field_costs_the_field_and_a_wrong_identity_or_currency_the_row(
    sqlite_url: str, make_job: Any
) -> None:
    """Nine of ten customers that were refused had a right identity; `reasons` counts rows, `omitted` fields."""
    run_sql(sqlite_url, *ROWS)
    job = make_job(sqlite_url, source=SOURCE, fields=FIELDS)
    forecast, summary = job.forecast("beginning").as_dict(), job.run("beginning").as_dict()
    assert (summary["read"], summary["sent"], summary["invalid"]) == (5, 3, 2)
    assert summary["reasons"] == {"invalid_email": 1, "unknown_currency": 1}
    assert summary["omitted"] == {"phone": {"invalid_phone": 2}, "birthdate": {"not_a_date": 1}}
    assert (forecast["reasons"], forecast["omitted"]) == (summary["reasons"], summary["omitted"])


@pytest.mark.parametrize(
    ("on_invalid", "sent", "omitted"),
    [
        ("omit", 5, {"phone": 3, "birthdate": 2, "email": 1, "currency": 1}),
        ("reject", 1, {}),
    ],
)
def test_the_mapping_may_say_it_for_all_fields_that_do_not_say_so_themselves(
    sqlite_url: str, make_job: Any, on_invalid: str, *, sent: int, omitted: dict[str, int]
) -> None:
    run_sql(sqlite_url, *ROWS)
    job = make_job(sqlite_url, source=SOURCE, fields=FIELDS, top=f"on_invalid: {on_invalid}")
    summary = job.run("beginning").as_dict()
    assert summary["sent"] == sent
    assert {field: sum(codes.values()) for field, codes in summary["omitted"].items()} == omitted


def test_a_field_that_says_so_itself_is_not_overruled(sqlite_url: str, make_job: Any) -> None:
    run_sql(sqlite_url, *ROWS)
    fields = FIELDS.replace("phone: phone", "phone: {column: phone, on_invalid: reject}")
    job = make_job(sqlite_url, source=SOURCE, fields=fields, top="on_invalid: omit")
    summary = job.run("beginning").as_dict()
    assert (summary["sent"], summary["reasons"]) == (2, {"invalid_phone": 3})

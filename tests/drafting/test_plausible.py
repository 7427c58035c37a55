"""Where `init` says that the sampled values fit, it has looked whether they can be meant."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from etl.transform.plausible import groups_thousands, implausible
from tests.drafting.drafted import draft_of
from tests.source.tables import insert, run_sql

TODAY = date(2026, 1, 31)
IN_1970 = "1 of 1 values lie in 1970: is it another unit of time?"
PHONES = [f"06123456{n:02}" for n in range(30)]


@pytest.mark.parametrize(
    ("field", "type_name", "values", "words"),
    [
        ("timestamp", "datetime", ["1970-08-23T00:00:00+00:00"], [IN_1970]),
        ("timestamp", "datetime", ["2026-02-01T00:00:00Z", "2026-02-03T00:00:00Z"], [
            "1 of 2 values lie after tomorrow",
        ]),
        ("timestamp", "datetime", ["2024-02-01T00:00:00+00:00"], []),
        ("birthdate", "date", ["1900-01-01", "2026-02-01", "1980-01-01"], [
            "1 of 3 values lie before 1901 and are left out", "1 of 3 values lie in the future and are left out",
        ]),
        ("birthdate", "date", ["1901-01-01", "2026-01-31"], []),
        ("phone", "phone", [*PHONES, "06123456789"], ["1 of 31 values are one digit longer than the others"]),
        ("phone", "phone", PHONES, []),
        ("phone", "phone", [*PHONES, "+31612345678", "+31612345679"], []),
        ("city", "text", ["Utrecht"] * 30, ["all 30 values are the same"]),
        ("city", "text", ["Utrecht"] * 3, []),
        ("currency", "currency", ["EUR"] * 30, []),
        ("currency", "currency", ["HRK", "EUR"], [
            "1 of 2 values are withdrawn currencies, right for amounts of before",
        ]),
        ("city", "text", [], []),
        ("userid", "text", [0] * 10 + list(range(1, 31)), [
            "10 of 40 values are one and the same, and would be one profile",
        ]),
        ("userid", "text", [0] * 8 + list(range(1, 33)), []),
        ("orderid", "text", ["-"] * 5 + [str(n) for n in range(16)], [
            "5 of 21 values are one and the same, and would be one purchase",
        ]),
        ("email", "email", ["a@b.nl"] * 5 + [f"a{n}@b.nl" for n in range(10)], []),
    ],
)  # fmt: skip
def test_what_is_odd_is_told_in_counts(field: str, type_name: str, values: list[Any], words: list[str]) -> None:
    assert list(implausible(field, type_name, values, today=TODAY)) == words


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["1.234,50", "12,00", "7", "1.000"], True),
        (["1.234", "2.500", "12.000"], True),
        (["1.5", "12.50", "3"], False),
        (["1.234,50", "hello", "you", "there"], False),
        ([1.5, None], False),
        ([], False),
    ],
)
def test_dutch_numbers_are_seen(values: list[Any], found: object) -> None:
    assert groups_thousands(values) is found


def test_a_draft_tells_what_is_acceptable_but_not_plausible(database_url: str) -> None:
    run_sql(
        database_url,
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(60), birthdate DATE, city VARCHAR(20), "
        "locale VARCHAR(9), spent VARCHAR(20))",
    )
    insert(
        database_url,
        "customers",
        [
            {
                "id": n,
                "email": f"a{n}@shop.nl" if n % 5 else None,
                "birthdate": date(1900, 1, 1) if n % 4 == 0 else date(1980, 1, 1 + n % 28),
                "city": "Utrecht",
                "locale": ("BE", "UK", "SE")[n % 3],
                "spent": f"{n}.234,50",
            }
            for n in range(1, 41)
        ],
    )
    text = draft_of(database_url, "customers").text
    assert "8 of 40 sampled rows (20%) have no email" in " ".join(text.split()).replace("# ", "")
    assert "where: email IS NOT NULL" in " ".join(text.split()).replace("# ", "")
    assert "CHECK: 10 of 40 values lie before 1901 and are left out" in text
    assert "CHECK: all 40 values are the same" in text
    assert "locale is called like a language, and holds countries" in " ".join(text.split()).replace("# ", "")
    assert 'decimal_separator: ","' in text

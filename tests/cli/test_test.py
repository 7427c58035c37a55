"""`test`: the mapping's own examples, offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl.errors import MappingInvalid
from tests.cli.mapping_file import MAPPING, call, write

ROOT = Path(__file__).parents[2]


def test_the_shipped_mappings_pass_their_own_tests() -> None:
    result = call("test", ROOT / "mappings")
    assert result.return_value == 0
    assert "customers: 4 tests, all pass" in result.stdout


def test_a_passing_test_needs_no_variable_and_no_database(tmp_path: Path) -> None:
    path = write(tmp_path, "tests: [{given: {id: 1, email: A@Example.com}, expect: {email: a@example.com}}]")
    result = call("test", path)
    assert result.return_value == 0
    assert "people: 1 test, all pass" in result.stdout


def test_a_mapping_without_tests_says_so(tmp_path: Path) -> None:
    result = call("test", write(tmp_path))
    assert result.return_value == 0
    assert "no tests" in result.stdout
    assert "--as-test" in result.stdout


@pytest.mark.parametrize(
    ("expect", "path", "expected", "got"),
    [
        ("{email: b@example.com}", "email", '"b@example.com"', '"a@example.com"'),
        ("{custom_points: 13}", "custom_points", "13", "12.5"),
        ("{custom_points: '12.5'}", "custom_points", '"12.5"', "12.5"),
        ("{custom_points: null}", "custom_points", "nothing", "12.5"),
        ("{currency: EUR}", "currency", '"EUR"', "nothing"),
        ("{event: Other}", "event", '"Other"', '"PersonUpdated"'),
    ],
)
def test_a_difference_says_path_expected_and_got(
    tmp_path: Path, expect: str, path: str, expected: str, got: str
) -> None:
    file = write(tmp_path, f"tests: [{{given: {{id: 1, email: a@example.com, points: 12.50}}, expect: {expect}}}]")
    result = call("test", file, "-o", "json")
    assert result.return_value == 2
    (test,) = json.loads(result.stdout)["tests"]
    assert test["differences"] == [{"path": path, "expected": expected, "got": got}]
    text = call("test", file)
    assert text.return_value == 2
    assert expected in text.stdout
    assert "1 test, 1 failed" in text.stdout


def test_numbers_are_compared_by_value_and_true_is_no_number(tmp_path: Path) -> None:
    given = "{id: 1, email: a@example.com, points: 12345678901234567890.10}"
    right = write(tmp_path, f"tests: [{{given: {given}, expect: {{custom_points: 12345678901234567890.1}}}}]")
    assert call("test", right).return_value == 0
    wrong = write(tmp_path, f"tests: [{{given: {given}, expect: {{custom_points: 12345678901234567890.2}}}}]")
    assert call("test", wrong).return_value == 2
    one = write(tmp_path, "tests: [{given: {id: 1, email: a@example.com, points: true}, expect: {custom_points: 1}}]")
    assert call("test", one).return_value == 2


def test_a_text_that_is_a_time_stands_for_one(tmp_path: Path) -> None:
    """A custom field without a type is read by its column's kind, as a datetime column of SQLite is."""
    path = write(
        tmp_path,
        "tests: [{given: {id: 1, email: a@example.com, since: 2024-01-02 03:04:05}, "
        'expect: {custom_since: "2024-01-02T03:04:05+00:00"}}]',
    )
    assert call("test", path).return_value == 0


def test_an_invalid_row_where_an_event_is_expected_names_the_problem(tmp_path: Path) -> None:
    path = write(tmp_path, "tests: [{given: {id: 1, email: no address}, expect: {email: a@example.com}}]")
    result = call("test", path)
    assert result.return_value == 2
    assert "invalid_email" in result.stdout


def test_expected_problems_are_codes_of_the_row(tmp_path: Path) -> None:
    given = "{id: 1, email: no address, currency: XQQ}"
    assert (
        call("test", write(tmp_path, f"tests: [{{given: {given}, expect_problems: [invalid_email]}}]")).return_value
        == 0
    )
    wrong = call("test", write(tmp_path, f"tests: [{{given: {given}, expect_problems: [missing_identity]}}]"))
    assert wrong.return_value == 2
    assert "missing_identity" in wrong.stdout
    fine = call(
        "test", write(tmp_path, "tests: [{given: {id: 1, email: a@example.com}, expect_problems: [invalid_email]}]")
    )
    assert fine.return_value == 2


PRODUCTS = """\
products:
  table: lines
  match: {order_id: id}
  fields: {id: sku, price: price}
tests:
  - given: {id: 1, email: a@example.com}
    children: [{order_id: 1, sku: A1, price: 4.95}, {order_id: 1, sku: A2, price: 5}]
    expect: {products: %s}
"""


def test_products_are_compared_by_position_and_only_what_is_named(tmp_path: Path) -> None:
    assert call("test", write(tmp_path, PRODUCTS % "[{id: A1}, {price: 5.0}]")).return_value == 0
    result = call("test", write(tmp_path, PRODUCTS % "[{id: A1}, {price: 6}]"))
    assert result.return_value == 2
    assert "products[1].price" in result.stdout
    fewer = call("test", write(tmp_path, PRODUCTS % "[{id: A1}]"))
    assert fewer.return_value == 2
    assert "products[1]" in fewer.stdout


def test_a_mapping_that_does_not_load_is_reported_whole(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(MAPPING.format(more="").replace("currency: currency", "curency: currency"))
    with pytest.raises(MappingInvalid) as raised:
        call("test", path)
    assert "did you mean" in raised.value.problems[0]

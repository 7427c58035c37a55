"""`validate` holds a mapping's constants against the transform: what every row would fail by is no row's fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.mapping_file import call, write

VARIABLES = {"PEOPLE_URL": "sqlite:///people.db", "SQUEEZELY_ACCOUNT": "1", "SQUEEZELY_API_KEY": "key"}


@pytest.mark.parametrize(
    ("more", "path", "code"),
    [
        ("  country: {value: Holland}", "fields.country.value", "unknown_country"),
        ("  language: {column: locale, default: Dutch}", "fields.language.default", "unknown_language"),
        ("  birthdate: {value: yesterday, on_invalid: omit}", "fields.birthdate.value", "not_a_date"),
        ("  newsletter: {column: nl, default: perhaps, required: true}", "fields.newsletter.default", "not_yes_no"),
        ("  custom_a: {column: a, type: integer, default: many}", "fields.custom_a.default", "not_a_number"),
        (
            "products:\n  table: lines\n  match: {p: id}\n  fields: {id: sku, quantity: {value: two}}",
            "products.fields.quantity.value",
            "not_a_number",
        ),
        (
            "products:\n  column: items\n  fields: {id: sku, language: {column: l, default: Dutch}}",
            "products.fields.language.default",
            "unknown_language",
        ),
        ("products:\n  fields: {id: sku, price: {value: cheap}}", "products.fields.price.value", "not_a_number"),
    ],
)
def test_a_wrong_constant_is_an_error_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, path: str, code: str
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    file = write(tmp_path, more)
    result = call("validate", file, "-o", "json")
    assert result.return_value == 2
    (error,) = json.loads(result.stdout)["errors"]
    assert f"  {path}: " in error["message"]
    assert f"[{code}]" in error["message"]
    assert error["message"].startswith(f"{file}:")


def test_right_constants_are_no_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    more = """\
  country: {value: nl}
  language: {column: locale, default: nl}
  userid: {column: u, required: true}
products:
  table: lines
  match: {p: id}
  fields: {id: {column: sku, required: true}, quantity: {column: q, default: 1}}
"""
    assert call("validate", write(tmp_path, more)).return_value == 0


def test_a_time_that_the_clocks_skip_is_taken_as_the_transform_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent with a doubt, so it is no error."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    file = write(tmp_path, '  custom_start: {value: "2024-03-31 02:30:00", type: datetime}')
    file.write_text(file.read_text().replace("timezone: UTC", "timezone: Europe/Amsterdam"))
    assert call("validate", file).return_value == 0

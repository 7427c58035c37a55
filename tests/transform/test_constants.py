"""The constants of a mapping, checked before a row is read: what every row would fail by, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl.mapping.load import parse_mapping
from etl.transform.constants import constant_findings

MAPPING = """\
version: 1
source: {{url: "sqlite:///shop.db", table: t, primary_key: id, timezone: Europe/Amsterdam}}
event: {event}
fields: {{userid: {{column: id, type: text}}, {fields}}}
{products}
destination: {{account: a, api_key: k}}
"""
OF_TABLE = "products: {{table: lines, match: {{order_id: id}}, fields: {{id: sku, {0}}}}}"
OF_JSON = "products: {{column: lines, fields: {{id: sku, {0}}}}}"
OF_ROW = "products: {{fields: {{id: sku, {0}}}}}"
SECTIONS = {"event": "Purchase", "fields": "firstname: name", "products": OF_TABLE.format("price: price")}
WRONG_PRICE = "price: {column: price, default: cheap}"


def found(**sections: str) -> list[tuple[Any, str]]:
    """Path and code of each finding."""
    mapping = parse_mapping(
        MAPPING.format(**SECTIONS | sections).encode(),
        path=Path("m.yaml"),
        environment={},
        read_file=lambda _: b"",
    )
    return [(one.path, one.words.rpartition("[")[2].rstrip("]")) for one in constant_findings(mapping)]


def test_sound_constants_and_columns_without_any_are_not_told() -> None:
    """Also where the event itself is a column, which no constant row has."""
    for event in ("Purchase", "{column: kind}"):
        assert found(event=event, products="") == []
        assert found(event=event, fields="currency: {value: EUR}, birthdate: {column: born, default: 2000-01-31}") == []


@pytest.mark.parametrize(
    ("field", "path", "code"),
    [
        ("email: {value: nobody}", ("fields", "email", "value"), "invalid_email"),
        ("email: {column: mail, default: nobody}", ("fields", "email", "default"), "invalid_email"),
        ("custom_a: {column: a, type: integer, default: ten}", ("fields", "custom_a", "default"), "not_a_number"),
    ],
)
@pytest.mark.parametrize("event", ["Purchase", "{column: kind}"])
def test_a_wrong_constant_is_told_at_its_place(event: str, field: str, path: tuple[str, ...], code: str) -> None:
    assert found(event=event, fields=field) == [(path, code)]


@pytest.mark.parametrize("form", [OF_TABLE, OF_JSON, OF_ROW], ids=["a table", "a column of JSON", "the row itself"])
def test_a_wrong_constant_of_products_is_told_wherever_they_come_from(form: str) -> None:
    told = (("products", "fields", "price", "default"), "not_a_number")
    assert found(products=form.format(WRONG_PRICE)) == [told]
    assert found(products=form.format("price: price")) == []


@pytest.mark.parametrize("moment", ["2024-03-31 02:30:00", "2024-10-27 02:30:00"])
def test_a_moment_that_the_clocks_skip_or_repeat_is_no_wrong_constant(moment: str) -> None:
    """A rule of the mapping takes it."""
    assert found(fields=f'timestamp: {{column: at, default: "{moment}"}}') == []

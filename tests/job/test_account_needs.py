"""What a sample tells of the account that is to receive it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl.job.account_needs import fields_to_create, needs
from etl.mapping.model import Mapping
from etl.page import Column, Page
from etl.transform.transformer import Transformer

ADDRESS, OTHER = "eva@example.com", "jan@example.com"


def mapping_of(fields: dict[str, Any], **sections: Any) -> Mapping:
    source = {"url": "sqlite://", "table": "t", "primary_key": "id", "timezone": "UTC"}
    return Mapping.model_validate(
        {
            "version": 1,
            "name": "m",
            "path": Path("m.yaml"),
            "event": "E",
            "source": source,
            "fields": fields,
            **sections,
        }
    )


def sampled(mapping: Mapping, columns: str, *rows: tuple[object, ...]) -> Any:
    named = [Column(name, kind or None) for name, _, kind in (word.partition(":") for word in columns.split())]
    page = Page(tuple(named), list(rows), (0,), None, (), (), {})
    return Transformer(mapping, page.columns)(page)


def test_the_fields_to_create_have_a_kind_and_an_invented_example() -> None:
    """A custom field that the account does not have is dropped without a word; no row's value is shown."""
    fields = {
        "email": "mail",
        "custom_points": "points",
        "custom_vip": "vip",
        "custom_since": "since",
        "custom_note": "note",
        "custom_tags": {"column": "tags", "transform": ["split(',')"]},
        "custom_size": {"column": "empty", "type": "integer"},
        "custom_known": "note",
    }
    mapping = mapping_of(fields, extra_fields=("custom_known",))
    rows = sampled(
        mapping,
        "mail points:integer vip:boolean since:date note tags empty",
        (ADDRESS, 7, True, "2020-02-03", "Quintessa", "p,q", None),
    )
    found = fields_to_create(mapping, rows)
    assert {one.field: one.kind for one in found} == {
        "custom_points": "number",
        "custom_vip": "yes/no",
        "custom_since": "date",
        "custom_note": "text",
        "custom_tags": "list",
        "custom_size": "number",
    }
    examples = {one.field: one.example for one in found}
    assert (examples["custom_points"], examples["custom_size"]) == ("12", "12")
    assert "Quintessa" not in str(found)


@pytest.mark.parametrize(("values", "example"), [((7, 8), "12"), ((7, 8.5), "12.5"), ((None, None), "blue")])
def test_the_example_of_whole_numbers_is_one(values: tuple[object, ...], example: str) -> None:
    mapping = mapping_of({"email": "mail", "custom_points": "points"})
    rows = sampled(mapping, "mail points:number", *((ADDRESS, value) for value in values))
    assert [one.example for one in fields_to_create(mapping, rows)] == [example]


PRODUCTS = {"fields": {"id": "sku"}}


@pytest.mark.parametrize(
    ("fields", "sections", "rows", "places"),
    [
        ({"language": "x"}, {"products": PRODUCTS}, ["nl-NL", "de-DE"], ["products.fields"]),
        ({"language": "x"}, {"products": PRODUCTS}, ["nl-NL", "nl-NL"], []),
        ({"language": "x"}, {}, ["nl-NL", "de-DE"], []),
        ({"currency": "x", "totalvalue": "sku"}, {}, ["EUR", "GBP", None], ["fields.currency"]),
        ({"currency": "x", "totalvalue": "sku"}, {}, ["EUR", "GBP"], []),
        ({"currency": "x"}, {}, ["EUR", "GBP", None], []),
        (
            {"currency": "x"},
            {"products": {"fields": {"id": "sku", "price": "sku"}}},
            ["EUR", "GBP", None],
            ["fields.currency"],
        ),
        ({"newsletter": "x"}, {}, ["yes"], ["fields"]),
    ],
)
def test_what_the_account_would_not_show_or_not_take_is_told(
    fields: dict[str, Any], sections: dict[str, Any], rows: list[Any], places: list[str]
) -> None:
    mapping = mapping_of({"email": "mail", **fields}, **sections)
    done = sampled(mapping, "mail x sku", *((ADDRESS, one, "12") for one in rows))
    assert [one.place for one in needs(mapping, done)] == places


@pytest.mark.parametrize(("transform", "told"), [(["sha256"], True), ([], False)])
def test_addresses_that_are_only_ever_hashed_are_told(transform: list[str], told: Any) -> None:
    """A hash never gives a profile its address."""
    mapping = mapping_of({"email": {"column": "mail", "transform": transform}})
    found = list(needs(mapping, sampled(mapping, "mail", (ADDRESS,), (OTHER,))))
    assert [one.place for one in found] == (["fields.email"] if told else [])

"""The shipped mappings load without a problem or a warning, on the columns of the demo shop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl.mapping.columns import child_columns_used, columns_used
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping, MappingTest
from etl.page import Column, Page
from etl.sandbox import shop
from etl.transform.transformer import Transformer

MAPPINGS = Path(__file__).parents[2] / "mappings"
ENVIRONMENT = {"SHOP_DATABASE_URL": "sqlite:////tmp/shop.sqlite", "SQUEEZELY_ACCOUNT": "1", "SQUEEZELY_API_KEY": "k"}


def shipped(name: str, **environment: str) -> Mapping:
    return load_mapping(MAPPINGS / f"{name}.yaml", environment=ENVIRONMENT | environment, read_file=Path.read_bytes)


@pytest.mark.parametrize("name", ["customers", "orders"])
def test_a_shipped_mapping_loads_without_a_warning(name: str) -> None:
    mapping = shipped(name)
    assert mapping.name == name
    assert mapping.warnings == ()
    assert mapping.destination.url == "https://api.squeezely.tech"
    assert len(mapping.tests) >= 2


def test_the_sandbox_can_be_their_destination() -> None:
    assert shipped("orders", SQUEEZELY_URL="http://127.0.0.1:8765").destination.url == "http://127.0.0.1:8765"


def test_an_offline_look_needs_no_variable() -> None:
    for file in MAPPINGS.glob("*.yaml"):
        mapping = load_mapping(file, environment={}, read_file=Path.read_bytes, resolve_variables=False)
        assert mapping.warnings == ()


def columns_of(table: str) -> set[str]:
    source = Path(shop.__file__).read_text(encoding="utf-8")
    found = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", source, re.DOTALL)
    assert found is not None
    return set(re.findall(r"(?:^|,)\s*([a-z_]+) (?=[A-Z])", found[1]))


@pytest.mark.parametrize(("name", "table"), [("customers", "customers"), ("orders", "orders")])
def test_every_column_exists_in_the_demo_shop(name: str, table: str) -> None:
    mapping = shipped(name)
    assert set(columns_used(mapping)) <= columns_of(table)
    assert set(child_columns_used(mapping)) <= columns_of("order_lines")


def outcome(mapping: Mapping, example: MappingTest) -> tuple[dict[str, object] | None, list[str]]:
    own = [*mapping.source.primary_key, mapping.source.cursor_field or "", *columns_used(mapping)]
    names = tuple(dict.fromkeys(own))
    columns = tuple(Column(name) for name in names)
    child_columns = tuple(Column(name) for name in child_columns_used(mapping))
    page = Page(
        columns=columns,
        rows=[tuple(example.given.get(name) for name in names)],
        key_at=(0,),
        cursor_at=1,
        child_columns=child_columns,
        children={0: [tuple(child.get(column.name) for column in child_columns) for child in example.children]},
    )
    transformed = Transformer(mapping, columns, child_columns)(page)
    return transformed.events[0], [problem.code for problem in transformed.problems if problem.fatal]


EXAMPLES = [
    pytest.param(mapping, example, id=f"{mapping.name}: {example.name}")
    for mapping in map(shipped, ("customers", "orders"))
    for example in mapping.tests
]


@pytest.mark.parametrize(("mapping", "example"), EXAMPLES)
def test_the_examples_of_a_shipped_mapping_hold(mapping: Mapping, example: MappingTest) -> None:
    """People copy them."""
    event, codes = outcome(mapping, example)
    if example.expect is None:
        assert (event, tuple(codes)) == (None, example.expect_problems)
    else:
        assert codes == []
        assert event is not None
        assert {name: event.get(name) for name in example.expect} == example.expect

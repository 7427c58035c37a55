"""The shipped mappings load without a problem or a warning, on the columns of the demo shop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl.mapping.columns import child_columns_used, columns_used
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping
from etl.sandbox import shop

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

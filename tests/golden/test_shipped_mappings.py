"""The shipped mappings turn the demo shop's rows into exactly these events.

Rewritten only by `make golden`; a difference is a change that a user would see.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.event.encode import encode_event
from etl.exact import key_text
from etl.host.system_clock import SystemClock
from etl.job.preview import preview
from etl.mapping.load import load_mapping
from etl.sandbox.shop import build_shop
from etl.source.open import open_source
from etl.transform.transformer import Transformer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    build_shop(path, customers=120, seed=7, now=datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
    return path


def events(name: str, shop: Path) -> str:
    variables = {"SHOP_DATABASE_URL": f"sqlite:///{shop}", "SQUEEZELY_ACCOUNT": "1", "SQUEEZELY_API_KEY": "key"}
    mapping = load_mapping(ROOT / "mappings" / f"{name}.yaml", environment=variables, read_file=Path.read_bytes)
    with open_source(mapping, clock=SystemClock()) as source:
        transform = Transformer(mapping, source.columns, source.child_columns)
        lines = []
        for row in preview(source, transform, limit=1_000):
            event = "null" if row.event is None else encode_event(row.event).decode()
            codes = ",".join(problem.code for problem in row.problems)
            lines.append(f"{key_text(row.key)}\t{codes}\t{event}\n")
    return "".join(lines)


@pytest.mark.parametrize("name", ["customers", "orders"])
def test_a_shipped_mapping_gives_the_golden_events(name: str, shop: Path) -> None:
    """B27: the same rows give the same bytes, today and after every change."""
    golden = HERE / f"{name}.tsv"
    found = events(name, shop)
    if os.environ.get("REWRITE_GOLDEN"):
        golden.write_text(found)
    assert found == golden.read_text()
    assert found.count("\n") >= 100

"""The product and its stand-in, written apart, agree on every event of the demo shop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from etl.event.encode import encode_event
from etl.host.system_clock import SystemClock
from etl.mapping.load import load_mapping
from etl.sandbox.rules import Rules
from etl.sandbox.shop import build_shop
from etl.source.open import open_source
from etl.transform.transformer import Transformer


@pytest.mark.parametrize(
    ("mapping", "problems", "refusals", "unreadable"),
    [
        (
            "customers",
            {
                "invalid_email": 3,
                "missing_identity": 1,
                "unknown_currency": 2,
                "unknown_language": 1,
                "not_yes_no": 1,
                "control_characters": 1,
                "undecodable_value": 1,
            },
            {},
            0,
        ),
        ("orders", {"missing_identity": 1, "missing_products": 1}, {}, 0),
    ],
)
def test_what_the_transform_lets_through_the_sandbox_takes(
    tmp_path: Path, mapping: str, problems: dict[str, int], refusals: dict[str, int], unreadable: int
) -> None:
    """All that is held back are the rows that are broken on purpose, each for its own mistake."""
    build_shop(tmp_path / "shop.sqlite", customers=1_000)
    environment = {
        "SHOP_DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite'}",
        "SQUEEZELY_ACCOUNT": "shop",
        "SQUEEZELY_API_KEY": "key",
    }
    path = Path(__file__).parents[2] / "mappings" / f"{mapping}.yaml"
    loaded = load_mapping(path, environment=environment, read_file=Path.read_bytes)
    source = open_source(loaded, clock=SystemClock())
    transform, check = Transformer(loaded, source.columns, source.child_columns), Rules().check
    found_problems: Counter[tuple[int, int, str]] = Counter()
    found_refusals: Counter[str] = Counter()
    found_unreadable = accepted = 0
    for window in source.windows(None, source.upper_bound()):
        for number, page in enumerate(source.pages(window)):
            transformed = transform(page)
            found_unreadable += len(page.unreadable)
            found_problems.update({(number, problem.row, problem.code) for problem in transformed.problems})
            for event in transformed.events:
                refused = check(orjson.loads(encode_event(event))) if event is not None else ()
                found_refusals.update(refusal.code for refusal in refused)
                accepted += event is not None and not refused
    source.close()
    assert Counter(code for _, _, code in found_problems) == problems
    assert (found_refusals, found_unreadable) == (refusals, unreadable)
    assert accepted > 900

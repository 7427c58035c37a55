"""`explain -o json` tells what was left out of a row's event, in the words of a run's summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.mapping_file import call, write
from tests.source.tables import run_sql


@pytest.mark.parametrize(
    ("key", "omitted"), [(1, {}), (2, {"phone": {"invalid_phone": 1}, "birthdate": {"not_a_date": 1}}), (3, {})]
)
def test_explain_counts_what_the_event_went_without(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, key: int, omitted: dict[str, dict[str, int]]
) -> None:
    """A row that makes no event has nothing left out of it."""
    monkeypatch.setenv("PEOPLE_URL", sqlite_url)
    names = "email TEXT, name TEXT, currency TEXT, points INTEGER, since TEXT, updated_at TEXT, phone TEXT, born TEXT"
    run_sql(
        sqlite_url,
        f"CREATE TABLE people (id INTEGER PRIMARY KEY, {names})",
        "INSERT INTO people (id, email, phone, born) VALUES (1, 'a@shop.nl', '0612345678', '1980-02-03')",
        "INSERT INTO people (id, email, phone, born) VALUES (2, 'b@shop.nl', 'none', 'unknown')",
        "INSERT INTO people (id, email, phone, born) VALUES (3, 'nobody', 'none', 'unknown')",
        "UPDATE people SET updated_at = '2024-01-02 03:04:05'",
    )
    mapping = write(tmp_path, "  phone: phone\n  birthdate: born\ndestination: {account: '1', api_key: key}")
    told = json.loads(call("explain", mapping, key, "-o", "json", "--state", tmp_path / "s.sqlite").stdout)
    assert told["omitted"] == omitted
    assert (told["event"] is None) == (key == 3)

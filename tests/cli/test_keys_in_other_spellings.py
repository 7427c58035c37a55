"""A key in another spelling finds the row, and what the state knows of it under the row's own key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl.dead_letter import DeadLetter
from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.cli.mapping_file import call
from tests.source.tables import run_sql

MAPPING = """\
version: 1
name: m
source: {url: "${PEOPLE_URL}", table: t, primary_key: id}
event: E
fields: {userid: {column: id, type: text, on_invalid: omit}, email: mail}
destination: {account: shop-1, api_key: key}
"""


@pytest.mark.parametrize(
    ("sort", "column", "literal", "typed", "key"),
    [
        ("postgresql", "char(8)", "'A1'", "A1", "A1"),
        ("mariadb", "VARCHAR(8) COLLATE utf8mb4_general_ci", "'A1'", "a1", "A1"),
        ("mariadb", "BINARY(2)", "X'0fa9'", "0x0FA9", b"\x0f\xa9"),
        ("mariadb", "BINARY(2)", "X'0fa9'", "0fa9", b"\x0f\xa9"),
    ],
)
def test_explain_knows_the_dead_letters_of_the_row_that_was_found(
    sort: str, column: str, literal: str, *, typed: str, key: Any, request: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    url = request.getfixturevalue(f"{sort}_url")
    run_sql(url, f"CREATE TABLE t (id {column} PRIMARY KEY, mail TEXT)", f"INSERT INTO t VALUES ({literal}, 'wrong')")
    monkeypatch.setenv("PEOPLE_URL", url)
    mapping, state = tmp_path / "m.yaml", tmp_path / "state.sqlite"
    mapping.write_text(MAPPING)
    now = datetime.now(UTC)
    letter = DeadLetter(
        key=(key,), reason="invalid_email", words="w", attempts=1, opened_at=now, last_at=now, digest=b"", run_id="r"
    )
    with open_state(str(state), clock=SystemClock(), write=True) as store, store.mapping("m").lock("run"):
        store.mapping("m").bury([letter], tried_again=False)
    told = json.loads(call("explain", mapping, typed, "-o", "json", "--state", state).stdout)
    assert told["key"] == ["0x0fa9" if isinstance(key, bytes) else "A1"]
    assert [one["reason"] for one in told["dead_letters"]] == ["invalid_email"]

"""`validate --connect` says of the key that it is right, wrong or unclear; unclear is a warning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.cli.boundary import run
from tests.servers.behaviours import answering
from tests.servers.scripted_server import ACCOUNT, API_KEY, Behaviour, ScriptedServer
from tests.source.tables import run_sql

MAPPING = """\
version: 1
name: m
source: {{url: "{url}", table: t, primary_key: id, cursor_field: n}}
event: E
fields: {{email: mail}}
destination: {{url: "{api}", account: {account}, api_key: {key}}}
"""
ASK_A_RUN = "a first `run --limit 1` tells: a wrong key ends it with exit code 5"


@pytest.mark.parametrize(
    ("behaviour", "said", "code", "words"),
    [
        (answering(200, {"verified": True}), "right", 0, ""),
        (answering(401, {"verified": False}), "wrong", 5, "the API does not accept this account and key"),
        (answering(403), "wrong", 5, "the API does not accept this account and key"),
        (answering(200, {"verified": False}), "unclear", 0, "the API answered `verified: false`"),
        (answering(200, {"ok": 1}), "unclear", 0, "the answer says neither yes nor no"),
        (answering(400, {"errors": ["channel"]}), "unclear", 0, "the answer says neither yes nor no"),
        (answering(402), "unclear", 0, "quota"),
        (answering(503), None, 6, ": HTTP 503"),
    ],
)
def test_the_key_is_right_wrong_or_unclear(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    capfd: Any,
    behaviour: Behaviour,
    said: str | None,
    code: int,
    words: str,
) -> None:
    """The call links a shop, so that its no for a plain key may mean nothing: a deployment must not fail for it."""
    url = f"sqlite:///{tmp_path}/shop.sqlite"
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, mail TEXT)", "CREATE INDEX n ON t (n)")
    run_sql(url, "INSERT INTO t VALUES (1, 1, 'p1@example.com')")
    path = tmp_path / "m.yaml"
    with ScriptedServer(lambda _: behaviour) as server:
        path.write_text(MAPPING.format(url=url, api=server.url, account=ACCOUNT, key=API_KEY))
        assert run(["validate", str(path), "--connect"]) == code
        shown = capfd.readouterr().out
        assert run(["validate", str(path), "--connect", "-o", "json"]) == code
    told = json.loads(capfd.readouterr().out)
    assert told.get("key") == said
    assert (f"the API key is {said}" in shown) == (said is not None)
    found = [one for one in told["errors" if code else "warnings"] if words and words in one["message"]]
    assert len(found) == bool(words)
    assert told["valid"] == (code == 0)
    if "verified: false" in words:
        assert found[0]["hint"] == ASK_A_RUN
        assert f"warning: {found[0]['message']}\n  hint: {ASK_A_RUN}" in shown

"""`explain` shows what the API said to a row's event, as far as the last run sent it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.cli.boundary import run
from tests.servers.scripted_server import ACCOUNT, API_KEY, Exchange, Recorded, ScriptedServer
from tests.source.tables import run_sql

MAPPING = """\
version: 1
name: m
source: {{url: "{url}", table: t, primary_key: id, cursor_field: n, settle: 0s, lookback: 0}}
event: E
fields: {{email: mail, firstname: name}}
{top}
destination: {{url: "{api}", account: {account}, api_key: {key}, batch_size: 2}}
"""


def told(capfd: Any, key: int, *more: str) -> str:
    capfd.readouterr()
    assert run(["explain", "m.yaml", str(key), *more]) == 0
    return str(capfd.readouterr().out)


def answered(capfd: Any, key: int) -> str | None:
    found: str | None = json.loads(told(capfd, key, "-o", "json"))["answer"]
    return found


@pytest.mark.parametrize("top", ["", "resend: always"])
def test_explain_tells_the_answer_to_an_accepted_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, top: str
) -> None:
    """Its users are told to look at the answer first; the log of the night has none."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/shop.sqlite"
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, mail TEXT, name TEXT)")
    for number in range(1, 6):
        run_sql(url, f"INSERT INTO t VALUES ({number}, {number}, 'p{number}@example.com', 'Quintessa{number}')")

    def script(request: Recorded) -> Any:
        def behave(exchange: Exchange) -> None:
            count = exchange.accept()
            first = request.events[0]
            body = {"success": True, "updated": count, "message": f"queued for {first['firstname']} {first['email']}"}
            exchange.answer(200 if count == 2 else 201, body)

        return behave

    with ScriptedServer(script) as server:
        text = MAPPING.format(url=url, api=server.url, account=ACCOUNT, key=API_KEY, top=top)
        Path("m.yaml").write_text(text)
        assert run(["run", "m.yaml", "--start-from", "beginning"]) == 0
        said = 'HTTP 200: {"success": true, "updated": 2, "message": "[redacted] for [redacted]"}'
        assert (answered(capfd, 1), answered(capfd, 4)) == (said, said)
        assert answered(capfd, 5) == said.replace("200", "201").replace("2,", "1,")
        shown = " ".join(told(capfd, 1, "--mask").split())
        assert f"the API said {said}" in shown
        assert "Quintessa" not in shown
        run_sql(url, "UPDATE t SET name = 'Else', n = 6 WHERE id = 1")
        assert run(["run", "m.yaml"]) == 0
        assert answered(capfd, 1) == said.replace("200", "201").replace("2,", "1,")
        assert answered(capfd, 2) is None
        shown = " ".join(told(capfd, 2).split())
        assert ("not kept: only the answers of the last run that sent something are" in shown) == (not top)

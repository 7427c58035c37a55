"""Rows that a person names are sent now, and nothing else of the mapping moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.cli.boundary import run
from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.servers.behaviours import answering
from tests.servers.scripted_server import ACCOUNT, API_KEY, ScriptedServer
from tests.source.tables import run_sql

MAPPING = """\
version: 1
name: m
source: {{url: "{url}", table: t, primary_key: id, cursor_field: id}}
event: E
fields: {{email: mail, firstname: name}}
max_failure_rate: 100%
destination: {{url: "{api}", account: {account}, api_key: {key}}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/shop.sqlite"
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT, name TEXT)")
    for number in range(1, 6):
        run_sql(url, f"INSERT INTO t VALUES ({number}, 'p{number}@example.com', 'Quintessa{number}')")
    with ScriptedServer() as server:
        Path("m.yaml").write_text(MAPPING.format(url=url, api=server.url, account=ACCOUNT, key=API_KEY))
        yield server


def call(*arguments: str) -> int:
    return run(arguments)


def people(server: ScriptedServer) -> list[str]:
    found = [event["email"] for event in server.accepted]
    server.accepted.clear()
    return found


def test_named_rows_go_out_whatever_was_sent_and_the_checkpoint_stays(shop: ScriptedServer, capfd: Any) -> None:
    """A person wants to see this row arrive; the night must not skip or repeat anything because of it."""
    assert call("run", "m.yaml", "--key", "4", "--key", "2", "--key", "4") == 0
    assert people(shop) == ["p2@example.com", "p4@example.com"]
    assert call("run", "m.yaml") == 8  # the first run is still to be decided
    assert call("run", "m.yaml", "--start-from", "beginning") == 0
    assert people(shop) == [f"p{number}@example.com" for number in (1, 3, 5)]  # the ledger knows the two
    capfd.readouterr()
    assert call("run", "m.yaml", "--key", "5", "-o", "json") == 0
    assert people(shop) == ["p5@example.com"]
    answer, summary = (json.loads(line) for line in capfd.readouterr().out.splitlines())
    assert answer["answer"]["status"] == 200
    assert (summary["read"], summary["sent"]) == (1, 1)
    assert call("run", "m.yaml") == 0
    assert people(shop) == []


def test_a_key_without_a_row_is_named_and_nothing_is_sent(shop: ScriptedServer, capfd: Any) -> None:
    """A mistyped key must not pass for a row that was sent."""
    assert call("run", "m.yaml", "--key", "4", "--key", "77") == 2
    assert "no row with key 77, so nothing was sent" in capfd.readouterr().err
    assert shop.requests == []


@pytest.mark.parametrize("arguments", [("--key", "1"), ("--start-from", "beginning", "--limit", "1", "--show-answer")])
def test_request_and_answer_are_shown_masked_unless_asked_otherwise(
    shop: ScriptedServer, capfd: Any, arguments: tuple[str, ...]
) -> None:
    """The first thing to check of an implementation is the answer; it may be pasted into a ticket."""
    assert call("run", "m.yaml", *arguments) == 0
    shown = capfd.readouterr().out
    assert "HTTP 200" in shown
    assert '"event": "E"' in shown
    assert "success" in shown
    assert "Quintessa" not in shown
    assert "p1@example.com" not in shown
    assert call("run", "m.yaml", "--key", "1", "--show-values") == 0
    shown = capfd.readouterr().out
    assert "Quintessa1" in shown
    assert API_KEY not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("--key", "1", "--limit", "1"),
        ("--key", "1", "--dry-run"),
        ("--show-answer",),
        ("--limit", "1", "--show-values"),
    ],
)
def test_options_that_do_not_go_together_are_refused(shop: ScriptedServer, arguments: tuple[str, ...]) -> None:
    assert call("run", "m.yaml", *arguments) == 2
    assert shop.requests == []


def test_while_a_run_holds_the_mapping_no_row_is_sent(shop: ScriptedServer, tmp_path: Path, capfd: Any) -> None:
    """Its event and that of the run might overtake each other."""
    state = str(tmp_path / ".etl" / "state.sqlite")
    with open_state(state, clock=SystemClock(), write=True) as store, store.mapping("m").lock("run"):
        assert call("run", "m.yaml", "--key", "1") == 7
        assert call("run", "m.yaml", "--key", "1", "--if-locked", "skip") == 0
    assert shop.requests == []
    assert "error: m is already at work" in capfd.readouterr().err


def test_rows_keep_to_the_pause_that_the_api_asked_for(shop: ScriptedServer) -> None:
    """No request before a Retry-After is over, from a run or from a call with `--key`."""
    shop.script = [answering(429, headers={"Retry-After": "1"}), answering(429, headers={"Retry-After": "1"})]
    assert call("run", "m.yaml", "--key", "3") == 0
    first, second, third = (request.at for request in shop.requests)
    assert second - first >= 1
    assert third - second >= 1
    assert people(shop) == ["p3@example.com"]


def test_a_dead_letter_is_closed_by_the_row_that_is_accepted_and_counts_the_one_that_is_not(
    shop: ScriptedServer, tmp_path: Path
) -> None:
    """A person corrects the row, and sends it to see."""

    def letters() -> list[tuple[object, str, int]]:
        with open_state(str(tmp_path / ".etl" / "state.sqlite"), clock=SystemClock(), write=False) as store:
            return [(one.key[0], one.reason, one.attempts) for one in store.mapping("m").open_dead_letters()]

    shop.script = lambda request: answering(400) if any(one["email"][1] in "24" for one in request.events) else None
    assert call("run", "m.yaml", "--start-from", "beginning") == 3
    assert letters() == [(2, "http_400", 1), (4, "http_400", 1)]
    assert people(shop) == [f"p{number}@example.com" for number in (1, 3, 5)]
    assert call("run", "m.yaml", "--key", "2") == 3
    assert letters() == [(2, "http_400", 2), (4, "http_400", 1)]
    shop.script = ()
    assert call("run", "m.yaml", "--key", "2") == 0
    assert letters() == [(4, "http_400", 1)]
    assert call("run", "m.yaml") == 0  # what is given up is not sent by a night
    assert people(shop) == ["p2@example.com"]


def test_the_ledger_knows_what_was_sent_so(shop: ScriptedServer, tmp_path: Path) -> None:
    """A row that changed goes out once, by hand, and not again with all others; what it became since does."""
    assert call("run", "m.yaml", "--start-from", "beginning") == 0
    people(shop)
    source = f"sqlite:///{tmp_path}/shop.sqlite"
    run_sql(source, "UPDATE t SET name = 'Changed' WHERE id = 5")
    assert call("run", "m.yaml", "--key", "5") == 0
    assert people(shop) == ["p5@example.com"]
    everything = ("backfill", "m.yaml", "--from", "0", "--to", "99")
    assert call(*everything) == 0
    assert people(shop) == []
    # And back to what it was before: the receiver has the later one.
    run_sql(source, "UPDATE t SET name = 'Quintessa5' WHERE id = 5")
    assert call(*everything, "--restart") == 0
    assert people(shop) == ["p5@example.com"]


def test_rows_of_one_person_leave_in_the_order_of_their_cursors(shop: ScriptedServer, tmp_path: Path) -> None:
    """Whatever the order of the keys on the command line."""
    run_sql(f"sqlite:///{tmp_path}/shop.sqlite", "UPDATE t SET mail = 'p1@example.com'")
    text = Path("m.yaml").read_text()
    Path("m.yaml").write_text(text.replace("key: scripted-key", "key: scripted-key, batch_size: 1, concurrency: 4"))
    assert call("run", "m.yaml", *(word for key in "35142" for word in ("--key", key))) == 0
    assert [event["firstname"] for event in shop.accepted] == [f"Quintessa{number}" for number in range(1, 6)]

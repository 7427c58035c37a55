"""A field that is added to a mapping: status and the run say so, and the command that they print sends what differs."""

from __future__ import annotations

import json
import shlex
from typing import Any


def commands(text: str) -> list[list[str]]:
    """The arguments of the commands that `text` prints, each in one line."""
    lines = [line.partition("squeezely-etl ")[2] for line in text.splitlines() if "squeezely-etl " in line]
    return [shlex.split(line) for line in lines]


def test_a_field_more_is_told_and_its_values_are_sent_by_the_command_that_is_printed(desk: Any) -> None:
    desk.variables = {"COLUMNS": "200"}
    desk.write_mapping(source="  lookback: 0s")
    desk.fill(30)
    assert desk.run("--start-from", "beginning").code == 0
    assert "the mapping changed" not in desk.call("status", str(desk.mapping)).out
    desk.mapping.write_text(desk.mapping.read_text().replace("  firstname: name\n", "  custom_name: name\n"))
    status = desk.call("status", str(desk.mapping))
    assert "the mapping changed since the last run: added custom_name; removed firstname" in status.out
    assert "30 accepted rows differ now; to send them: squeezely-etl backfill" in status.out
    as_json = json.loads(desk.call("status", str(desk.mapping), "-o", "json").out)
    assert as_json["mapping_changed"] == {"added": ["custom_name"], "removed": ["firstname"], "changed": []}
    dry = desk.call("run", str(desk.mapping), "--dry-run")
    assert "the mapping changed: 30 accepted rows differ now" in dry.out
    ended = desk.call("run", str(desk.mapping))
    assert (ended.code, desk.stats()["accepted"]) == (0, 30)
    assert "the mapping changed since the last run: added custom_name; removed firstname" in ended.out
    status = desk.call("status", str(desk.mapping))
    assert "the mapping changed" not in status.out, "the run was done"
    assert "rows were accepted by an earlier mapping: added custom_name; removed firstname" in status.out
    assert "30 accepted rows differ now" in status.out
    look, send = [arguments for arguments in commands(ended.out) if arguments[0] == "backfill"]
    looked = desk.call(*look)
    assert (looked.code, desk.stats()["accepted"]) == (0, 30)
    assert all(f"{field} 30" in looked.out for field in ("custom_name", "firstname"))
    sent = desk.call(*send, "-o", "json")
    assert (sent.code, sent.summary["changed"], desk.stats()["accepted"]) == (0, 30, 60)
    after = desk.call("status", str(desk.mapping)).out
    assert not any(words in after for words in ("the mapping changed", "an earlier mapping", "differ"))


def test_a_dry_run_says_where_to_and_by_its_exit_code_whether_anything_would_be_sent(desk: Any) -> None:
    desk.fill(3)
    first = desk.run("--start-from", "beginning", "--dry-run", "--check")
    assert (first.code, first.summary["exit_code"], first.summary["new"]) == (3, 3, 3)
    assert first.summary["destination"] == {"host": desk.api_url.removeprefix("http://"), "account": "shop-1"}
    assert desk.run("--start-from", "beginning", "--dry-run").code == 0
    host = desk.api_url.removeprefix("http://")
    assert f"{host}, account shop-1" in desk.call("run", str(desk.mapping), "--start-from", "now", "--dry-run").out
    assert desk.run("--start-from", "beginning").summary["destination"]["host"] == host
    assert desk.run("--dry-run", "--check").code == 0
    assert desk.run("--check").code == 2

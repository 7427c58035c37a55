"""`--exit-zero-on`: the process ends with 0 for the exit codes that it names, and nothing else about it changes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest


def two_mappings(desk: Any) -> Path:
    """A folder of two: one with a row that is invalid (3), one whose database is away (4)."""
    desk.fill(5)
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        database.execute("UPDATE people SET email = 'nobody' WHERE id = 1")
    folder = Path(desk.folder / "both")
    folder.mkdir()
    text = desk.mapping.read_text()
    (folder / "people.yaml").write_text(text)
    away = text.replace("name: people\n", "name: away\n").replace("${PEOPLE_URL}", "postgresql://nobody@127.0.0.1:1/x")
    (folder / "away.yaml").write_text(away)
    return folder


@pytest.mark.parametrize(
    ("codes", "code"), [("4", 3), ("3", 4), ("3,4", 0), ("6, 7", 4)], ids=["the other", "the worst", "both", "neither"]
)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_of_several_mappings_the_worst_of_the_others_is_told(desk: Any, codes: str, code: int, jobs: str) -> None:
    """A code that is named hides no other one, whichever of them is the worse."""
    folder = two_mappings(desk)
    options = ("--start-from", "beginning", "-o", "json", "--jobs", jobs)
    ended = desk.call("run", str(folder), *options, "--exit-zero-on", codes)
    assert ended.code == code, ended.err
    told = {one["mapping"]: one["exit_code"] for one in map(json.loads, ended.out.splitlines())}
    assert told == {"people": 3, "away": 4}
    assert "nothing listens on that port" in ended.err


def test_it_counts_for_what_ends_before_any_mapping_and_for_every_command(desk: Any) -> None:
    desk.fill(2)
    desk.state.parent.mkdir(mode=0o700)
    desk.state.write_bytes(b"garbage")
    desk.state.chmod(0o600)
    for command in ("run", "retry", "backfill"):
        desk.variables = {}
        ended = desk.call(command, str(desk.mapping))
        assert ended.code == 8
        desk.variables = {f"SQUEEZELY_ETL_{command.upper()}_EXIT_ZERO_ON": "8"}
        excused = desk.call(command, str(desk.mapping))
        assert (excused.code, excused.err) == (0, ended.err)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ("1", "1 is a bug of the program"),
        ("6,42", "'42' is none of them"),
        ("6;7", "'6;7' is none of them"),
        ("six", "'six' is none of them"),
        ("6,", "'' is none of them"),
        ("0", "'0' is none of them"),
    ],
)
def test_what_is_no_exit_code_is_refused(desk: Any, codes: str, words: str) -> None:
    ended = desk.run("--exit-zero-on", codes)
    assert ended.code == 2
    assert words in ended.err

"""The list of dead letters, as programs and spreadsheets read it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from etl.commands.letters import Listed, show_letters
from etl.state.store import open_state
from tests.state.filling import SteppingClock, letter


def test_no_cell_is_what_a_spreadsheet_would_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """F16: a key and the API's words are not ours; a negative number is one."""
    clock = SteppingClock()
    with open_state(str(tmp_path / "state" / "state.sqlite"), clock=clock, write=True) as store:
        state = store.mapping("customers")
        state.bury([letter(("=1+1",), words="@SUM(A1)"), letter((-7,), words="+not now"), letter(("a-b",))])
        assert show_letters([Listed(state, None)], output="csv", with_identity=False, clock=clock) == 3
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["key"], row["words"]) for row in rows] == [
        ("'=1+1", "'@SUM(A1)"),
        ("-7", "'+not now"),
        ("a-b", ""),
    ]

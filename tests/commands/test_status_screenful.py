"""However much is wrong with a mapping, `status` tells of it on one screen."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from etl.checkpoint import Backfill, BackfillSpec, Checkpoint, LastRun
from etl.commands.advice import MappingPlace
from etl.commands.standing import Lag, RunTimes, Standing
from etl.commands.status_text import status_text
from etl.commands.worries import AllowedAges, worries_about
from etl.errors import AnotherSource, TableWentBack
from etl.mapping.change import MappingChange
from etl.mapping.problem_codes import PROBLEMS
from etl.page import Position
from etl.screen.layout import paint
from etl.state.lock import Holder
from etl.state.runs import RunRecord
from tests.state.filling import NOON

# Columns of a window, and the lines of a tall one.
SCREENS = [(80, 60), (120, 45)]


def a_bad_run(number: int) -> RunRecord:
    begun = NOON - timedelta(days=number)
    summary = {
        **dict.fromkeys(("read", "sent", "unchanged", "unsent"), 1_234_567),
        "omitted": {f"custom_field_{at}": {"invalid_phone": 1_000_000} for at in range(3)},
        "reasons": {"null_cursor": 12_345, "misshaped_cursor": 12},
        "error": "the database shop.example.com:5432 did not answer in 30 seconds; asked 8 times in 10 minutes",
        "hint": "is it up, and may this machine reach it?",
        "follows_clock": False,
    }
    return RunRecord(
        number, f"run-{number}", "run", begun, begun + timedelta(hours=2), "failed", 4, summary, None, 47, "etl-1"
    )


def all_that_can_be_wrong(since: datetime) -> Standing:
    place = MappingPlace(
        Path("mappings/customers of the shop.yaml"), ("shop_id", "customer_id"), "elsewhere/state.sqlite"
    )
    reasons = list(PROBLEMS)
    backfill = Backfill(BackfillSpec(since, NOON, "1d"), "backfill", since, 17, since, None)
    checkpoint = Checkpoint(Position(NOON + timedelta(days=9), (1, 4711)), since, "run-1")
    return Standing(
        name="customers",
        checkpoint=checkpoint,
        lag=Lag(
            rows=1_234_567,
            held=12_345,
            oldest_at=since,
            seconds=999_999.0,
            every_row=False,
            fingerprint={},
            went_back=TableWentBack("the table ends below the checkpoint", hint="was it restored?"),
            ahead_seconds=777_600.0,
        ),
        forecast=RunTimes(by_rate_seconds=5000.0, by_last_runs_seconds=9000.0),
        runs=[a_bad_run(number) for number in range(3)],
        dead_letters=Counter(dict.fromkeys(reasons, 12_345)),
        known=Counter(dict.fromkeys(reasons[:2], 12)),
        examples=dict.fromkeys(reasons, (1, 4711)),
        ledger=12_345_678,
        holders={"run": Holder(4711, "etl-1", since), "backfill": Holder(4712, "etl-2", since)},
        backfills=[backfill],
        forgotten=LastRun(run_id="run-9", noted_at=since, stamp=7, sent=12_345),
        other_source=AnotherSource("the state belongs to another host", hint="a person decides"),
        place=place,
        refresh=checkpoint,
        in_doubt=12_345,
        suppressed=12_345,
        mapping_change=MappingChange(tuple(f"custom_field_{at}" for at in range(60)), (), ("email", "phone")),
    )


@pytest.mark.parametrize(("columns", "most"), SCREENS)
def test_a_mapping_with_all_that_can_be_wrong_fills_at_most_a_screen(
    monkeypatch: pytest.MonkeyPatch, columns: int, most: int
) -> None:
    standing = all_that_can_be_wrong(NOON - timedelta(days=20))
    worries = worries_about(standing, patience=AllowedAges(timedelta(hours=26), timedelta(hours=2)), now=NOON)
    assert len(worries) >= 8
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = paint(*status_text(standing, worries, history=3, now=NOON)).splitlines()
    assert len(lines) <= most, "\n".join(lines)

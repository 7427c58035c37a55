"""Whatever the width of the screen, each number can be read as a whole, and no line is longer than the screen.

A command alone is never broken: a shell could not take it back.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from etl.books import Books
from etl.commands.status_text import status_text
from etl.commands.summary import WINDOW_COUNTS, summary_text
from etl.commands.worries import AllowedAges, worries_about
from etl.job.outcome import Forecast, Outcome, WindowForecast
from etl.mapping.problem_codes import PROBLEMS
from etl.screen.layout import paint
from tests.commands.test_status_screenful import all_that_can_be_wrong
from tests.state.filling import NOON

WIDTHS = [40, 60, 80, 100, 120]


@pytest.mark.parametrize("columns", WIDTHS)
def test_status_shows_when_each_run_was_and_what_it_did(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    standing = all_that_can_be_wrong(NOON - timedelta(days=20))
    worries = worries_about(standing, patience=AllowedAges(timedelta(hours=26), timedelta(hours=2)), now=NOON)
    monkeypatch.setenv("COLUMNS", str(columns))
    text = paint(*status_text(standing, worries, history=3, now=NOON))
    lines = text.splitlines()
    assert max(len(line) for line in lines if not line.strip().startswith("squeezely-etl ")) <= columns
    assert "…" not in text
    runs = "\n".join(lines[next(at for at, line in enumerate(lines) if "last runs (UTC)" in line) :])
    words = " ".join(runs.split())
    for run in standing.runs:
        assert f"{run.started_at:%Y-%m-%d %H:%M}" in words
    assert words.count("failed 4") == words.count("2 h 00 min") == 3
    assert runs.count("1,234,567") == 12
    for name in ("read", "sent", "unchanged", "unsent"):
        assert runs.count(name) >= 3


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_summary_shows_each_count(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Of the rows, of their problems, of fields left out, and of each window of a backfill."""
    counts = iter(range(9_000_001, 9_999_999))
    books = Books(**{name: next(counts) for name in ("read", "unchanged", "invalid", "rejected", "held", "suppressed")})
    books.reasons.update({code: next(counts) for code in list(PROBLEMS)[:5]})
    books.omitted.update(
        {("custom_field_of_a_long_name", code): next(counts) for code in ("invalid_phone", "too_long")}
    )
    windows = tuple(
        WindowForecast(f"[20{year}-01-01 00:00:00, 20{year + 1}-01-01 00:00:00)", *(next(counts) for _ in range(9)))
        for year in (22, 23)
    )
    forecast = Forecast(next(counts), next(counts), next(counts), 5_000, {}, {}, windows)
    outcome = Outcome(
        "people", "backfill", "0123456789ab", books, 0.1, None, None, dry_run=True, forecast=forecast
    ).ended(NOON)
    monkeypatch.setenv("COLUMNS", str(columns))
    text = summary_text(outcome, [], begins="")
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text
    shown = [window.rows for window in windows] + [getattr(one, name) for one in windows for name in WINDOW_COUNTS]
    wanted = [*shown, books.read, books.unchanged, books.invalid, books.rejected, books.held, books.suppressed]
    wanted += [*list(books.reasons.values())[:5], *books.omitted.values(), forecast.events, forecast.requests]
    assert [count for count in wanted if f"{count:,}" not in text] == []

"""The summary at the end of a run, for a person."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from etl.cli.advice import Step, shown
from etl.cli.screen import LABEL_WIDTH, indented, labelled, paint, plain
from etl.cli.wording import duration, estimated
from etl.errors import TooManyFailures, worst_exit_code
from etl.exact import parse_key_text, show, show_key
from etl.job.outcome import Forecast, Outcome
from etl.mapping.problem_codes import PROBLEMS
from etl.page import Position

MOST_REASONS = 8
MOST_WINDOWS = 36
# Counted among the reasons, but no row that was read and failed.
BESIDE_THE_BOOKS = ("dead_letter", "gone", "overtaken", "null_cursor", "future_cursor")
COLOURS = {"done": "green", "stopped": "yellow", "failed": "red"}


def summary_text(outcome: Outcome, steps: list[Step]) -> str:
    """The summary for a person; `steps` are what to do next."""
    parts: list[RenderableType] = [_headline(outcome)]
    if outcome.books.read or outcome.books.held or outcome.books.reasons or outcome.error is None:
        parts.append(indented(_books(outcome)))
    if outcome.forecast is not None:
        parts.extend(labelled(row) for row in _forecast_rows(outcome.forecast))
        if outcome.forecast.windows:
            parts.append(indented(_windows(outcome.forecast)))
    if (rows := _checkpoint_rows(outcome)) and not outcome.dry_run:
        parts.append(labelled(*rows))
    return paint(*parts, *shown(steps))


MEANINGS = {
    0: "done",
    1: "a bug: please report it",
    2: "a mapping or the configuration is wrong",
    3: "some rows are invalid or rejected",
    4: "a source database was out of reach or refused",
    5: "the API refused the credentials",
    6: "stopped early, the next run goes on",
    7: "another run holds a mapping",
    8: "a state needs a person's decision",
}


def closing_text(codes: Sequence[int]) -> str:
    """The last line of a call with several mappings: how many were done, and the process' exit code."""
    worst = worst_exit_code(codes)
    done = sum(code in (0, 3) for code in codes)
    return paint(
        plain(f"{done} of {len(codes)} mappings done; exit code {worst}: {MEANINGS.get(worst, 'interrupted')}")
    )


def position_text(position: Position | None) -> str:
    """A checkpoint's position for a person."""
    if position is None:
        return "the beginning"
    if position.cursor is None:
        return f"key {show_key(position.key)}"
    return show(position.cursor) + (f" (key {show_key(position.key)})" if position.key else "")


def _headline(outcome: Outcome) -> Text:
    what = f"dry {outcome.command}" if outcome.dry_run else outcome.command
    return Text.assemble(
        plain(outcome.mapping, "bold"),
        f": {what} ",
        (outcome.outcome, COLOURS[outcome.outcome]),
        f" in {duration(outcome.duration_seconds)}, run {outcome.run_id}",
    )


def _books(outcome: Outcome) -> Table:
    books, forecast = outcome.books, outcome.forecast
    rate = ""
    if books.sent and outcome.duration_seconds > 0:
        rate = f"{books.sent / outcome.duration_seconds:,.0f} events/s"
    # The rows of a page that stopped the run for its failures are not kept: the next run reads them again.
    kept = "" if forecast or isinstance(outcome.error, TooManyFailures) else ", dead letters now"
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=LABEL_WIDTH)
    table.add_column(no_wrap=True, min_width=10, justify="right")
    table.add_column(overflow="fold")
    counts = [
        ("read", books.read, "" if books.read else "nothing to read"),
        ("would be sent", forecast.events, "") if forecast else ("sent", books.sent, rate),
        ("unchanged", books.unchanged, _unchanged_note(outcome)),
        ("invalid", books.invalid, f"refused here{kept}"),
        ("rejected", books.rejected, f"refused by the API{kept}"),
        ("unsent", 0 if forecast else books.unsent, "left for the next run"),
        ("held", books.held, "newer than this run's upper bound: the next run reads them"),
        *((name, books.reasons[name], PROBLEMS[name].meaning) for name in BESIDE_THE_BOOKS),
        ("requests", forecast.requests, _forecast_note(forecast))
        if forecast
        else ("requests", books.requests, _requests_note(outcome)),
    ]
    for name, count, note in counts:
        if count or name in ("read", "sent", "would be sent"):
            table.add_row(plain(name), plain(f"{count:,}"), plain(note, "dim"))
        if name == "rejected":
            _add_reasons(table, outcome)
    return table


def _add_reasons(table: Table, outcome: Outcome) -> None:
    reasons = [one for one in outcome.books.reasons.most_common() if one[0] not in BESIDE_THE_BOOKS]
    for reason, count in reasons[:MOST_REASONS]:
        code = PROBLEMS.get(reason)
        note = f"{code.meaning}; {code.remedy}" if code else "a word of the API's"
        keys = outcome.forecast.examples.get(reason) if outcome.forecast else None
        if keys:
            note += f"; for instance key {', '.join(show_key(parse_key_text(key)) for key in keys)}"
        table.add_row(plain(f"  {reason}"), plain(f"{count:,}"), plain(note, "dim"))
    if len(reasons) > MOST_REASONS:
        rest = sum(count for _, count in reasons[MOST_REASONS:])
        table.add_row(plain("  other reasons"), plain(f"{rest:,}"), plain("all of them with -o json", "dim"))


def _unchanged_note(outcome: Outcome) -> str:
    waiting = outcome.books.reasons["dead_letter"]
    return f"the receiver has them already{f', but for {waiting:,} (see below)' if waiting else ''}"


def _forecast_note(forecast: Forecast) -> str:
    return f"{forecast.body_bytes:,} bytes; at the configured rate {estimated(forecast.seconds)} at least"


def _requests_note(outcome: Outcome) -> str:
    books = outcome.books
    parts: list[str] = []
    if books.retries:
        parts.append(f"{books.retries:,} of them again after a failure")
    if books.ambiguous:
        parts.append(f"{books.ambiguous:,} without an answer, which may have arrived")
    if books.unconfirmed:
        parts.append(f"{books.unconfirmed:,} events taken without a clear yes")
    if books.waited_seconds >= 1:
        parts.append(f"{duration(books.waited_seconds)} of waiting for the throttle")
    return ", ".join(parts)


def _forecast_rows(forecast: Forecast) -> list[tuple[str, str]]:
    missing = {name: rate for name, rate in forecast.null_rates.items() if rate > 0}
    if not missing:
        return []
    share = ", ".join(f"{name} {rate:.0%}" if rate >= 0.01 else f"{name} <1%" for name, rate in missing.items())
    return [("left out", f"{share} of the events")]


def _windows(forecast: Forecast) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("window", overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    for window in forecast.windows[:MOST_WINDOWS]:
        table.add_row(plain(window.label), plain(f"{window.rows:,}"), plain(f"{window.events:,}"))
    if (left := len(forecast.windows) - MOST_WINDOWS) > 0:
        table.add_row(plain(f"{left:,} more: all of them with -o json"), "", "")
    return table


def _checkpoint_rows(outcome: Outcome) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if outcome.windows is not None:
        done, total = outcome.windows
        rows.append(("windows", f"{done:,} of {total:,} done"))
    if outcome.command != "backfill" and outcome.checkpoint is not None:
        after = position_text(outcome.checkpoint.position)
        before = "none" if outcome.before is None else position_text(outcome.before.position)
        moved = f"{before} → {after}" if before != after else f"{after}, as before"
        rows.append(("checkpoint", moved))
    return rows

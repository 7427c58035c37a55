"""The summary at the end of a run, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from rich.console import RenderableType
from rich.text import Text

from etl.commands.advice import NextStep, shown
from etl.errors import EXIT_CODES, TooManyFailures, worst_exit_code
from etl.event.masking import masked_event
from etl.exact import parse_key_text, show, show_key
from etl.job.outcome import ExampleEvent, Forecast, Outcome
from etl.mapping.problem_codes import PROBLEMS
from etl.page import Position
from etl.screen.cell import cell
from etl.screen.layout import TableColumn, indented, labelled, noted, paint, plain, table
from etl.screen.wording import MOST_REASONS, duration, estimated

MOST_WINDOWS = 36
# Reasons that do not stand for rows that were read and failed.
NO_CLOCK = (
    "none: the cursor is a mere number, so a row that commits late below the checkpoint is missed, unless "
    "source.lookback reaches it; source.cursor_unit says that it counts a time"
)
BESIDE_THE_BOOKS = (
    "dead_letter",
    "gone",
    "overtaken",
    "null_cursor",
    "misshaped_cursor",
    "future_cursor",
    "ambiguous_time",
    "nonexistent_time",
)
WINDOW_COUNTS = {
    "unchanged": "as accepted",
    "changed": "changed",
    "new": "never sent",
    "resent": "sent again",
    "dead_letters": "dead letters",
    "invalid": "invalid",
    "suppressed": "suppressed",
}
COLOURS = {"done": "green", "stopped": "yellow", "failed": "red"}


def summary_text(outcome: Outcome, steps: list[NextStep], *, begins: str) -> str:
    """The summary for a person; `steps` are what to do next, `begins` where a run without a checkpoint begins."""
    parts: list[RenderableType] = [_headline(outcome)]
    if outcome.started_at is not None and outcome.finished_at is not None:
        span = f"{outcome.started_at:%Y-%m-%d %H:%M:%S} → {outcome.finished_at:%Y-%m-%d %H:%M:%S} UTC"
        parts.append(labelled(("time", span)))
    if outcome.books.read or outcome.books.held or outcome.books.reasons or outcome.error is None:
        parts.append(indented(_books(outcome)))
    if outcome.forecast is not None:
        parts.extend(labelled(row) for row in _forecast_rows(outcome.forecast))
        parts.extend(labelled(("guard", f"{one.words} ({one.name})")) for one in outcome.forecast.guards)
        if outcome.forecast.shown:
            words = map(_example_words, outcome.forecast.shown)
            parts.append(labelled(*zip(chain(("for instance",), repeat("")), words, strict=False)))
        if outcome.forecast.windows:
            parts.append(indented(_windows(outcome.forecast)))
    if (rows := _checkpoint_rows(outcome, begins)) and not outcome.dry_run:
        parts.append(labelled(*rows))
    if outcome.dry_run and outcome.destination is not None:
        host, account = outcome.destination["host"], outcome.destination["account"]
        parts.append(labelled(("destination", f"{host}, account {account}")))
    if (change := outcome.mapping_change) is not None:
        parts.append(labelled(("mapping", f"the mapping changed since the last run: {change.words}")))
    if not outcome.follows_clock and outcome.command == "run":
        parts.append(labelled(("clock", NO_CLOCK)))
    return paint(*parts, *shown(steps))


def closing_text(codes: Sequence[int], *, stopped: int) -> str:
    """The last line of a call with several mappings: how many were done, and the process' exit code.

    stopped: how many of them `max_failure_rate` stopped, whose code is that of rows that fail.
    """
    worst = worst_exit_code(codes)
    done = sum(code in (0, 3) for code in codes) - stopped
    meaning = EXIT_CODES[worst].meaning
    if stopped and worst == TooManyFailures.exit_code:
        meaning = f"max_failure_rate stopped {stopped:,}"
    return paint(plain(f"{done} of {len(codes)} mappings done; exit code {worst}: {meaning}"))


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


def figures(outcome: Outcome) -> list[tuple[str, int | None, str]]:
    """All counts in the order of print: name, count (None: not known), and a note."""
    books, forecast = outcome.books, outcome.forecast
    rate = ""
    if books.sent and outcome.duration_seconds > 0:
        rate = f"{books.sent / outcome.duration_seconds:,.0f} events/s"
    # If a page's failures stopped the run, its rows were not recorded, and the next run reads them again.
    kept = "" if forecast or isinstance(outcome.error, TooManyFailures) else ", dead letters now"
    again = [
        ("  new", books.new, "nothing was accepted for their keys yet"),
        ("  changed", books.changed, _changed_note(outcome)),
        ("  resent", books.resent, "as they were accepted before"),
    ]
    unknown = ", ".join(sorted(books.uncounted))
    return [
        ("read", books.read, "" if books.read else "nothing to read"),
        ("would be sent", forecast.events, "") if forecast else ("sent", books.sent, rate),
        *(again if books.changed or books.resent else []),
        ("unchanged", books.unchanged, _unchanged_note(outcome)),
        ("invalid", books.invalid, f"refused here{kept}"),
        ("rejected", books.rejected, f"refused by the API{kept}"),
        ("acknowledged", books.acknowledged, "of the invalid and rejected: a person has seen their dead letters"),
        ("suppressed", books.suppressed, "of identities that were forgotten: never sent"),
        ("unsent", 0 if forecast else books.unsent, "left for the next run"),
        ("held", books.held, "newer than this run's upper bound: the next run reads them"),
        *((name, books.reasons[name], PROBLEMS[name].meaning) for name in BESIDE_THE_BOOKS),
        ("requests", forecast.requests, _forecast_note(forecast))
        if forecast
        else ("requests", books.requests, _requests_note(outcome)),
        ("not counted", None if books.uncounted else 0, f"{unknown}: the database needed too long"),
    ]


def matters(name: str, count: int | None) -> bool:
    """Whether a figure is worth its line."""
    return count != 0 or name in ("read", "sent", "would be sent")


def reasons(outcome: Outcome) -> list[tuple[str, int]]:
    """The codes of rows that were read and failed, most frequent first."""
    return [one for one in outcome.books.reasons.most_common() if one[0] not in BESIDE_THE_BOOKS]


def _books(outcome: Outcome) -> RenderableType:
    rows: list[tuple[str, str, str]] = []
    for name, count, note in figures(outcome):
        if matters(name, count):
            rows.append((name, "?" if count is None else f"{count:,}", note))
        if name == "rejected":
            rows += [*_reasons(outcome), *_omitted(outcome)]
    return noted(rows)


def _reasons(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    found = reasons(outcome)
    for reason, count in found[:MOST_REASONS]:
        code = PROBLEMS.get(reason)
        note = f"{code.meaning}; {code.remedy}" if code else "a word of the API's"
        keys = outcome.forecast.examples.get(reason) if outcome.forecast else None
        if keys:
            note += f"; for instance key {', '.join(show_key(parse_key_text(key)) for key in keys)}"
        yield f"  {reason}", f"{count:,}", note
    if len(found) > MOST_REASONS:
        rest = sum(count for _, count in found[MOST_REASONS:])
        yield "  other reasons", f"{rest:,}", "all of them with -o json"


def _omitted(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    omitted = outcome.books.omitted.most_common()
    for (field, code), count in omitted[:MOST_REASONS]:
        known = PROBLEMS.get(code)
        note = f"left out, {code}: {known.meaning}; {known.remedy}" if known else f"left out, {code}"
        yield f"omitted {field}", f"{count:,}", note
    if len(omitted) > MOST_REASONS:
        rest = sum(count for _, count in omitted[MOST_REASONS:])
        yield "other omitted", f"{rest:,}", "all of them with -o json"


def _changed_note(outcome: Outcome) -> str:
    fields = ", ".join(f"{name} {count:,}" for name, count in outcome.books.changed_fields.most_common(MOST_REASONS))
    by_mapping = outcome.forecast.by_mapping if outcome.forecast else 0
    return f"{fields}{f'; {by_mapping:,} of them only because the mapping changed' if by_mapping else ''}"


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


def counted_in_windows(forecast: Forecast) -> list[str]:
    """The counts of windows that are worth a column: the rows of a window are the sum of these."""
    return [name for name in WINDOW_COUNTS if any(getattr(one, name) for one in forecast.windows)]


def _example_words(one: ExampleEvent) -> str:
    content = ", ".join(f"{name} = {cell(value)}" for name, value in masked_event(one.event).items())
    gone = [f"{name} (left out now)" if name not in one.event else name for name in one.fields]
    by = f", by {', '.join(gone)}" if gone else ""
    return f"{one.kind}, key {show_key(parse_key_text(one.key))}{by}: {content}"


def _windows(forecast: Forecast) -> RenderableType:
    shown = counted_in_windows(forecast)
    columns = [TableColumn("window", wraps=True), TableColumn("rows", number=True)]
    columns += [TableColumn(WINDOW_COUNTS[name], number=True) for name in shown]
    rows = [
        [plain(one.label), plain(f"{one.rows:,}"), *(plain(f"{getattr(one, name):,}") for name in shown)]
        for one in forecast.windows[:MOST_WINDOWS]
    ]
    if (left := len(forecast.windows) - MOST_WINDOWS) > 0:
        rows.append([plain(f"{left:,} more: all of them with -o json"), *(plain("") for _ in columns[1:])])
    return table(columns, rows)


def _checkpoint_rows(outcome: Outcome, begins: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if outcome.windows is not None:
        done, total = outcome.windows
        rows.append(("windows", f"{done:,} of {total:,} done"))
    if outcome.command != "backfill" and outcome.checkpoint is not None:
        if outcome.checkpoint.position is None:
            return [*rows, ("checkpoint", f"none: the next run reads {begins}")]
        after = position_text(outcome.checkpoint.position)
        before = "none" if outcome.before is None else position_text(outcome.before.position)
        moved = f"{before} → {after}" if before != after else f"{after}, as before"
        rows.append(("checkpoint", moved))
    return rows

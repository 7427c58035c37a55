"""The summary at the end of a run, for a person or as one JSON line."""

from __future__ import annotations

import json

import click

from etl.exact import show, show_key
from etl.job.outcome import Outcome
from etl.mapping.catalogue import PROBLEMS
from etl.page import Position


def show_outcome(outcome: Outcome, *, output: str) -> None:
    """Print `outcome` on stdout."""
    if output == "json":
        click.echo(json.dumps(outcome.as_dict(), ensure_ascii=False))
        return
    for line in summary_lines(outcome):
        click.echo(line)


def summary_lines(outcome: Outcome) -> list[str]:
    """The summary as lines of at most about 80 columns."""
    books = outcome.books
    what = "dry run" if outcome.dry_run else outcome.command
    lines = [f"{outcome.mapping}: {what} {outcome.outcome} in {_duration(outcome.duration_seconds)}"]
    sent = outcome.forecast.events if outcome.forecast else books.sent
    counts = [
        ("read", books.read, ""),
        ("would be sent" if outcome.dry_run else "sent", sent, _sent_note(outcome)),
        ("unchanged", books.unchanged, "the receiver has them already"),
        ("invalid", books.invalid, "refused here, kept as dead letters"),
        ("rejected", books.rejected, "refused by the API, kept as dead letters"),
        ("unsent", 0 if outcome.forecast else books.unsent, "left for the next run"),
        ("held", books.held, "newer than this run's upper bound, left for the next run"),
    ]
    for name, count, note in counts:
        if count or name in ("read", "sent", "would be sent"):
            lines.append(f"  {name:<14}{count:>12,}" + (f"   {note}" if note else ""))
    for reason, count in books.reasons.most_common(8):
        code = PROBLEMS.get(reason)
        hint = f"   {code.meaning}" if code else ""
        lines.append(f"    {reason:<22}{count:>8,}{hint}")
    lines.extend(_forecast_lines(outcome))
    if outcome.checkpoint is not None and not outcome.dry_run:
        before = "none" if outcome.before is None else position_text(outcome.before.position)
        lines.append(f"  checkpoint    {before} → {position_text(outcome.checkpoint.position)}")
    return lines


def _sent_note(outcome: Outcome) -> str:
    books = outcome.books
    parts: list[str] = []
    if books.requests:
        parts.append(f"{books.requests:,} requests")
    if books.sent and outcome.duration_seconds > 0:
        parts.append(f"{books.sent / outcome.duration_seconds:,.0f} events/s")
    if books.retries:
        parts.append(f"{books.retries:,} retries")
    if books.ambiguous:
        parts.append(f"{books.ambiguous:,} ambiguous")
    if books.unconfirmed:
        parts.append(f"{books.unconfirmed:,} unconfirmed")
    if books.waited_seconds >= 1:
        parts.append(f"{_duration(books.waited_seconds)} waited for the throttle")
    return ", ".join(parts)


def _forecast_lines(outcome: Outcome) -> list[str]:
    forecast = outcome.forecast
    if forecast is None:
        return []
    lines = [
        f"  {forecast.requests:,} requests, {forecast.body_bytes:,} bytes, {_duration(forecast.seconds)} by the rate"
    ]
    lines.extend(f"    {code}: for instance {', '.join(keys)}" for code, keys in forecast.examples.items())
    missing = {name: rate for name, rate in forecast.null_rates.items() if rate > 0}
    if missing:
        lines.append("  left out:  " + ", ".join(f"{name} {rate:.0%}" for name, rate in missing.items()))
    return lines


def position_text(position: Position | None) -> str:
    """A checkpoint's position for a person."""
    if position is None:
        return "the beginning"
    key = show_key(position.key)
    return key if position.cursor is None else f"{show(position.cursor)} (key {key})"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"

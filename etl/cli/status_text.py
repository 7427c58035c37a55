"""One mapping's standing on the screen, and as JSON with stable keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from etl.checkpoint import Backfill
from etl.cli.advice import shown_steps
from etl.cli.lag import Lag, NoLag
from etl.cli.screen import indented, labelled, plain
from etl.cli.standing import Standing
from etl.cli.summary import position_text
from etl.cli.wording import counted, duration, estimated
from etl.cli.worries import Worry
from etl.exact import encode, show
from etl.job.outcome import checkpoint_dict
from etl.state.lock import Holder
from etl.state.runs import RunRecord

COLOURS = {"done": "green", "running": "cyan", "stopped": "yellow", "failed": "red", "died": "red"}
BOOKS = ("read", "sent", "unchanged", "invalid", "rejected", "unsent")


def status_text(standing: Standing, worries: Sequence[Worry], *, history: int, now: datetime) -> list[RenderableType]:
    """The screen's parts: what needs a person first, then where the mapping stands, then its last runs."""
    well = plain("all is well", "green") if not worries else plain("needs a person", "bold red")
    parts: list[RenderableType] = [Text.assemble(plain(standing.name, "bold"), "  ", well)]
    for worry in worries:
        parts.append(indented(plain(f"! {worry.message}", "red")))
        parts.extend(shown_steps(worry.steps))
    parts.append(labelled(*_rows(standing, now)))
    if history and standing.runs:
        parts.append(indented(_runs(standing.runs[:history])))
    return parts


def _rows(standing: Standing, now: datetime) -> list[tuple[str, RenderableType]]:
    rows: list[tuple[str, RenderableType]] = []
    checkpoint = standing.checkpoint
    if checkpoint is None:
        rows.append(("checkpoint", "none: no run has begun yet"))
    else:
        rows.append(("checkpoint", f"{position_text(checkpoint.position)}, saved {_ago(checkpoint.saved_at, now)}"))
    rows.append(("behind", _lag_text(standing)))
    if (forecast := standing.forecast) is not None:
        text = f"{estimated(forecast.by_rate_seconds)} at least by the configured rate"
        if forecast.by_last_runs_seconds is not None:
            text += f", {estimated(forecast.by_last_runs_seconds)} as fast as the last runs"
        rows.append(("next run", text))
    letters = standing.dead_letters
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in letters.most_common())
    rows.append(("dead letters", f"{sum(letters.values()):,} open: {reasons}" if letters else "none open"))
    for track, holder in standing.holders.items():
        if holder is not None:
            rows.append(
                (f"{track} now", f"{holder_text(holder)}, for {duration((now - holder.since).total_seconds())}")
            )
    rows.extend(("backfill", _backfill_text(backfill, now)) for backfill in standing.backfills)
    return rows


def _lag_text(standing: Standing) -> str:
    match standing.lag:
        case None:
            return "not asked: name the mapping file, and its database is"
        case NoLag(why):
            return f"not known: {why}"
        case Lag() as lag:
            held = f"; {lag.held:,} held, too new to be read" if lag.held else ""
            if lag.every_row:
                return f"no cursor: each run reads all {counted(lag.rows, 'row')}"
            if not lag.rows:
                return f"nothing{held}"
            since = ""
            if lag.oldest_at is not None and lag.seconds is not None:
                since = f", the first waiting for {duration(lag.seconds)}, since {lag.oldest_at:%Y-%m-%d %H:%M} UTC"
            return f"{counted(lag.rows, 'row')}{since}{held}"
        case never:
            assert_never(never)


def holder_text(holder: Holder) -> str:
    """Who it is: `process 4711 on host`."""
    return f"process {holder.pid} on {holder.host}"


def _backfill_text(backfill: Backfill, now: datetime) -> str:
    span = f"{show(backfill.spec.start)} to {show(backfill.spec.end)}"
    steps = f" by {backfill.spec.step}" if backfill.spec.step else ""
    done = f"{counted(backfill.windows_done, 'window')} done"
    return f"{span}{steps}: not finished, {done}, begun {_ago(backfill.started_at, now)}"


def _runs(runs: Sequence[RunRecord]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("last runs (UTC)", no_wrap=True)
    table.add_column("command", no_wrap=True)
    table.add_column("ended", no_wrap=True)
    table.add_column("took", no_wrap=True, justify="right")
    table.add_column("rows", overflow="fold")
    for run in runs:
        code = f" {run.exit_code}" if run.exit_code and run.outcome != "done" else ""
        took = "" if run.finished_at is None else duration((run.finished_at - run.started_at).total_seconds())
        table.add_row(
            plain(f"{run.started_at:%Y-%m-%d %H:%M}"),
            plain(run.command),
            plain(f"{run.outcome}{code}", COLOURS.get(run.outcome, "")),
            plain(took),
            _what(run),
        )
    return table


def _what(run: RunRecord) -> Text:
    summary: dict[str, Any] = run.summary or {}
    counts = ", ".join(f"{summary[name]:,} {name}" for name in BOOKS if summary.get(name))
    said = str(summary.get("error") or "")
    if run.summary is None:
        return plain("")
    return plain("; ".join(part for part in (counts, said) if part) or "nothing to read")


def _ago(moment: datetime, now: datetime) -> str:
    return f"{duration(max(0.0, (now - moment).total_seconds()))} ago"


def status_dict(standing: Standing, worries: Sequence[Worry], *, history: int) -> dict[str, object]:
    """The same as JSON-ready values; every key is always there."""
    forecast, forgotten = standing.forecast, standing.forgotten
    return {
        "mapping": standing.name,
        "checkpoint": checkpoint_dict(standing.checkpoint),
        "lag": _lag_dict(standing),
        "forecast": None
        if forecast is None
        else {
            "seconds_by_rate": round(forecast.by_rate_seconds, 1),
            "seconds_by_last_runs": None
            if forecast.by_last_runs_seconds is None
            else round(forecast.by_last_runs_seconds, 1),
        },
        "dead_letters": dict(standing.dead_letters.most_common()),
        "ledger": standing.ledger,
        "holders": {
            track: None
            if holder is None
            else {"pid": holder.pid, "host": holder.host, "since": holder.since.isoformat()}
            for track, holder in standing.holders.items()
        },
        "backfills": [
            {
                "from": encode(backfill.spec.start),
                "to": encode(backfill.spec.end),
                "window": backfill.spec.step,
                "windows_done": backfill.windows_done,
                "started_at": backfill.started_at.isoformat(),
            }
            for backfill in standing.backfills
        ],
        "forgotten_run": None
        if forgotten is None
        else {
            "run_id": forgotten.run_id,
            "finished_at": forgotten.finished_at.isoformat(),
            "sent": forgotten.sent,
        },
        "runs": [_run_dict(run) for run in standing.runs[:history]],
        "worries": [
            {
                "code": worry.code,
                "message": worry.message,
                "todo": [{"what": step.text, "command": step.command or None} for step in worry.steps],
            }
            for worry in worries
        ],
    }


def _lag_dict(standing: Standing) -> dict[str, object]:
    lag = standing.lag
    known = lag if isinstance(lag, Lag) else None
    return {
        "asked": lag is not None,
        "rows": None if known is None else known.rows,
        "seconds": None if known is None or known.seconds is None else round(known.seconds, 1),
        "oldest_at": None if known is None or known.oldest_at is None else known.oldest_at.isoformat(),
        "held": None if known is None else known.held,
        "problem": lag.why if isinstance(lag, NoLag) else None,
    }


def _run_dict(run: RunRecord) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "command": run.command,
        "started_at": run.started_at.isoformat(),
        "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "summary": run.summary,
    }

"""One mapping's standing on the screen, and as JSON with stable keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

from rich.console import RenderableType
from rich.text import Text

from etl.checkpoint import Backfill, Checkpoint
from etl.commands.advice import NextStep, shown_steps
from etl.commands.standing import Lag, NoLag, Standing, Usual
from etl.commands.summary import NO_CLOCK, position_text
from etl.commands.worries import Worry, worry_of_call
from etl.exact import encode, show
from etl.job.outcome import checkpoint_dict
from etl.screen.layout import TableColumn, indented, labelled, plain, table
from etl.screen.wording import by_reason, counted, duration, estimated
from etl.state.lock import Holder
from etl.state.not_started import NotStarted
from etl.state.runs import RunRecord

NEEDS, WELL = "needs a person", "all is well"
NO_WORRY = "no worry is known, but no clock bounds the cursor"
# More would not fit on a screen.
MOST_WORRIES = 4
COLOURS = {"done": "green", "running": "cyan", "stopped": "yellow", "failed": "red", "died": "red"}
BOOKS = ("read", "sent", "unchanged", "invalid", "rejected", "suppressed", "unsent")


def verdict_text(found: Sequence[tuple[Standing, Sequence[Worry]]], refused: Sequence[NotStarted] = ()) -> Text:
    """The verdict over all mappings in one line: which need a person, which are well; `refused` calls need one too."""
    needing = [*map(_call, refused), *(standing.name for standing, worries in found if worries)]
    well = [standing.name for standing, worries in found if not worries and standing.follows_clock]
    unknown = [standing.name for standing, worries in found if not worries and not standing.follows_clock]
    parts = [
        Text.assemble(plain(words, style), plain(f": {', '.join(names)}"))
        for words, style, names in (
            (NEEDS, "bold red", needing),
            (NO_WORRY, "yellow", unknown),
            (WELL, "green", well),
        )
        if names
    ]
    return Text("; ").join(parts)


def status_text(standing: Standing, worries: Sequence[Worry], *, history: int, now: datetime) -> list[RenderableType]:
    """The screen's parts: what needs a person first, then where the mapping stands, then its last runs."""
    well = plain(NEEDS, "bold red") if worries else _well(standing)
    parts: list[RenderableType] = [Text.assemble(plain(standing.name, "bold"), "  ", well)]
    if more := len(worries) - MOST_WORRIES:
        worries = worries[:MOST_WORRIES]
    for worry in worries:
        parts.append(indented(plain(f"! {worry.message}", "red")))
        parts.extend(shown_steps(worry.steps))
    if more > 0:
        parts.append(indented(plain(f"! {more} more, with -o json", "red")))
    parts.append(labelled(*_rows(standing, now)))
    if history and standing.runs:
        parts.append(indented(_runs(standing.runs[:history])))
    return parts


def paths_from_here(refused: NotStarted) -> list[str]:
    """What the call named, as it is to be called from this folder."""
    here = Path.cwd()
    paths = map(Path, refused.paths)
    return [str(path.relative_to(here) if path.is_relative_to(here) else path) for path in paths]


def _call(refused: NotStarted) -> str:
    return " ".join(["run", *paths_from_here(refused)])


def refused_text(refused: NotStarted, seen: Sequence[NextStep]) -> list[RenderableType]:
    """The same for a call that was refused as a whole; `seen` is how it is ended by hand."""
    worry = worry_of_call(refused, None)
    return [
        Text.assemble(plain(_call(refused), "bold"), "  ", plain(NEEDS, "bold red")),
        indented(plain(f"! {worry.message}", "red")),
        *shown_steps([*worry.steps, *seen]),
    ]


def refused_dict(refused: NotStarted) -> dict[str, object]:
    """The same as JSON-ready values."""
    return {"mapping": None, "call": list(refused.paths), "worries": [_worry_dict(worry_of_call(refused, None))]}


def _worry_dict(worry: Worry) -> dict[str, object]:
    return {
        "code": worry.code,
        "message": worry.message,
        "todo": [{"what": step.text, "command": step.command or None} for step in worry.steps],
    }


def _well(standing: Standing) -> Text:
    """The words for "up to date"; weaker for a cursor without a clock, where late rows may have been missed."""
    if standing.follows_clock:
        return plain(WELL, "green")
    return plain(NO_WORRY, "yellow")


def _rows(standing: Standing, now: datetime) -> list[tuple[str, RenderableType]]:
    rows: list[tuple[str, RenderableType]] = [("checkpoint", _checkpoint_text(standing.checkpoint, now))]
    if standing.refresh is not None:
        begun = _ago(standing.refresh.saved_at, now)
        rows.append(("full refresh", f"not complete, begun {begun}: the next runs go on with it"))
    rows.extend(_change_rows(standing))
    rows.append(("behind", _lag_text(standing)))
    if not standing.follows_clock:
        rows.append(("clock", NO_CLOCK))
    if (forecast := standing.forecast) is not None:
        text = f"{estimated(forecast.by_rate_seconds)} at least by the configured rate"
        if forecast.by_last_runs_seconds is not None:
            text += f", {estimated(forecast.by_last_runs_seconds)} as fast as the last runs"
        rows.append(("next run", text))
    rows.append(("dead letters", _letters_text(standing)))
    if standing.usual is not None:
        rows.append(("usual", _usual_text(standing.usual)))
    if standing.in_doubt:
        rows.append(("in doubt", f"{counted(standing.in_doubt, 'row')}: sent again when read, whatever they hold"))
    if standing.suppressed:
        rows.append(("suppressed", f"{standing.suppressed:,} forgotten in its account: no event of theirs is sent"))
    for track, holder in standing.holders.items():
        if holder is not None:
            rows.append(
                (f"{track} now", f"{holder_text(holder)}, for {duration((now - holder.since).total_seconds())}")
            )
    rows.extend(("backfill", _backfill_text(backfill, now)) for backfill in standing.backfills)
    return rows


def _change_rows(standing: Standing) -> Iterator[tuple[str, str]]:
    if standing.mapping_change is not None:
        yield "mapping", f"the mapping changed since the last run: {standing.mapping_change.words}"
    elif standing.earlier is not None and standing.differing != 0:
        yield "mapping", f"rows were accepted by an earlier mapping: {standing.earlier.words}"
    if standing.earlier is None or standing.place is None or standing.differing == 0:
        return
    if standing.differing is None:
        yield "", f"which rows differ: {standing.place.command('backfill', '--dry-run')}"
    else:
        differ = f"{counted(standing.differing, 'accepted row')} {'differs' if standing.differing == 1 else 'differ'}"
        yield "", f"{differ} now; to send them: {standing.place.command('backfill')}"


def _checkpoint_text(checkpoint: Checkpoint | None, now: datetime) -> str:
    if checkpoint is None:
        return "none: no run has begun yet, and the first one needs --start-from"
    if checkpoint.position is None:
        return f"before the first row, saved {_ago(checkpoint.saved_at, now)}: the next run begins there"
    return f"{position_text(checkpoint.position)}, saved {_ago(checkpoint.saved_at, now)}"


def _letters_text(standing: Standing) -> str:
    letters = standing.dead_letters
    if not letters:
        return "none open"
    known = f"; {sum(standing.known.values()):,} of them known" if standing.known else ""
    return f"{sum(letters.values()):,} open: {by_reason(letters)}{known}"


def _usual_text(usual: Usual) -> str:
    before = "the run before sent" if usual.runs == 1 else f"the median of the {usual.runs} runs before is"
    return f"the last run sent {usual.sent:,}; {before} {usual.median:,.0f}"


def _lag_text(standing: Standing) -> str:
    match standing.lag:
        case None:
            return "not asked: name the mapping file, and its database is"
        case NoLag(why):
            return f"not known: {why}"
        case Lag() as lag:
            held = f"; {lag.held:,} held, too new to be read" if lag.held else ""
            held = "; how many are held could not be counted in time" if lag.held is None else held
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


def _runs(runs: Sequence[RunRecord]) -> RenderableType:
    columns = (
        TableColumn("last runs (UTC)"),
        TableColumn("command"),
        TableColumn("ended"),
        TableColumn("took", number=True),
        TableColumn("rows", wraps=True),
    )
    rows: list[tuple[Text, ...]] = []
    for run in runs:
        code = f" {run.exit_code}" if run.exit_code and run.outcome != "done" else ""
        took = "" if run.finished_at is None else duration((run.finished_at - run.started_at).total_seconds())
        rows.append(
            (
                plain(f"{run.started_at:%Y-%m-%d %H:%M}"),
                plain(run.command),
                plain(f"{run.outcome}{code}", COLOURS.get(run.outcome, "")),
                plain(took),
                _what(run),
            )
        )
    return table(columns, rows)


def _what(run: RunRecord) -> Text:
    summary: dict[str, Any] = run.summary or {}
    counts = ", ".join(f"{summary[name]:,} {name}" for name in BOOKS if summary.get(name))
    if omitted := sum(sum(codes.values()) for codes in (summary.get("omitted") or {}).values()):
        counts = f"{counts}, {counted(omitted, 'field')} omitted"
    said = str(summary.get("error") or "")
    if run.summary is None:
        return plain("")
    return plain("; ".join(part for part in (counts, said) if part) or "nothing to read")


def _ago(moment: datetime, now: datetime) -> str:
    return f"{duration(max(0.0, (now - moment).total_seconds()))} ago"


def status_dict(
    standing: Standing, worries: Sequence[Worry], *, history: int, in_folder: bool = True
) -> dict[str, object]:
    """The same as JSON-ready values; every key is always there. in_folder: False where no file has this mapping."""
    forecast, forgotten = standing.forecast, standing.forgotten
    return {
        "mapping": standing.name,
        "in_folder": in_folder,
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
        "acknowledged": dict(standing.known.most_common()),
        "usual": None
        if standing.usual is None
        else {"sent": standing.usual.sent, "median": standing.usual.median, "runs": standing.usual.runs},
        "ledger": standing.ledger,
        "in_doubt": standing.in_doubt,
        "suppressed": standing.suppressed,
        "mapping_changed": None if standing.mapping_change is None else standing.mapping_change.as_dict(),
        "accepted_by_earlier": None if standing.earlier is None else standing.earlier.as_dict(),
        "differing": standing.differing,
        "full_refresh": None if standing.refresh is None else {"begun_at": standing.refresh.saved_at.isoformat()},
        "follows_clock": standing.follows_clock,
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
            "noted_at": forgotten.noted_at.isoformat(),
            "sent": forgotten.sent,
        },
        "runs": [_run_dict(run) for run in standing.runs[:history]],
        "worries": [_worry_dict(worry) for worry in worries],
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

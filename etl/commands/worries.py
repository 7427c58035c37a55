"""Whether a person has to look at a mapping, why, and what to do; pure.

The rule: a failure that the next run repairs by itself is no worry, and each worry says what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl.commands.advice import MappingPlace, NextStep, dead_letter_steps
from etl.commands.hints import kind_of, more_steps
from etl.commands.standing import Lag, NoLag, Standing
from etl.errors import EtlError, GuardTripped, StateUnusable, TooManyFailures
from etl.screen.wording import by_reason, counted, duration
from etl.state.not_started import NotStarted
from etl.state.runs import RunRecord


@dataclass(frozen=True, slots=True)
class AllowedAges:
    """The longest time since the last run that was done, and the longest that a row may wait (None: any time)."""

    max_age: timedelta
    max_lag: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Worry:
    """One reason to look: a stable `code`, the reason in one line, and what to do."""

    code: str
    message: str
    steps: tuple[NextStep, ...] = ()


# A field left out of a larger share of a run's events than this is a worry.
MOST_OMITTED = 0.2
_UNREAD = (("null_cursor", "without a cursor"), ("misshaped_cursor", "whose cursor is no time"))
_FAILED = "the last run failed: "


def worries_about(standing: Standing, *, patience: AllowedAges, now: datetime) -> list[Worry]:
    """Why a person should look at the mapping; empty when all is well."""
    found = [
        _not_started(standing),
        _wrong_file(standing),
        _other_source(standing),
        _went_back(standing),
        _forgotten(standing),
        _renamed(standing),
        _last_run(standing),
        _no_checkpoint(standing),
        _age(standing, patience.max_age, now),
        _dead_letters(standing),
        _omitted(standing),
        _unread(standing),
        _ahead(standing),
        _lag(standing, patience.max_lag),
    ]
    worries = [worry for worry in found if worry is not None]
    # The last run may have failed by the same error that the database gives now; it is reported once.
    said = {worry.message for worry in worries}
    return [worry for worry in worries if worry.message.removeprefix(_FAILED) not in said - {worry.message}]


def _not_started(standing: Standing) -> Worry | None:
    return None if standing.refused is None else worry_of_call(standing.refused, standing.place)


def worry_of_call(refused: NotStarted, place: MappingPlace | None) -> Worry:
    """The worry that a call of `run` did not begin; `place`: of the mapping that it is about, if that is known."""
    message = f"the last call, of {refused.at:%Y-%m-%d %H:%M} UTC, did not start: {refused.message}"
    steps = [NextStep(refused.hint)] if refused.hint else []
    if place is not None:
        steps.append(NextStep("correct it, and see that it is right", place.command("validate")))
    what = "it" if refused.mapping else "all that it named" if refused.paths else "anything"
    steps.append(NextStep(f"a later call that runs {what} ends this, or `status --acknowledge`"))
    return Worry("not_started", message, tuple(steps))


def _wrong_file(standing: Standing) -> Worry | None:
    # Usually the last call was refused for the same problem: then its message ends with these words, whatever the path.
    refused = "" if standing.refused is None else standing.refused.message
    if not standing.wrong_file or refused.endswith(f"  {standing.wrong_words}"):
        return None
    steps = [] if standing.place is None else [NextStep("see all of it", standing.place.command("validate"))]
    return Worry("wrong_file", f"its file gives no mapping: {standing.wrong_file}", tuple(steps))


def _other_source(standing: Standing) -> Worry | None:
    error = standing.other_source
    return None if error is None else Worry("other_source", error.message, _steps_of(error, standing))


def _went_back(standing: Standing) -> Worry | None:
    if not isinstance(standing.lag, Lag) or standing.lag.went_back is None:
        return None
    error = standing.lag.went_back
    return Worry("table_went_back", error.message, _steps_of(error, standing))


def _steps_of(error: EtlError, standing: Standing) -> tuple[NextStep, ...]:
    return _what_to_type(error.hint or "", kind_of(error), standing)


def _what_to_type(hint: str, kind: str, standing: Standing, *, again: Sequence[str] = ()) -> tuple[NextStep, ...]:
    """After an error of `kind`: its own hint, and the commands where the mapping's file is known."""
    more = [] if standing.place is None else more_steps(kind, standing.place, command="run", again=again)
    return (*([NextStep(hint)] if hint else []), *more)


def _forgotten(standing: Standing) -> Worry | None:
    run = standing.forgotten
    if run is None:
        return None
    when = f"{run.noted_at:%Y-%m-%d %H:%M} UTC"
    message = f"the state is older than the run {run.run_id} of {when}, which sent {run.sent:,}"
    step = NextStep("was it restored from a backup? What was sent since may be sent again")
    return Worry("forgotten_run", message, (step,))


def _last_run(standing: Standing) -> Worry | None:
    runs = standing.nightly
    if not runs or _answered(standing, runs[0]):
        return None
    run = runs[0]
    summary = run.summary or {}
    said, kind, again = summary.get("error", ""), summary.get("error_kind", ""), summary.get("again", ())
    todo = _what_to_type(summary.get("hint") or "", kind, standing, again=again)
    if run.outcome == "died":
        again = NextStep("nothing is lost: the next run goes on; was the process killed, or the machine restarted?")
        return Worry("last_run_died", f"the last run, of {_started(run)}, ended without recording how", (again,))
    if run.outcome == "failed":
        return Worry("last_run_failed", f"{_FAILED}{said}", todo)
    if run.outcome == "stopped" and run.exit_code == 3:
        step = NextStep("see the rows that fail, and correct the mapping")
        if standing.place is not None:
            step = NextStep(step.text, standing.place.command("preview", "--invalid"))
        return Worry("too_many_failures", f"the last run stopped itself: {said}", (step,))
    if run.outcome == "stopped" and run.exit_code == GuardTripped.exit_code:
        return Worry("guard_tripped", f"a guard stopped the last run: {said}", todo)
    return None


def _answered(standing: Standing, run: RunRecord) -> bool:
    """Whether `run` ended with a question to a person that has been answered since, or is reported in another way."""
    if run.outcome != "failed":
        return False
    return standing.new_name is not None or (run.exit_code == StateUnusable.exit_code and _decided_since(standing, run))


def _decided_since(standing: Standing, run: RunRecord) -> bool:
    """Whether a person moved the mapping's state after `run`, which answers its question."""
    return standing.decided_at is not None and standing.decided_at >= (run.finished_at or run.started_at)


def _renamed(standing: Standing) -> Worry | None:
    if standing.new_name is None:
        return None
    file = "its file" if standing.place is None else str(standing.place.path)
    message = f"what was known as {standing.name} is called {standing.new_name} since `state rename`"
    return Worry("renamed", message, (NextStep(f"write `name: {standing.new_name}` into {file}"),))


def _no_checkpoint(standing: Standing) -> Worry | None:
    """There was one, so that the next run does not go on by itself."""
    runs = standing.nightly
    if standing.checkpoint is not None or standing.new_name or not runs:
        return None
    asked = runs[0].outcome == "running" or (runs[0].summary or {}).get("error_kind") == "FirstRunUndecided"
    if asked or not any((run.summary or {}).get("checkpoint") for run in runs):
        return None
    steps = [NextStep("the next run needs --start-from")]
    if standing.place is not None:
        steps = more_steps("FirstRunUndecided", standing.place, command="run")
    return Worry("no_checkpoint", "there is no checkpoint: the next run has to be told where to begin", tuple(steps))


def _age(standing: Standing, max_age: timedelta, now: datetime) -> Worry | None:
    runs = standing.nightly
    good = next((run for run in runs if run.outcome == "done"), None)
    if good is None:
        if standing.new_name or (runs and (runs[0].summary or {}).get("error_kind") == "FirstRunUndecided"):
            return None  # reported separately
        steps = [_what_holds_up(runs)]
        if not runs and standing.place is not None:
            steps += more_steps("FirstRunUndecided", standing.place, command="run")
        return Worry("never_done", "no run was ever done", tuple(steps))
    seconds = (now - (good.finished_at or good.started_at)).total_seconds()
    if seconds <= max_age.total_seconds():
        return None
    return Worry("too_old", f"the last run that was done ended {duration(seconds)} ago", (_what_holds_up(runs),))


_WHAT_STOPS: dict[int | None, str] = {
    GuardTripped.exit_code: "a guard stops the runs: a person decides",
    TooManyFailures.exit_code: "too many rows fail, which stops the runs: correct the mapping or the rows",
}


def _what_holds_up(runs: Sequence[RunRecord]) -> NextStep:
    match runs[0].outcome if runs else None:
        case None:
            return NextStep("the first run needs --start-from")
        case "running":
            return NextStep("a run is under way: wait for its end")
        case "stopped":
            early = "the last runs stopped early: give them more time, or see why the API did not answer"
            return NextStep(_WHAT_STOPS.get(runs[0].exit_code, early))
        case "failed" | "died":
            return NextStep("see why the last run ended")
        case _:
            return NextStep("nothing has called it since: does the scheduler?")


def _dead_letters(standing: Standing) -> Worry | None:
    letters = standing.new_letters
    count = sum(letters.values())
    if not count:
        return None
    steps = [NextStep("see them with `explain`, correct the rows, then `retry`")]
    if standing.place is not None:
        most = [reason for reason, _ in letters.most_common()]
        steps = [
            *dead_letter_steps(standing.place, most, standing.examples.get),
            NextStep("or leave them, known from now on", standing.place.command("status", "--acknowledge")),
        ]
    known = sum(standing.known.values())
    also = f"; {known:,} more are known" if known else ""
    return Worry(
        "dead_letters", f"{counted(count, 'row')} could not be delivered: {by_reason(letters)}{also}", tuple(steps)
    )


def _omitted(standing: Standing) -> Worry | None:
    """Fields that more than a fifth of the events of the last run went without."""
    summary = next((run.summary for run in standing.nightly if run.summary), None) or {}
    events = int(summary.get("read", 0)) - int(summary.get("invalid", 0))
    often = [
        f"{field} in {sum(codes.values()):,} ({', '.join(codes)})"
        for field, codes in (summary.get("omitted") or {}).items()
        if sum(codes.values()) > MOST_OMITTED * events
    ]
    if not often:
        return None
    step = NextStep("see the rows and why, then correct the mapping or the data")
    if standing.place is not None:
        step = NextStep(step.text, standing.place.command("preview", "--invalid"))
    message = f"of {events:,} events of the last run many went without a field: {', '.join(often)}"
    return Worry("omitted_fields", message, (step,))


def _unread(standing: Standing) -> Worry | None:
    """Rows that the last run could not read because of their cursor, and that no other run will."""
    summary = next((run.summary for run in standing.nightly if run.summary), None) or {}
    reasons = summary.get("reasons") or {}
    found = [f"{counted(reasons[code], 'row')} {why}" for code, why in _UNREAD if reasons.get(code)]
    if not found and "null_cursor" in summary.get("uncounted", ()):
        message = "whether rows are without a cursor, which no run reads, could not be counted in time"
        return Worry("rows_without_cursor", message, (NextStep("an index on the cursor makes it quick"),))
    if not found:
        return None
    step = NextStep(
        "fill or correct the column; a list, cursor_field: [updated_at, created_at], takes the other's value"
    )
    return Worry("rows_without_cursor", f"no run reads {' and '.join(found)}", (step,))


def _ahead(standing: Standing) -> Worry | None:
    if not isinstance(standing.lag, Lag) or standing.lag.ahead_seconds is None:
        return None
    seconds = standing.lag.ahead_seconds
    step = NextStep(
        "rows written until then are not read: was the clock set back? Move the checkpoint with `state set`"
    )
    return Worry("checkpoint_ahead", f"the checkpoint lies {duration(seconds)} ahead of the database's clock", (step,))


def _lag(standing: Standing, max_lag: timedelta | None) -> Worry | None:
    if max_lag is None:
        return None
    lag = standing.lag
    if isinstance(lag, NoLag):
        return Worry("lag_unknown", f"the lag is not known: {lag.why}")
    if lag is None or not lag.rows or lag.every_row:
        return None
    if lag.seconds is None:
        return Worry(
            "lag_unknown", "the lag in time is not known: the cursor is no time", (NextStep("leave out --max-lag"),)
        )
    if lag.seconds <= max_lag.total_seconds():
        return None
    message = f"the first of {counted(lag.rows, 'waiting row')} waits for {duration(lag.seconds)}"
    return Worry("lag", message, (NextStep("do the runs finish, and do they run often enough?"),))


def _started(run: RunRecord) -> str:
    return f"{run.started_at:%Y-%m-%d %H:%M} UTC"

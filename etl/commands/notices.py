"""Tells people when a mapping begins to need one, and when it is well again.

The rule: one message for each change and address. The state records what was sent; a message that failed is sent by the
next run. A message says what `status` says of the mapping, without commands that name a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from etl.checkpoint import DEFAULT_STATE, USUAL_HOURS
from etl.clock import Clock
from etl.commands.advice import shell_line
from etl.commands.reports import Calls
from etl.commands.standing import standing_of
from etl.commands.worries import AllowedAges, worries_about
from etl.errors import EtlError, MappingInvalid, StateUnusable, UsageProblem
from etl.monitoring.addresses import Notice
from etl.monitoring.ending import Ending
from etl.secret import Secret
from etl.state.store import StateStore, open_state, state_exists

# As `status` has it by default.
_PATIENCE = AllowedAges(timedelta(hours=USUAL_HOURS))
# Exit codes of runs that the state may have no record of, and that need a person.
_FOR_A_PERSON = frozenset({1, 2, 4, 5, 8, 9})


@dataclass(frozen=True, slots=True)
class Subject:
    """The message for `reasons` (empty: all is well), with the command that shows more."""

    name: str
    reasons: tuple[str, ...]
    command: str


def tell_changes(
    urls: Sequence[Secret], calls: Calls, done: Sequence[tuple[Path, Ending]], problem: EtlError | None, clock: Clock
) -> str | None:
    """Send messages about changes by the runs in `done`, and about files that could not be loaded (`problem`).

    `done` has each mapping's file. Returns why a message did not arrive, for people; None when there is no such.
    """
    try:
        known = open_state(calls.state, clock=clock, write=True) if state_exists(calls.state) else None
    except StateUnusable:
        # Nothing can be recorded then, so the message is sent each time.
        known = None
    with known or nullcontext() as store:
        subjects = [_files(calls, problem), *(_of_mapping(*one, calls, store, clock) for one in done if one[1].ran)]
        # One dead address must not keep others from getting the message.
        new = {url: _changed_for(url, subjects, store) for url in urls}
        notices = {url: _notice(changed) for url, changed in new.items() if changed}
        if not notices:
            return None
        from etl.monitoring.notify import send_notices

        taken, said = send_notices(notices)
        if store is not None:
            for url in taken:
                for one in new[url]:
                    store.note_told(one.name, url.reveal(), needed=bool(one.reasons))
        return said


def _changed_for(url: Secret, subjects: Sequence[Subject], store: StateStore | None) -> list[Subject]:
    return [
        one for one in subjects if bool(one.reasons) != (store is not None and store.was_told(one.name, url.reveal()))
    ]


def _notice(changed: Sequence[Subject]) -> Notice:
    return Notice(_title(changed), _body(changed), bad=any(one.reasons for one in changed))


def _files(calls: Calls, problem: EtlError | None) -> Subject:
    paths = [str(path) for path in calls.paths]
    reasons = (problem.message_to_keep,) if isinstance(problem, MappingInvalid) else ()
    return Subject(f"the files of {' '.join(paths)}", reasons, shell_line("validate", *paths, state=DEFAULT_STATE))


def _of_mapping(file: Path, ending: Ending, calls: Calls, store: StateStore | None, clock: Clock) -> Subject:
    outcome, reasons = ending.outcome, list[str]()
    if store is not None:
        try:
            found = standing_of(store.mapping(outcome.mapping))
            reasons = [one.message for one in worries_about(found, patience=_PATIENCE, now=clock.utc_now())]
        except StateUnusable as trouble:
            reasons = [trouble.message]
    # A wrong call of another command than `run` concerns only its caller.
    wrong_call = outcome.exit_code == UsageProblem.exit_code and outcome.command != "run"
    if not reasons and outcome.error is not None and outcome.exit_code in _FOR_A_PERSON and not wrong_call:
        reasons = [outcome.error.message_to_keep]
    return Subject(outcome.mapping, tuple(reasons), shell_line("status", str(file), state=calls.state))


def _title(changed: Sequence[Subject]) -> str:
    needing = [one.name for one in changed if one.reasons]
    names = ", ".join(needing or [one.name for one in changed])
    several = len(needing or changed) > 1
    verb = ("need a person" if several else "needs a person") if needing else f"{'are' if several else 'is'} well again"
    return f"squeezely-etl: {names} {verb}"


def _body(changed: Sequence[Subject]) -> str:
    lines: list[str] = []
    for one in changed:
        lines.append(f"{one.name}: {'needs a person' if one.reasons else 'well again'}")
        lines += [f"  {reason}" for reason in one.reasons]
        if one.reasons:
            lines.append(f"  next: {one.command}")
    return "\n".join(lines)

"""What the state and the database know of each mapping, for a person in the morning or as JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from etl.checkpoint import USUAL_HOURS
from etl.clock import Clock
from etl.commands.advice import NextStep, shell_line, shown_steps
from etl.commands.new_state import tell_if_new
from etl.commands.standing import Standing, standing_of
from etl.commands.status_text import paths_from_here, refused_dict, refused_text, status_dict, status_text, verdict_text
from etl.commands.worries import AllowedAges, Worry, worries_about
from etl.errors import UsageProblem, worst_exit_code
from etl.host.system_clock import SystemClock
from etl.mapping.quantities import parse_duration
from etl.screen.json_line import json_line
from etl.screen.layout import paint, plain
from etl.screen.logs import is_quiet
from etl.screen.messages import show_error, tell
from etl.screen.wording import counted
from etl.state.not_started import NotStarted
from etl.state.store import StateStore, open_state

if TYPE_CHECKING:
    from etl.commands.lag import MappingFiles
    from etl.commands.letters import Listed

_USUAL_AGE = timedelta(hours=USUAL_HOURS)
Judged: TypeAlias = Sequence[tuple[Standing, Sequence[Worry]]]


@dataclass(frozen=True, slots=True)
class StatusCall:
    """The options of `status`, as given."""

    state: str
    output: str
    history: int = 3
    check: bool = False
    max_age: str = f"{USUAL_HOURS}h"
    max_lag: str | None = None
    dead_letters: bool = False
    with_identity: bool = False
    acknowledge: bool = False
    yes: bool = False

    def check_options(self, paths: Sequence[Path]) -> None:
        """Refuse options that do not go together. Raises `click.UsageError`."""
        if self.output == "csv" and not self.dead_letters:
            raise click.UsageError("-o csv goes with --dead-letters")
        if self.with_identity and not (self.dead_letters and paths):
            raise click.UsageError("--with-identity goes with --dead-letters and MAPPING…: their sources are asked")


def show_status(paths: tuple[Path, ...], call: StatusCall) -> int:
    """Print the status of the mappings in `paths`, or of all that the state knows.

    Returns 3 when `call.check` is set and a person is needed; 2 when a mapping file is wrong.
    """
    call.check_options(paths)
    clock = SystemClock()
    max_lag = None if call.max_lag is None else _duration("--max-lag", call.max_lag)
    patience = AllowedAges(_duration("--max-age", call.max_age), max_lag)
    if max_lag is not None and not paths:
        raise UsageProblem("--max-lag needs mapping files", hint="the lag is asked of their databases")
    codes: list[int] = []
    files = None
    if paths:
        # For mapping files alone: it loads half of the program.
        from etl.commands.lag import MappingFiles

        files = MappingFiles(paths)
        if files.invalid is not None:
            show_error(files.invalid)
            codes.append(files.invalid.exit_code)
    if call.acknowledge:
        _acknowledge(paths, call, files, clock)
    with open_state(call.state, clock=clock, write=False) as store:
        tell_if_new(store)
        if call.dead_letters:
            # Alone: with identities it needs what reads the source.
            from etl.commands.letters import show_letters

            listed = _listed(store, files)
            new = show_letters(listed, output=call.output, with_identity=call.with_identity, clock=clock)
            return worst_exit_code([*codes, 3 if call.check and new else 0])
        found = _standings(store, files, call, clock=clock)
        refused = _refused_calls(store, paths)
        # What waits for its file to say the new name is not gone.
        waiting = {one.new_name for one in found}
        gone = [] if files is None else [name for name in files.gone(store) if name not in waiting]
        if not found and not refused and call.output == "text" and not codes:
            # A URL may hold a password.
            which = "of this URL" if "://" in call.state else call.state
            click.echo(f"no mapping has run with the state {which} yet")
        if not found and not paths:
            codes.append(3 if call.check else 0)
        judged = [(one, worries_about(one, patience=patience, now=clock.utc_now())) for one in found]
        codes += [3 if worries and call.check else 0 for _, worries in judged]
        codes += [3 if refused and call.check else 0]
        if call.output == "json":
            _print_json(judged, refused, [standing_of(store.mapping(name)) for name in gone], history=call.history)
        elif judged or refused:
            _print_text(judged, refused, gone, call, now=clock.utc_now())
    return worst_exit_code(codes)


def _print_json(judged: Judged, refused: Sequence[NotStarted], gone: Sequence[Standing], *, history: int) -> None:
    for standing, worries in judged:
        click.echo(json_line(status_dict(standing, worries, history=history)))
    for one in refused:
        click.echo(json_line(refused_dict(one)))
    for standing in gone:
        click.echo(json_line(status_dict(standing, (), history=history, in_folder=False)))


def _print_text(
    judged: Judged, refused: Sequence[NotStarted], gone: Sequence[str], call: StatusCall, *, now: datetime
) -> None:
    click.echo(paint(verdict_text(judged, refused)))
    if is_quiet():
        return
    for one in refused:
        click.echo("\n" + paint(*refused_text(one, _seen(one, call.state))))
    for standing, worries in judged:
        click.echo("\n" + paint(*status_text(standing, worries, history=call.history, now=now)))
    if any(worries and standing.place is None for standing, worries in judged):
        click.echo(
            "\n"
            + paint(plain("name the mapping files too, as in `status mappings`, and each has its commands to type"))
        )
    if gone:
        drop = shell_line("state drop", gone[0], state=call.state)
        words = f"in the state, but in no file of the folder: {', '.join(gone)}"
        click.echo(
            "\n"
            + paint(plain(words), *shown_steps([NextStep("forget such a mapping, when it is gone for good", drop)]))
        )


def _seen(refused: NotStarted, state: str) -> list[NextStep]:
    # What is not there cannot be named, and without a name all dead letters would be acknowledged.
    if not refused.paths or not all(Path(path).exists() for path in refused.paths):
        return []
    command = shell_line("status", *paths_from_here(refused), "--acknowledge", state=state)
    return [NextStep("or say that you have seen it", command)]


def _acknowledge(paths: Sequence[Path], call: StatusCall, files: MappingFiles | None, clock: Clock) -> None:
    with open_state(call.state, clock=clock, write=False) as store:
        known = store.names()
        # Of mappings that the state does not know yet, too.
        listed = store.not_started.listed()
    ours = (
        listed if files is None else [*(one for one in listed if one.mapping in files.named), *_related(listed, paths)]
    )
    names = known if files is None else [name for name in files.named if name in known]
    if not names and not ours:
        return
    with open_state(call.state, clock=clock, write=True) as store:
        if seen := store.not_started.forget(one.subject for one in ours):
            tell(f"{counted(seen, 'call')} that did not start: seen")
        for name in names:
            new = store.mapping(name).letters.acknowledge(clock.utc_now())
            tell(f"{name}: {counted(new, 'dead letter')} acknowledged", mapping=name, acknowledged=new)


def _listed(store: StateStore, files: MappingFiles | None) -> list[Listed]:
    # Loaded for this alone: with identities it needs what reads the source.
    from etl.commands.letters import Listed

    if files is None:
        return [Listed(store.mapping(name), None) for name in store.names()]
    return [Listed(store.mapping(name), mapping) for name, mapping in files.resolved().items()]


def standings_with_worries(paths: tuple[Path, ...], *, state: str) -> list[tuple[Standing, list[Worry]]]:
    """What is known of the mappings in `paths`, or of all that the state knows, and what needs a person.

    Raises:
        MappingInvalid: a file of `paths` is wrong.
        StateUnusable: the state cannot be opened.
    """
    clock, files = SystemClock(), None
    if paths:
        from etl.commands.lag import MappingFiles

        files = MappingFiles(paths)
        if files.invalid is not None:
            raise files.invalid
    with open_state(state, clock=clock, write=False) as store:
        call = StatusCall(state=state, output="json")
        found = _standings(store, files, call, clock=clock)
        now = clock.utc_now()
        return [(one, worries_about(one, patience=AllowedAges(_USUAL_AGE, None), now=now)) for one in found]


def _refused_calls(store: StateStore, paths: Sequence[Path]) -> list[NotStarted]:
    """The calls that were refused as a whole: all of them, or those that named something of `paths`."""
    return _related(store.not_started.listed(), paths)


def _related(refused: Sequence[NotStarted], paths: Sequence[Path]) -> list[NotStarted]:
    asked = [path.absolute() for path in paths]

    def named(one: NotStarted) -> bool:
        theirs = [Path(path) for path in one.paths]
        return not asked or not theirs or any(a.is_relative_to(b) or b.is_relative_to(a) for a in asked for b in theirs)

    return [one for one in refused if not one.mapping and named(one)]


def _standings(store: StateStore, files: MappingFiles | None, call: StatusCall, *, clock: Clock) -> list[Standing]:
    # A large ledger takes a moment to be counted.
    count_ledger = call.output == "json"
    refused = {one.mapping: one for one in store.not_started.listed() if one.mapping}
    if files is not None:
        return files.standings(store, state_path=call.state, count_ledger=count_ledger, refused=refused, clock=clock)
    names = store.names()
    return [
        standing_of(
            store.mapping(name),
            suppressed=store.suppressions(None, name).count(),
            count_ledger=count_ledger,
            refused=refused.get(name),
        )
        for name in [*names, *(name for name in refused if name not in names)]
    ]


def _duration(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise UsageProblem(f"{option}: {problem}", hint="such as 26h") from None

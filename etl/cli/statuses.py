"""What the state and the database know of each mapping, for a person in the morning or as JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from etl.cli.screen import paint, plain
from etl.cli.standing import standing_of
from etl.cli.status_text import status_dict, status_text
from etl.cli.telling import show_error
from etl.cli.worries import Patience, worries_about
from etl.clock import Clock
from etl.errors import UsageProblem, worst_exit_code
from etl.mapping.quantities import parse_duration
from etl.state.store import open_state


@dataclass(frozen=True, slots=True)
class StatusCall:
    """The options of `status`, as given."""

    history: int
    check: bool
    max_age: str
    max_lag: str | None
    state: str
    output: str


def show_status(paths: tuple[Path, ...], call: StatusCall, *, clock: Clock) -> int:
    """Print the status of the mappings in `paths`, or of all that the state knows.

    Returns 3 when `call.check` is set and a person is needed; 2 when a mapping file is wrong.
    """
    max_lag = None if call.max_lag is None else _duration("--max-lag", call.max_lag)
    patience = Patience(_duration("--max-age", call.max_age), max_lag)
    if max_lag is not None and not paths:
        raise UsageProblem("--max-lag needs mapping files", hint="the lag is asked of their databases")
    codes: list[int] = []
    files = None
    if paths:
        # For mapping files alone: it loads half of the program.
        from etl.cli.asked import MappingFiles

        files = MappingFiles(paths)
        if files.invalid is not None:
            show_error(files.invalid)
            codes.append(files.invalid.exit_code)
    with open_state(call.state, clock=clock, write=False) as store:
        count_ledger = call.output == "json"
        if files is not None:
            found = files.standings(store, state_path=call.state, count_ledger=count_ledger, clock=clock)
        else:
            found = [standing_of(store.mapping(name), count_ledger=count_ledger) for name in store.names()]
        if not found and call.output == "text" and not codes:
            # A URL may hold a password.
            which = "of this URL" if "://" in call.state else call.state
            click.echo(f"no mapping has run with the state {which} yet")
        if not found and not paths:
            codes.append(3 if call.check else 0)
        worried: list[str] = []
        for number, standing in enumerate(found):
            worries = worries_about(standing, patience=patience, now=clock.utc_now())
            codes.append(3 if worries and call.check else 0)
            worried.extend([standing.name] if worries else [])
            if call.output == "json":
                click.echo(json.dumps(status_dict(standing, worries, history=call.history), ensure_ascii=False))
            else:
                parts = status_text(standing, worries, history=call.history, now=clock.utc_now())
                click.echo(("\n" if number else "") + paint(*parts))
        if len(found) > 1 and call.output == "text":
            names = f": {', '.join(worried)}" if worried else ""
            click.echo("\n" + paint(plain(f"{len(worried)} of {len(found)} mappings need a person{names}")))
    return worst_exit_code(codes)


def _duration(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise UsageProblem(f"{option}: {problem}", hint="such as 26h") from None

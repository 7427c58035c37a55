"""What the state and the database know of each mapping, for a person in the morning or as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from etl.cli.advice import Place
from etl.cli.lags import Answer, NoLag, ask_all, measure
from etl.cli.loading import load_each, load_good
from etl.cli.screen import paint, plain
from etl.cli.standing import Standing, standing_of
from etl.cli.status_text import status_dict, status_text
from etl.cli.telling import show_error
from etl.cli.worries import Patience, worries_about
from etl.clock import Clock
from etl.errors import MappingInvalid, UsageProblem, worst_exit_code
from etl.mapping.model import Mapping
from etl.mapping.quantities import parse_duration
from etl.state.store import StateStore, open_state

# A track that remembers where `--start-from now` was; the run's module is too heavy to be asked for its name.
FLOOR, START = "floor", "start"


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
    mappings, invalid = load_good(paths, resolve_variables=False) if paths else ([], None)
    if invalid is not None:
        show_error(invalid)
        codes.append(invalid.exit_code)
    with open_state(call.state, clock=clock, write=False) as store:
        found = _standings(store, mappings, paths, call, clock) if paths else _known(store, call)
        if not found and call.output == "text" and invalid is None:
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


def _known(store: StateStore, call: StatusCall) -> list[Standing]:
    return [standing_of(store.mapping(name), count_ledger=call.output == "json") for name in store.names()]


def _standings(
    store: StateStore, mappings: Sequence[Mapping], paths: Sequence[Path], call: StatusCall, clock: Clock
) -> list[Standing]:
    answers: dict[str, Answer] = {}
    questions = {}
    # Once more, with the variables: the addresses of the databases are among them.
    by_path = dict(load_each(paths))
    for mapping in mappings:
        match by_path[mapping.path]:
            case MappingInvalid() as invalid:
                answers[mapping.name] = NoLag(_first_problem(invalid))
            case Mapping() as resolved:
                state = store.mapping(mapping.name)
                questions[mapping.name] = partial(
                    measure,
                    resolved,
                    state.checkpoint(),
                    floor=state.checkpoint(FLOOR),
                    start=state.checkpoint(START),
                    clock=clock,
                )
    answers |= ask_all(questions, clock=clock)
    return [
        standing_of(
            store.mapping(mapping.name),
            lag=answers[mapping.name],
            mapping=mapping,
            place=Place(mapping.path, tuple(mapping.source.primary_key), call.state),
            count_ledger=call.output == "json",
        )
        for mapping in mappings
    ]


def _first_problem(invalid: MappingInvalid) -> str:
    # `file:line:column  path: what; hint`: the place is plain from the mapping.
    first = invalid.problems[0] if invalid.problems else invalid.message
    return first.partition("  ")[2].partition(";")[0] or first


def _duration(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise UsageProblem(f"{option}: {problem}", hint="such as 26h") from None

"""Where the mappings of files stand: what the state knows of each, and the lag, which their databases are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from etl.cli.advice import Place
from etl.cli.lag import Answer, NoLag
from etl.cli.lags import ask_all, measure
from etl.cli.loading import load_each, load_good
from etl.cli.standing import Standing, standing_of
from etl.clock import Clock
from etl.errors import MappingInvalid
from etl.mapping.model import Mapping
from etl.state.store import StateStore

# Tracks that remember where `--start-from` began; the run's module is too heavy to be asked for their names.
FLOOR, START = "floor", "start"


class MappingFiles:
    """The mappings of files. `invalid` holds the problems of those that are wrong; None: all are right."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._mappings, self.invalid = load_good(paths, resolve_variables=False)

    def standings(self, store: StateStore, *, state_path: str, count_ledger: bool, clock: Clock) -> list[Standing]:
        """The standing of each mapping that is right; `state_path` is for commands to copy."""
        answers: dict[str, Answer] = {}
        questions = {}
        # Once more, with the variables: the addresses of the databases are among them.
        by_path = dict(load_each(self._paths))
        for mapping in self._mappings:
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
                place=Place(mapping.path, tuple(mapping.source.primary_key), state_path),
                count_ledger=count_ledger,
            )
            for mapping in self._mappings
        ]


def _first_problem(invalid: MappingInvalid) -> str:
    # `file:line:column  path: what; hint`: the place is plain from the mapping.
    first = invalid.problems[0] if invalid.problems else invalid.message
    return first.partition("  ")[2].partition(";")[0] or first

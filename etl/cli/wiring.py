"""Puts the parts together: mapping files in, workshops out. The only place that knows every room."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from etl.api.client import ApiClient
from etl.clock import Clock
from etl.delivery.courier import Courier, CourierSettings
from etl.errors import MappingInvalid, UsageProblem
from etl.host.shared_budget import SharedBudget, default_folder
from etl.host.system_clock import SystemClock
from etl.job.run import Workshop
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping
from etl.source.open import open_source
from etl.state.store import StateStore
from etl.transform.transformer import Transformer

LEDGER_SPAN_FACTOR = 4


def mapping_files(paths: Sequence[Path]) -> list[Path]:
    """The mapping files among `paths`: files as they are, of folders every *.yaml and *.yml in order.

    Raises `UsageProblem` when a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = sorted(child for child in path.iterdir() if child.suffix in (".yaml", ".yml"))
        if not found:
            raise UsageProblem(f"{path}: no mapping file in this folder", hint="mapping files end in .yaml")
        files.extend(found)
    return files


def load_each(
    paths: Sequence[Path], *, resolve_variables: bool = True
) -> Iterator[tuple[Path, Mapping | MappingInvalid]]:
    """Yield each mapping file of `paths` with its mapping, or with all of its problems."""
    for file in mapping_files(paths):
        try:
            yield (
                file,
                load_mapping(
                    file, environment=os.environ, read_file=Path.read_bytes, resolve_variables=resolve_variables
                ),
            )
        except MappingInvalid as error:
            yield file, error


def load(paths: Sequence[Path], *, resolve_variables: bool = True) -> list[Mapping]:
    """Load every mapping of `paths`. Raises `MappingInvalid` with the problems of all files at once."""
    loaded = list(load_each(paths, resolve_variables=resolve_variables))
    mappings = [mapping for _, mapping in loaded if isinstance(mapping, Mapping)]
    problems = [line for _, error in loaded if isinstance(error, MappingInvalid) for line in error.problems]
    files_of: dict[str, list[str]] = {}
    for mapping in mappings:
        files_of.setdefault(mapping.name, []).append(str(mapping.path))
    problems.extend(
        f"{', '.join(files)}: name: {name} is used twice; a name is one checkpoint"
        for name, files in files_of.items()
        if len(files) > 1
    )
    if problems:
        raise MappingInvalid(f"{len(problems)} problem(s) in {len(loaded)} mapping file(s)", problems=problems)
    return mappings


@contextmanager
def workshop(
    mapping: Mapping, store: StateStore, *, patient: bool = False, clock: Clock | None = None
) -> Iterator[Workshop]:
    """Everything that a run of `mapping` needs; connections are closed at the end.

    `patient`: yield the throttle to runs.
    """
    clock = clock or SystemClock()
    destination = mapping.destination
    with ExitStack() as stack:
        source = open_source(mapping, clock=clock)
        stack.callback(source.close)

        def courier() -> Courier:
            budget = SharedBudget(
                folder=default_folder(),
                account=(destination.url, destination.account),
                requests_per_second=destination.rate_limit.requests_per_second,
                events_per_second=destination.rate_limit.events_per_second,
                patient=patient,
            )
            stack.callback(budget.close)
            return Courier(settings=courier_settings(mapping), budget=budget)

        yield Workshop(
            mapping=mapping,
            source=source,
            state=store.mapping(mapping.name),
            transform=Transformer(mapping, source.columns, source.child_columns),
            clock=clock,
            courier=courier,
            open_client=lambda: ApiClient(destination, clock=clock),
        )


def courier_settings(mapping: Mapping) -> CourierSettings:
    """The courier's settings of `mapping`.

    With the ledger an accepted batch is never sent twice, so the span may be wider than what is in flight;
    without it the span is the bound on repeats after a kill.
    """
    destination = mapping.destination
    in_flight = destination.concurrency * destination.batch_size
    return CourierSettings(
        batch_size=destination.batch_size,
        max_batch_bytes=destination.max_batch_bytes,
        concurrency=destination.concurrency,
        span_events=in_flight * LEDGER_SPAN_FACTOR if mapping.resend == "changed" else in_flight,
        max_attempts=destination.retry.max_attempts,
        max_backoff_seconds=destination.retry.max_backoff.total_seconds(),
        give_up_after_seconds=destination.retry.give_up_after.total_seconds(),
    )

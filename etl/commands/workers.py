"""`--workers`: starts or finds the processes that read and encode pages, and does their work in them.

The rule: a worker opens the source itself, from the mapping file and its own environment, and works only if everything
that decides about an event is the same as in the process that started it. A request to it holds no secret and no value
of a row but positions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping as Values
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from etl.commands.dask_task import prepare_page
from etl.commands.loading import load
from etl.errors import EtlError, UsageProblem
from etl.host.refusal import refusal_of
from etl.host.system_clock import SystemClock
from etl.host.tuning import eased_interpreter
from etl.host.worker_pool import WorkerPool, at_exit_of_worker, live_as_worker
from etl.install import pip_install
from etl.job.spread import Asked, RangeEncoded, RowsAt, Workers
from etl.mapping.model import Mapping
from etl.screen.logs import LogChoice, configure_logs, log_choice, log_context, take_over_logs
from etl.screen.messages import show_bug
from etl.screen.streams import prepare_streams

if TYPE_CHECKING:
    from etl.clock import Clock
    from etl.host.dask_cluster import DaskCluster
    from etl.job.encoder import Encoder
    from etl.job.run import RunContext
    from etl.source.source import Source


# Packages whose version may change what event a row becomes.
SAME = ("squeezely-etl", "dask", "distributed", "email-validator", "numpy", "orjson", "pandas", "phonenumbers")


@dataclass(frozen=True, slots=True)
class WorkersWanted:
    """`where`: so many processes of this machine, which may use `processors` (none named: any), or a Dask scheduler."""

    where: int | str
    processors: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker has to know. `parts` are digests, by what they are of; `today` is the day of the run.

    `hash_key` is a secret of the state, given by a pipe to processes of this machine only. `hashes`: events are hashed
    (there is a ledger), by the worker if it has the key, otherwise by the process that asked it.
    """

    mapping: Path
    parts: Values[str, str]
    hashes: bool
    hash_key: bytes | None = field(repr=False)
    field_names: tuple[str, ...]
    today: date


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a process of this machine is told: it may use `processors` (none named: any)."""

    assignment: Assignment
    processors: frozenset[int]
    logs: LogChoice


def workers_of(
    context: RunContext, wanted: WorkersWanted, *, today: date
) -> tuple[Workers, AbstractContextManager[object]]:
    """The workers for `context`, and a function that releases them.

    Processes of this machine start when there is something to do; a cluster is asked at once.

    Raises:
        StoppedEarly: no scheduler answers, or it has no workers.
        UsageProblem: Dask is not installed, or other versions than ours are.
    """
    if isinstance(wanted.where, str):
        cluster = _cluster_at(wanted.where, context.clock)
        return workers_of_cluster(context, cluster, today=today), closing(cluster)
    told = partial(_beginning, context, wanted.processors, today=today)
    pool = WorkerPool(wanted.where, begin, told)
    return Workers(pool.open, encode_asked, count=wanted.where), closing(pool)


def _beginning(context: RunContext, processors: frozenset[int], *, today: date) -> Beginning:
    return Beginning(assignment_of(context, today=today), processors, log_choice())


def _cluster_at(address: str, clock: Clock) -> DaskCluster:
    try:
        from etl.host.dask_cluster import DaskCluster
    except ImportError as error:
        raise UsageProblem(
            f"--workers {address} needs Dask", hint=f"install it here and on its workers: {pip_install('distributed')}"
        ) from error
    take_over_logs("distributed", "tornado")
    return DaskCluster(address, same=SAME, clock=clock)


def workers_of_cluster(context: RunContext, cluster: DaskCluster, *, today: date) -> Workers:
    """The workers of `cluster` for `context`; the key of the hashes stays here."""
    assignment = replace(assignment_of(context, today=today), hash_key=None)
    return Workers(
        cluster.open,
        partial(prepare_page, assignment),
        count=cluster.count,
        look=cluster.look,
        hint="the workers' logs say why (too little memory?); the next run goes on from here",
    )


def assignment_of(context: RunContext, *, today: date) -> Assignment:
    """The assignment for each worker of `context`."""
    hashes = context.mapping.resend == "changed"
    return Assignment(
        mapping=context.mapping.path.absolute(),
        parts=_parts(context.mapping, context.source),  # type: ignore[arg-type]  # the one that was opened
        hashes=hashes,
        hash_key=context.state.hash_key if hashes else None,
        field_names=tuple(context.marked_fields()) if hashes else (),
        today=today,
    )


class Worker:
    """This process, when it is a worker. The source is opened with its first range, where errors can be told."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._opened: tuple[Source, Encoder] | None = None

    def encode(self, wanted: Asked) -> RangeEncoded:
        """Read and encode `wanted`. Raises what the source does, and `UsageProblem` where something was changed."""
        source, encoder = self._opened or self._open()
        if isinstance(wanted, RowsAt):
            assert source.places is not None, "a source without was refused"
            read = source.places.read(wanted.places)
        else:
            assert source.ranges is not None, "a source without was refused"
            read = source.ranges.read(wanted.window, rows=wanted.rows, limit=wanted.limit)
        page = None if read.page is None else encoder(read.page)
        if page is not None and not (self._assignment.hashes and encoder.hashers is None):
            page = page.packed(encoder.hashers)
        return RangeEncoded(page, read.reached, read.row_bytes)

    def close(self) -> None:
        """Close the source."""
        if self._opened is not None:
            self._opened[0].close()

    def _open(self) -> tuple[Source, Encoder]:
        assignment = self._assignment
        with eased_interpreter():
            from etl.event.hashes import hashers
            from etl.job.encoder import Encoder
            from etl.source.open import open_source
            from etl.transform.transformer import Transformer
        (mapping,) = load([assignment.mapping], access_needed=False)
        source = open_source(mapping, clock=SystemClock())
        try:
            _refuse_others(mapping.name, assignment.parts, _parts(mapping, source))
        except BaseException:
            source.close()
            raise
        key = assignment.hash_key
        encoder = Encoder(
            Transformer(mapping, source.columns, source.child_columns, today=assignment.today),
            hashers=None if key is None else hashers(key, assignment.field_names),
            resend_ignores=mapping.resend_ignores,
            max_event_bytes=mapping.destination.max_batch_bytes,
        )
        self._opened = source, encoder
        return self._opened


# A module-level value, because the processes of a pool have no other place to keep their assignment.
_WORKER: list[Worker] = []


def begin(told: Beginning) -> None:
    """Make this process a worker."""
    live_as_worker(told.processors)
    prepare_streams()
    configure_logs(level=told.logs.level, form=told.logs.form)
    log_context(**told.logs.context)
    worker = Worker(told.assignment)
    at_exit_of_worker(worker.close)
    _WORKER[:] = [worker]


def encode_asked(wanted: Asked) -> RangeEncoded | EtlError:
    """Run a request in a worker process of this machine."""
    return outcome_of(lambda: _WORKER[0].encode(wanted))


def outcome_of(encode: Callable[[], RangeEncoded]) -> RangeEncoded | EtlError:
    """The result of `encode`; an error is returned as a value, so that it is reported as in a single process."""
    try:
        return encode()
    except EtlError as error:
        return error
    except Exception as error:  # noqa: BLE001 - as at the boundary: its text may hold a row, so it goes no further
        refusal = refusal_of(error)
        if refusal is not None:
            return refusal
        show_bug(error)
        return EtlError(f"a bug in squeezely-etl ended it ({type(error).__name__})", hint="report the traceback above")


def _parts(mapping: Mapping, source: Source) -> dict[str, str]:
    """Digests of what decides which event a row becomes, by names for people."""
    from etl.mapping.mapped import mapped_parts

    destination = mapping.destination
    account_rules = [destination.multiple_currencies, destination.multiple_languages]
    return {
        "the mapping": _digest([mapped_parts(mapping), account_rules]),
        "its own steps": _digest(mapping.steps_text.decode(errors="replace")),
        "the database": _digest([source.fingerprint(), repr(source.columns), repr(source.child_columns)]),
    }


def _digest(part: object) -> str:
    return blake2b(json.dumps(part, sort_keys=True).encode(), digest_size=16).hexdigest()


def _refuse_others(name: str, wanted: Values[str, str], found: Values[str, str]) -> None:
    other = [part for part, digest in wanted.items() if found.get(part) != digest]
    if other:
        raise UsageProblem(
            f"{name}: a worker found {' and '.join(other)} otherwise than the run began with",
            hint="run again; it goes on where it stopped",
        )

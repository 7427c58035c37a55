"""Where the time of a run goes: its stages one after another in one thread, each with its seconds and share.

The parts are those of the product, put together as `etl.commands.wiring` does; only the loop is this module's, so that
nothing runs beside anything else and every second has one name.

    python -m tests.benchmarks.stages MAPPING STATE      prints the rows and the seconds of each stage as JSON
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from etl.api.client import ApiClient
from etl.commands.wiring import courier_settings
from etl.delivery.courier import AdmittedPage, Courier
from etl.event.hashes import Hashers, hashers
from etl.host.system_clock import SystemClock
from etl.host.tuning import eased_interpreter
from etl.job.encoder import Encoder
from etl.job.prepare import Preparer
from etl.mapping.load import load_mapping
from etl.page import Window
from etl.source.open import open_source
from etl.state.store import open_state
from etl.transform import field as field_room
from etl.transform.transformer import Transformer
from etl.verdict.judge import judge
from tests.benchmarks.report import STAGES, Profile
from tests.delivery.memory_budget import MemoryBudget


class Stopwatch:
    """Seconds by name; a stage inside a stage takes its seconds from the outer one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: Counter[str] = Counter()
        self._clock = clock
        self._inner = [0.0]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, whose seconds count for `name`."""

        def run(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            begun = self._clock()
            try:
                return function(*arguments, **options)
            finally:
                took = self._clock() - begun
                self.seconds[name] += took - self._inner.pop()
                self._inner[-1] += took

        return run


class TimedParts:
    """An object whose named methods are timed; the rest is handed through."""

    def __init__(self, inner: Any, watch: Stopwatch, name: str, methods: Iterable[str]) -> None:
        self._inner = inner
        for method in methods:
            setattr(self, method, watch.timed(name, getattr(inner, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def profile(
    mapping_file: Path, state_file: Path, environment: dict[str, str], *, processor_time: bool = False
) -> Profile:
    """Send the whole table of `mapping_file` once.

    `processor_time` counts what this process computes instead of what passes on the wall, so without the sink and the
    database server: for a machine that has other things to do.
    """
    watch = Stopwatch(process_time if processor_time else perf_counter)
    clock = SystemClock()
    mapping = load_mapping(mapping_file, environment=environment, read_file=Path.read_bytes)
    store = open_state(str(state_file), clock=clock, write=True)
    state = store.mapping(mapping.name)
    source = open_source(mapping, clock=clock)
    client = ApiClient(mapping.destination, clock=clock)
    with eased_interpreter():
        pass  # all is loaded
    with state.lock("run"):
        state.confirm_fingerprint(source.fingerprint())
        run_no = state.start_run(run_id="profile", command="run", before=None)
        preparer = _timed_preparer(mapping, source, state, watch)
        courier = Courier(
            settings=courier_settings(mapping), budget=MemoryBudget(requests_per_second=1e6, events_per_second=1e9)
        )
        seq = 0
        pages = iter(source.pages(Window()))
        read = watch.timed("read", lambda: next(pages, None))
        while (page := read()) is not None:
            prepared = preparer(page, first_seq=seq, stamp=state.next_stamp())
            seq += prepared.rows
            admitted = AdmittedPage(
                first_seq=prepared.first_seq,
                rows=prepared.rows,
                events=prepared.events,
                position=prepared.position,
                moves_checkpoint=True,
            )
            watch.timed("deliver", courier.admit)(admitted)
            _deliver(courier, client, state, run_no, clock, watch)
        courier.more_is_coming(False)  # noqa: FBT003 - reads as a sentence
        _deliver(courier, client, state, run_no, clock, watch)
        assert courier.idle
        state.finish_run(run_no, {"outcome": "done"})
    client.close()
    source.close()
    store.close()
    return Profile(seq, {name: watch.seconds[name] for name in STAGES})


def _timed_preparer(mapping: Any, source: Any, state: Any, watch: Stopwatch) -> Callable[..., Any]:
    transformer = Transformer(mapping, source.columns, source.child_columns)
    steps = {
        id(rule)
        for field in transformer._fields
        for name, rule in field._stages
        if not name.startswith(("type ", "value"))
    }
    settle = field_room.settle
    timed = {name: watch.timed(name, settle) for name in ("transforms", "checks")}
    field_room.settle = lambda cells, rule, findings: timed["transforms" if id(rule) in steps else "checks"](
        cells, rule, findings
    )
    ledger = mapping.resend == "changed"
    plain = hashers(state.hash_key, state.field_names(["event", *mapping.fields]))
    timed_hashers: Any = Hashers(
        TimedParts(plain.keys, watch, "ledger", ("ledger_keys",)),  # type: ignore[arg-type]
        TimedParts(plain.content, watch, "ledger", ("field_hashes",)),  # type: ignore[arg-type]
        TimedParts(plain.marker, watch, "ledger", ("marks",)),  # type: ignore[arg-type]
    )
    preparer = Preparer(
        Encoder(watch.timed("columns", transformer), hashers=timed_hashers if ledger else None),
        ledger=TimedParts(state, watch, "ledger", ("compare",)) if ledger else None,  # type: ignore[arg-type]
        max_event_bytes=mapping.destination.max_batch_bytes,
    )
    return watch.timed("encode", preparer)


def _deliver(  # noqa: PLR0917 - parts of the loop
    courier: Any, client: Any, state: Any, run_no: int, clock: Any, watch: Stopwatch
) -> None:
    track = watch.timed("send", client.track)
    settle = watch.timed("state", state.settle)
    steps = TimedParts(courier, watch, "deliver", ("next_request", "answered", "settlement", "committed"))

    def settle_all() -> None:
        while (settlement := steps.settlement()) is not None:
            settle(settlement, track="run", run_no=run_no)
            steps.committed(settlement)

    settle_all()
    waiting = []
    while True:
        while (request := steps.next_request(now=clock.monotonic(), jitter=clock.jitter)) is not None:
            waiting.append(request)
        if not waiting:
            return
        for request in waiting:
            verdict = judge(track(request.body), events=len(request.events))
            steps.answered(request, verdict, now=clock.monotonic(), jitter=clock.jitter)
        waiting.clear()
        settle_all()


if __name__ == "__main__":
    found = profile(Path(sys.argv[1]), Path(sys.argv[2]), dict(os.environ))
    print(json.dumps({"rows": found.rows, "seconds": found.seconds}))

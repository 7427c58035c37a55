"""Builds the context of a run from a mapping. The only module that imports every adapter."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import cache

from etl.api.client import ApiClient
from etl.api.proxy import proxy_name
from etl.clock import Clock
from etl.commands.workers import WorkersWanted, workers_of
from etl.delivery.courier import Courier, CourierSettings
from etl.delivery.throttle import Rates
from etl.host.shared_budget import SharedBudget, default_folder
from etl.host.system_clock import SystemClock
from etl.job.run import RunContext
from etl.mapping.destination import Destination, is_expected_host
from etl.mapping.model import Mapping
from etl.secret import shown_account
from etl.source.open import open_source
from etl.state.server_budget import ServerBudget
from etl.state.store import StateStore
from etl.transform.transformer import Transformer

LOG = logging.getLogger(__name__)
LEDGER_SPAN_FACTOR = 4


@contextmanager
def run_context(
    mapping: Mapping,
    store: StateStore,
    *,
    patient: bool = False,
    clock: Clock | None = None,
    workers: WorkersWanted | None = None,
) -> Iterator[RunContext]:
    """Everything that a run of `mapping` needs; connections are closed at the end, and processes ended.

    `patient`: yield the throttle to runs. `workers` None: this process does it alone.
    """
    clock = clock or SystemClock()
    destination = mapping.destination
    with ExitStack() as stack:
        source = open_source(mapping, clock=clock, spool_folder=store.folder)
        stack.callback(source.close)

        @cache
        def budget() -> SharedBudget | ServerBudget:
            return stack.enter_context(closing(shared_budget(destination, store, clock=clock, patient=patient)))

        def courier() -> Courier:
            _say_where_to(destination)
            return Courier(settings=courier_settings(mapping), budget=budget())

        def keep_silent(seconds: float) -> None:
            budget().pause_until(clock.monotonic() + seconds)

        today = clock.utc_now().date()
        context = RunContext(
            mapping=mapping,
            source=source,
            state=store.mapping(mapping.name),
            transform=Transformer(mapping, source.columns, source.child_columns, today=today),
            clock=clock,
            suppressions=store.suppressions(destination.account),
            courier=courier,
            open_client=lambda: ApiClient(destination, clock=clock, keep_silent=keep_silent),
        )
        if workers is not None and source.ranges is None and source.places is None:
            LOG.warning(
                "one process reads and prepares all rows, since no index gives them in order or finds them by key: "
                "--workers changes nothing"
            )
        elif workers is not None:
            others, used = workers_of(context, workers, today=today)
            stack.enter_context(used)
            context = replace(context, workers=others)
        yield context


def shared_budget(
    destination: Destination, store: StateStore | None, *, clock: Clock, patient: bool = False
) -> SharedBudget | ServerBudget:
    """The rate of the account of `destination`, shared with all that share `store` where its state is a server's.

    Otherwise with every process of this user on this host.
    """
    account, limit = (destination.url, destination.account), destination.rate_limit
    rates = Rates(limit.requests_per_second, limit.events_per_second)
    if store is not None and store.server is not None:
        return ServerBudget(store.server, account=account, rates=rates, clock=clock, patient=patient)
    return SharedBudget(folder=default_folder(), account=account, rates=rates, patient=patient)


def _say_where_to(destination: Destination) -> None:
    # A mapping from another source may send the events and the key to a foreign host (F8).
    level = logging.INFO if is_expected_host(destination.url) else logging.WARNING
    proxy = proxy_name(destination.url, environment=os.environ) if destination.proxy else None
    where = {
        "host": destination.host,
        "account": shown_account(destination.account),
        "proxy": proxy or "none",
    }
    LOG.log(level, "events go to this host", extra=where)


def courier_settings(mapping: Mapping) -> CourierSettings:
    """The courier's settings of `mapping`.

    With a ledger an accepted batch is not sent twice, so the span may be wider than what is in flight; without one the
    span limits the repeats after a kill.
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

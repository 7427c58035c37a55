"""Rows that a person names, sent now: whatever the ledger says, and without moving the checkpoint.

The rule: all of them are there, or nothing is sent; a mistyped key must not pass for a row that was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl.books import Books
from etl.errors import UsageProblem
from etl.exact import show_key
from etl.job.fuse import NEVER
from etl.job.loop import Delivery
from etl.job.outcome import Outcome
from etl.job.rows_of_keys import RowsOfKeys, in_order, missing
from etl.job.run import Job, Plan, RunContext, do
from etl.job.start import NO_LIMITS, Limits
from etl.page import Key, Window


def send_keys(  # noqa: PLR0913 - the call's options
    context: RunContext,
    wanted: Sequence[Key],
    *,
    run_id: str,
    limits: Limits = NO_LIMITS,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Send the rows of `wanted`. The lock is the caller's.

    Raises:
        UsageProblem: a key has no row; nothing was sent.

    """
    context.confirm_fingerprint()
    keys = in_order(list(dict.fromkeys(wanted)), context.source)
    if lost := missing(keys, context.source.pages_by_key(keys)):
        names = ", ".join(show_key(key) for key in lost)
        raise UsageProblem(
            f"no row with key {names}, so nothing was sent",
            hint="look at the spelling of the key; a row that source.where leaves out is not found either",
        )
    job = Job(
        command="run",
        track="run",
        run_id=run_id,
        plan=lambda _: (Window(moves_checkpoint=False, label="keys"),),
        # A row that goes between two reads is no row to send.
        pages=RowsOfKeys(context.source, keys, gone=lambda _: None),
        compare=False,
        tries_again=True,
        fuse=NEVER,
        limits=limits,
        rows=len(keys),
    )
    return do(context, job, report=report, started=started, planned=planned)

"""How many accepted rows have another event now, counted where that is quickly done."""

from __future__ import annotations

from etl.errors import EtlError
from etl.job.forecast import Forecaster
from etl.job.run import RunContext
from etl.page import Window

# So many rows are read and mapped in a second or two.
QUICKLY = 20_000


def rows_that_differ(context: RunContext) -> int | None:
    """How many accepted rows of the whole source would be sent as changed; None where that is not quickly counted."""
    if context.mapping.resend == "always":
        return None
    try:
        rows = context.source.count_for_report(Window())
        if rows is None or rows > QUICKLY:
            return None
        looked = Forecaster(
            context.mapping, prepare=context.preparer(compare=True), fuse=context.fuse, letters=context.state.letters
        )
        looked.read(context.source, context.source.start_windows(None, context.source.upper_bound()))
    except EtlError:
        return None  # the work itself tells what is wrong
    return looked.books.changed

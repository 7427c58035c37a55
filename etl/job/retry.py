"""Dead letters again: each row is read anew by its key, mapped and sent.

The rule: nothing is replayed from memory. A row that is gone closes its dead letter as `gone`; one that is refused
again stays open with one more attempt. The rows leave in the order of their cursors, because two of them may be about
one person; with a limit, those whose last attempt is the longest ago have their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl.books import Books
from etl.errors import UsageProblem
from etl.exact import show_key
from etl.job.fuse import NEVER
from etl.job.loop import Delivery
from etl.job.outcome import Outcome
from etl.job.ports import DeadLetters
from etl.job.rows_of_keys import RowsOfKeys, in_order
from etl.job.run import Job, Plan, RunContext, do
from etl.job.start import NO_LIMITS, Limits
from etl.page import Key, Window


def retry_mapping(  # noqa: PLR0913 - the call's options
    context: RunContext,
    dead_letters: DeadLetters,
    *,
    run_id: str,
    keys: Sequence[Key] | None = None,
    reason: str | None = None,
    limit: int | None = None,
    limits: Limits = NO_LIMITS,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Try the open dead letters once more, those of `keys` and `reason` (None: all), `limit` at most.

    The lock is the caller's.

    Raises:
        UsageProblem: one of `keys` has no open dead letter; nothing was sent.

    """
    context.confirm_fingerprint()
    letters = dead_letters.open_dead_letter_keys(reason, limit) if keys is None else _open(keys, dead_letters)
    gone = Books()
    in_turn: list[Key] = []

    def plan(books: Books) -> Sequence[Window]:
        # The reader's thread counts what is gone; the run's books take the same counter, so that the summary shows it.
        books.reasons = gone.reasons
        in_turn.extend(in_order(letters, context.source))
        return (Window(moves_checkpoint=False, label="dead letters"),)

    def close_gone(missing: Sequence[Key]) -> None:
        dead_letters.close_dead_letters(missing, "gone")
        gone.reasons["gone"] += len(missing)

    # A person asked for these rows: what the ledger thinks unchanged is settled by it, everything else is sent.
    job = Job(
        command="retry",
        track="run",
        run_id=run_id,
        plan=plan,
        pages=RowsOfKeys(context.source, in_turn, gone=close_gone),
        tries_again=True,
        fuse=NEVER,
        limits=limits,
        rows=len(letters),
    )
    return do(context, job, report=report, started=started, planned=planned)


def _open(keys: Sequence[Key], dead_letters: DeadLetters) -> Sequence[Key]:
    wanted = list(dict.fromkeys(keys))
    if lost := [key for key in wanted if not dead_letters.letters.is_open(key)]:
        raise UsageProblem(
            f"no dead letter is open for key {', '.join(map(show_key, lost))}, so nothing was sent",
            hint="the status lists them with --dead-letters; a run with --key sends a row whatever is known of it",
        )
    return wanted

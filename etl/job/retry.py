"""Reads rows by their keys and sends them: `retry` of dead letters, and `run --key`.

The rule: nothing is replayed from memory. A row that is gone closes its dead letter as `gone`; one that is refused
again stays open with one more attempt. Rows leave in the order of their cursors, because two of them may be about one
person; with a limit, those whose last attempt is the longest ago are chosen. If one of the keys that a person names is
missing, nothing is sent, so that a mistyped key is not taken for a row that was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from etl.books import Books
from etl.errors import UsageProblem
from etl.job.fuse import NEVER
from etl.job.loop import Delivery
from etl.job.named_key import named_key
from etl.job.outcome import Outcome
from etl.job.ports import DeadLetters, PageSource, RunSource
from etl.job.run import Job, Plan, RunContext, do
from etl.job.start import NO_LIMITS, RunLimits
from etl.mapping.model import Mapping
from etl.page import Key, Page, Scalar, Window

KEYS_A_PAGE = 500
# How many keys one query for cursors holds; there may be hundreds of thousands of keys.
KEYS_AT_ONCE = 5000


def retry_mapping(  # noqa: PLR0913 - the call's options
    context: RunContext,
    dead_letters: DeadLetters,
    *,
    run_id: str,
    keys: Sequence[Key] | None = None,
    reason: str | None = None,
    limit: int | None = None,
    limits: RunLimits = NO_LIMITS,
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
    letters = (
        dead_letters.open_dead_letter_keys(reason, limit)
        if keys is None
        else _open(keys, dead_letters, context.mapping)
    )
    gone = Books()
    in_turn: list[Key] = []

    def plan(books: Books) -> Sequence[Window]:
        # The reader's thread counts rows that are gone in its own counter; the books share it, so that the summary
        # shows it.
        books.reasons = gone.reasons
        in_turn.extend(in_order(letters, context.source))
        return (Window(moves_checkpoint=False, label="dead letters"),)

    def close_gone(missing: Sequence[Key]) -> None:
        dead_letters.close_dead_letters(missing, "gone")
        gone.reasons["gone"] += len(missing)

    # Rows that the ledger calls unchanged are not sent, and close their dead letter; all others are sent.
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


def _open(keys: Sequence[Key], dead_letters: DeadLetters, mapping: Mapping) -> Sequence[Key]:
    wanted = list(dict.fromkeys(keys))
    if lost := [key for key in wanted if not dead_letters.letters.is_open(key)]:
        names = ", ".join(named_key(key, mapping) for key in lost)
        raise UsageProblem(
            f"no dead letter is open for key {names}, so nothing was sent",
            hint="the status lists them with --dead-letters; a run with --key sends a row whatever is known of it",
            to_keep="no dead letter is open for a key that was given, so nothing was sent",
        )
    return wanted


def send_keys(  # noqa: PLR0913 - the call's options
    context: RunContext,
    wanted: Sequence[Key],
    *,
    run_id: str,
    limits: RunLimits = NO_LIMITS,
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
        names = ", ".join(named_key(key, context.mapping) for key in lost)
        raise UsageProblem(
            f"no row with key {names}, so nothing was sent",
            hint="look at the spelling of the key; a row that source.where leaves out is not found either",
            to_keep="no row with a key that was given, so nothing was sent",
        )
    job = Job(
        command="run",
        track="run",
        run_id=run_id,
        plan=lambda _: (Window(moves_checkpoint=False, label="keys"),),
        # A row that is deleted between the check and the reading is skipped.
        pages=RowsOfKeys(context.source, keys, gone=lambda _: None),
        compare=False,
        tries_again=True,
        fuse=NEVER,
        limits=limits,
        rows=len(keys),
    )
    return do(context, job, report=report, started=started, planned=planned)


class RowsOfKeys:
    """Reads the rows of `keys` in their order; calls `gone` with the keys that have no row, in the reader's thread."""

    def __init__(self, source: PageSource, keys: Sequence[Key], *, gone: Callable[[Sequence[Key]], None]) -> None:
        self._source = source
        self._keys = keys
        self._gone = gone

    @property
    def remote(self) -> bool:
        """False, so that pages are not read ahead in another thread: `gone` may write to the state."""
        return False

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        """Yield the rows that still exist, in their order; `window` and `limit` are ignored."""
        del window, limit
        for start in range(0, len(self._keys), KEYS_A_PAGE):
            wanted = self._keys[start : start + KEYS_A_PAGE]
            found: set[Key] = set()
            for page in self._source.pages_by_key(wanted):
                found |= _keys_of(page)
                yield page
                # Before the next is read, which then finds the memory of this one in one piece.
                del page
            if gone := [key for key in wanted if key not in found]:
                self._gone(gone)

    def pages_by_key(self, keys: Sequence[Key]) -> Iterator[Page]:
        """The rows of `keys`."""
        return self._source.pages_by_key(keys)

    def count(self, window: Window) -> int:
        """How many keys there are; `window` is ignored."""
        del window
        return len(self._keys)


def missing(keys: Sequence[Key], pages: Iterable[Page]) -> list[Key]:
    """Those of `keys` that have no row in `pages`."""
    found: set[Key] = set()
    for page in pages:
        found |= _keys_of(page)
    return [key for key in keys if key not in found]


def _keys_of(page: Page) -> set[Key]:
    keys = {page.position(index).key for index in range(len(page.rows))}
    keys.update(row.position.key for row in page.unreadable)
    return keys


def in_order(keys: Sequence[Key], source: RunSource) -> list[Key]:
    """`keys` sorted by the present cursors of their rows; in the given order for a source without a cursor."""
    ranks: list[tuple[int, Scalar]] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        wanted = keys[start : start + KEYS_AT_ONCE]
        cursors = source.cursors_by_key(wanted)
        ranks += [_rank(cursors.get(key)) for key in wanted]
    return [keys[at] for at in sorted(range(len(keys)), key=ranks.__getitem__)]


def _rank(cursor: Scalar | None) -> tuple[int, Scalar]:
    # A column of SQLite may hold numbers and texts, and sorts all numbers first. Keys without a cursor or row come
    # last.
    if cursor is None:
        return (3, 0)
    return (2 if isinstance(cursor, bytes) else 1 if isinstance(cursor, str) else 0, cursor)

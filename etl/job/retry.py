"""Dead letters again: each row is read anew by its key, mapped and sent.

The rule: nothing is replayed from memory. A row that is gone closes its dead letter as `gone`; one that is refused
again stays open with one more attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from etl.books import Books
from etl.job.deliver import Delivery, Limits
from etl.job.outcome import Outcome
from etl.job.ports import DeadLetters, PageSource
from etl.job.run import NO_LIMITS, Job, Plan, Workshop, do
from etl.page import Key, Page, Window

KEYS_A_PAGE = 500


class RowsOfDeadLetters:
    """A page source that reads the rows of `keys`, and closes the dead letters of rows that are gone."""

    def __init__(self, source: PageSource, dead_letters: DeadLetters, keys: Sequence[Key], books: Books) -> None:
        self._source = source
        self._dead_letters = dead_letters
        self._keys = keys
        self._books = books

    @property
    def remote(self) -> bool:
        """No: these pages write to the state."""
        return False

    def pages(self, window: Window) -> Iterator[Page]:
        """Yield the rows that still exist, 500 keys at a time; `window` says nothing here."""
        del window
        for start in range(0, len(self._keys), KEYS_A_PAGE):
            wanted = self._keys[start : start + KEYS_A_PAGE]
            page = self._source.rows_by_key(wanted)
            found = {page.position(index).key for index in range(len(page.rows))}
            found.update(row.position.key for row in page.unreadable)
            gone = [key for key in wanted if key not in found]
            if gone:
                self._dead_letters.close_dead_letters(gone, "gone")
                self._books.reasons["gone"] += len(gone)
            if page.rows or page.unreadable:
                yield page

    def rows_by_key(self, keys: Sequence[Key]) -> Page:
        """The rows of `keys`."""
        return self._source.rows_by_key(keys)

    def count(self, window: Window) -> int:
        """How many keys there are; `window` says nothing here."""
        del window
        return len(self._keys)


def retry_mapping(  # noqa: PLR0913 - the call's options
    shop: Workshop,
    dead_letters: DeadLetters,
    *,
    run_id: str,
    reason: str | None = None,
    limit: int | None = None,
    limits: Limits = NO_LIMITS,
    report: Callable[[Books], None] = lambda _: None,
    started: Callable[[Delivery], None] = lambda _: None,
    planned: Callable[[Plan], None] = lambda _: None,
) -> Outcome:
    """Try the open dead letters once more, those of `reason` (None: all), `limit` at most. The lock is the caller's."""
    shop.confirm_fingerprint()
    letters = dead_letters.open_dead_letters(reason=reason, limit=limit)
    gone = Books()
    pages = RowsOfDeadLetters(shop.source, dead_letters, [letter.key for letter in letters], gone)
    # A person asked for these rows: what the ledger thinks unchanged is settled by it, everything else is sent.
    job = Job(
        command="retry",
        track="run",
        run_id=run_id,
        plan=lambda books: _one_window(books, gone),
        pages=pages,
        tries_again=True,
        limits=limits,
        rows=len(letters),
    )
    return do(shop, job, report=report, started=started, planned=planned)


def _one_window(books: Books, gone: Books) -> Sequence[Window]:
    # The reader's thread counts what is gone; the run's books take the same counter, so that the summary shows it.
    books.reasons = gone.reasons
    return (Window(moves_checkpoint=False, label="dead letters"),)

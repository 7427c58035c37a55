"""A page source that reads rows by their keys: of dead letters, or those that a person names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from etl.job.ports import PageSource, RunSource
from etl.page import Key, Page, Scalar, Window

KEYS_A_PAGE = 500
# How many keys are asked for their cursors at once; there may be hundreds of thousands.
KEYS_AT_ONCE = 5000


class RowsOfKeys:
    """Reads the rows of `keys` in their order; `gone` hears of keys without a row, in the reader's thread."""

    def __init__(self, source: PageSource, keys: Sequence[Key], *, gone: Callable[[Sequence[Key]], None]) -> None:
        self._source = source
        self._keys = keys
        self._gone = gone

    @property
    def remote(self) -> bool:
        """No: `gone` may write to the state."""
        return False

    def pages(self, window: Window, *, limit: int | None = None) -> Iterator[Page]:
        """Yield the rows that still exist, in their order; `window` and `limit` say nothing here."""
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
        """How many keys there are; `window` says nothing here."""
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
    """`keys` by the cursors that their rows have now; where there is none, in the order given."""
    ranks: list[tuple[int, Scalar]] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        wanted = keys[start : start + KEYS_AT_ONCE]
        cursors = source.cursors_by_key(wanted)
        ranks += [_rank(cursors.get(key)) for key in wanted]
    return [keys[at] for at in sorted(range(len(keys)), key=ranks.__getitem__)]


def _rank(cursor: Scalar | None) -> tuple[int, Scalar]:
    # A column of SQLite may hold numbers and texts: by its order all numbers come first. What has no cursor, or no row
    # any more, comes at the end.
    if cursor is None:
        return (3, 0)
    return (2 if isinstance(cursor, bytes) else 1 if isinstance(cursor, str) else 0, cursor)

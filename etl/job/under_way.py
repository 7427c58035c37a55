"""The keys of events that this process has prepared and that are not settled yet.

The rule: the ledger's entry of such a key is older than the event under way, so the row is sent when it is read again,
changed or not.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence


class UnderWay:
    """Used by two threads: one prepares pages, the other settles them. Pages are named by their stamps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[bytes] = set()
        self._pages: dict[int, Sequence[bytes]] = {}
        # Keys that were under way in two pages at once: either may be settled first, so these keys stay.
        self._twice: set[bytes] = set()

    def among(self, ledger_keys: Collection[bytes]) -> set[bytes]:
        """Those of `ledger_keys` that are under way."""
        with self._lock:
            return self._keys.intersection(ledger_keys) | self._twice.intersection(ledger_keys)

    def enter(self, stamp: int, ledger_keys: Sequence[bytes]) -> bool:
        """Add `ledger_keys` of the page read at `stamp`. Returns whether any of them was under way already."""
        if not ledger_keys:
            return False
        with self._lock:
            again = self._keys.intersection(ledger_keys)
            self._twice |= again
            self._keys.update(ledger_keys)
            self._pages[stamp] = ledger_keys
        return bool(again)

    def settled(self, stamps: Sequence[int]) -> None:
        """Remove the keys of the pages read at `stamps`: all their events are settled and recorded."""
        with self._lock:
            for stamp in stamps:
                self._keys.difference_update(self._pages.pop(stamp, ()))

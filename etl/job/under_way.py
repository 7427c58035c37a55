"""The keys of this process's events that were prepared and have no certain end yet.

The rule: what the ledger says of such a key is older than the event that is under way, so that the next reading of its
row is sent whatever it holds.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence


class UnderWay:
    """For two threads: one prepares pages, another hears of their ends. Pages are named by their stamps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[bytes] = set()
        self._pages: dict[int, Sequence[bytes]] = {}
        # Keys that were under way in two pages at once: which of them ends first says nothing, so they stay.
        self._twice: set[bytes] = set()

    def among(self, ledger_keys: Collection[bytes]) -> set[bytes]:
        """Those of `ledger_keys` that are under way."""
        with self._lock:
            return self._keys.intersection(ledger_keys) | self._twice.intersection(ledger_keys)

    def enter(self, stamp: int, ledger_keys: Sequence[bytes]) -> bool:
        """Events of `ledger_keys`, of the page read at `stamp`, are under way from now on; whether any was already."""
        if not ledger_keys:
            return False
        with self._lock:
            again = self._keys.intersection(ledger_keys)
            self._twice |= again
            self._keys.update(ledger_keys)
            self._pages[stamp] = ledger_keys
        return bool(again)

    def settled(self, stamps: Sequence[int]) -> None:
        """The pages read at `stamps` have a certain end, and it is recorded."""
        with self._lock:
            for stamp in stamps:
                self._keys.difference_update(self._pages.pop(stamp, ()))

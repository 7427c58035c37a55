"""What the API did to the last request that had to be sent again, for a run whose time is over before its rows are.

The rule: only its status or the kind of the failure is told, which hold nothing of a row.
"""

from __future__ import annotations

from etl.books import Books
from etl.verdict.judge import TryAgain, Verdict


class LastFailure:
    """For one run."""

    def __init__(self) -> None:
        self._cause = ""
        self.unreached = False

    def note(self, verdict: Verdict) -> None:
        """Remember `verdict` where it asks for another attempt."""
        if isinstance(verdict, TryAgain):
            self._cause, self.unreached = verdict.cause, verdict.unreached

    def words(self, books: Books) -> str:
        """The end of a sentence; "" where no request failed."""
        if not self._cause:
            return ""
        return f"; of {books.requests:,} requests {books.retries:,} were repeated, {{api}} last said: {self._cause}"

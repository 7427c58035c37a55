"""Remembers why the last repeated request failed, for the message of a run that ends by its time limit.

The rule: only the HTTP status or the kind of the failure is shown, because neither can hold a row's value.
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
        """Remember `verdict` if it asks for another attempt."""
        if isinstance(verdict, TryAgain):
            self._cause, self.unreached = verdict.cause, verdict.unreached

    def words(self, books: Books) -> str:
        """A clause to append to a message; "" when no request failed."""
        if not self._cause:
            return ""
        return f"; of {books.requests:,} requests {books.retries:,} were repeated, {{api}} last said: {self._cause}"

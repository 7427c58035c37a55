"""Looks at each request just before it leaves for people who were forgotten while the run was at work.

The rule: what was forgotten before a page was prepared never became an event; so the events themselves are looked at
only once a person was forgotten since the run began.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from etl.delivery.courier import Request
from etl.job.ports import Suppressions


class ForgottenNow:
    """For one run; made before its first page is read."""

    def __init__(self, suppressions: Suppressions) -> None:
        self._suppressions: Final = suppressions
        self._before: Final = suppressions.newest()

    def among(self, request: Request) -> Collection[int]:
        """The events of `request`, by index, that must not leave."""
        if self._suppressions.newest() == self._before:
            return ()
        return self._suppressions.among([event.identities for event in request.events])

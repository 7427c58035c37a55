"""What gives a mapping's state its meaning; light, because a look at a state needs nothing else of a run."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from etl.mapping.model import Mapping


class Fingerprinted(Protocol):
    """A source that knows what gives its cursor a meaning."""

    def fingerprint(self) -> dict[str, str]:
        """What gives the cursor its meaning, without secrets."""


def fingerprint_of(mapping: Mapping, source: Fingerprinted) -> dict[str, str]:
    """What gives a state its meaning: the source's fingerprint, and whose ledger it is. Not to be shown or kept as is.

    Without the account, the ledger of a trial with the sandbox would call every row of the real run unchanged (D11).
    """
    destination = mapping.destination
    host = urlsplit(destination.url).hostname or ""
    return {**source.fingerprint(), "destination": host, "account": destination.account}

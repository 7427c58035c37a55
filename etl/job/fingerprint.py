"""The fingerprint: which source and which account a mapping's state belongs to. Light to import, for `status`."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from etl.mapping.model import Mapping


class Fingerprinted(Protocol):
    """A source that can name what its cursor depends on."""

    def fingerprint(self) -> dict[str, str]:
        """The parts by name (database, table, cursor, key …), without secrets."""


def fingerprint_of(mapping: Mapping, source: Fingerprinted) -> dict[str, str]:
    """The source's fingerprint, and the account that the ledger is of. Never shown or stored in clear.

    Without the account, the ledger of a trial with the sandbox would make the first real run call every row unchanged
    (D11).
    """
    destination = mapping.destination
    host = urlsplit(destination.url).hostname or ""
    return {**source.fingerprint(), "destination": host, "account": destination.account}

"""Enforces TLS with the drivers of MySQL and MariaDB: if the URL asks for it and cannot get it, nothing is read.

Their C libraries go on in clear text if the server offers no TLS, and report a missing file unreliably.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from etl.errors import SourceFailed, UsageProblem
from etl.source.database import Database
from etl.unreachable import NO_TLS, told_of

_BACKENDS = frozenset({"mysql", "mariadb"})
_FILES = ("ssl_ca", "ssl_cert", "ssl_key")
_OFF = frozenset({"false", "0", "disabled", "preferred"})


def refuse_unreadable_files(url: sa.URL) -> None:
    """Raise `UsageProblem` when `url` names a file for TLS that is missing, unreadable or no PEM file."""
    if url.get_backend_name() not in _BACKENDS:
        return
    for option in _FILES:
        name = url.query.get(option)
        if not isinstance(name, str):
            continue
        hint = f"correct {option} in source.url; the user that runs this needs to read the file"
        try:
            found = Path(name).read_bytes()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UsageProblem(
                f'source.url: the file of its option "{option}" cannot be read: {why}', hint=hint
            ) from None
        if b"-----BEGIN" not in found:
            raise UsageProblem(f'source.url: the file of its option "{option}" holds no key or certificate', hint=hint)


def refuse_cleartext(database: Database, url: sa.URL) -> None:
    """Raise `SourceFailed` when `url` asks for TLS but the connection has none."""
    if not _asks_for_tls(url):
        return
    rows = database.read_patiently(sa.text("SHOW SESSION STATUS LIKE 'Ssl_cipher'"), purpose="connect").rows
    if not rows or not rows[0][1]:
        cause = told_of(NO_TLS, url="source.url")
        raise SourceFailed(f"could not connect to {database.place}: {cause.words}", hint=cause.hint)


def _asks_for_tls(url: sa.URL) -> bool:
    if url.get_backend_name() not in _BACKENDS:
        return False
    asked = {name: str(value).lower() for name, value in url.query.items() if name.startswith(("ssl", "tls"))}
    if asked.pop("ssl_disabled", "false") not in _OFF:
        return False
    return any(value not in _OFF for value in asked.values())

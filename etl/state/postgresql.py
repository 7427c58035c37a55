"""The state in a shared PostgreSQL database: the same tables, in the first schema of the user's search path."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from etl.errors import StateUnusable
from etl.state.database import Database
from etl.state.schema import SCHEMA_VERSION, refuse_newer, refuse_older, upgrade
from etl.state.trouble import told_as_state

# Keys of advisory locks that guard the making of the tables; any fixed number will do.
_SETUP_LOCK = 0x53717A45


def open_postgresql(url: sa.URL, *, write: bool) -> Database | None:
    """The state behind `url`, made or brought up to date when `write`; None when there is none to look at.

    Raises `StateUnusable`.
    """
    # Neither user nor password, nor the options: some of those are secrets too.
    bare = sa.URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    place = bare.render_as_string()
    options = "-c timezone=UTC -c client_encoding=UTF8" + ("" if write else " -c default_transaction_read_only=on")
    # Keepalives: the connection may be silent for hours while it holds a lock; the server must notice a dead one.
    arguments = {"options": options, "connect_timeout": 10, "keepalives_idle": 30, "application_name": "squeezely-etl"}
    with told_as_state("reach", place):
        engine = sa.create_engine(
            url, connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        database = Database(engine, place=place, writable=write)
    try:
        found = _version(database)
        refuse_newer(found, place)
        if write:
            with database.transaction("make") as transaction:
                transaction.run("SELECT pg_advisory_xact_lock(?)", (_SETUP_LOCK,))
                found = _version(database)
                if found < SCHEMA_VERSION:
                    upgrade(transaction, found, postgresql=True)
        elif found == 0:
            database.close()
            return None
        else:
            refuse_older(found, place)
    except BaseException:
        database.close()
        raise
    return database


def _version(database: Database) -> int:
    if database.rows("SELECT to_regclass('etl_meta')")[0][0] is None:
        return 0
    found = database.rows("SELECT value FROM etl_meta WHERE name = 'schema_version'")
    if not found or not str(found[0][0]).isdigit():
        raise StateUnusable(
            f"the tables etl_… in {database.place} are not a state", hint="give the URL of another database or schema"
        )
    return int(found[0][0])

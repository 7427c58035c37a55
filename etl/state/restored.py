"""A state in PostgreSQL that came out of a backup is sure of nothing that it holds: what was sent since is not known.

The rule: a state remembers the server and the table in which it lies. A dump that is restored has other tables, another
server another number, and a server that took over from its primary, or was set back to an earlier moment, another
timeline.
"""

from __future__ import annotations

import logging

from etl.state.database import Transaction

log = logging.getLogger(__name__)

# Managed servers may keep these functions to themselves; the table's own number is always known. The timeline is that
# of what is written now: the server's control file has the old one for minutes after it took over.
_SERVER = {
    "pg_control_system()": "SELECT system_identifier FROM pg_control_system()",
    # A standby writes none; it is told so when the state is written.
    "pg_walfile_name(pg_lsn)": """
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END""",
}


def distrust_restored(transaction: Transaction, place: str) -> None:
    """Let every mapping's ledger count for nothing when the state does not lie where it lay before."""
    here = _where(transaction)
    rows = transaction.rows("SELECT value FROM etl_meta WHERE name = 'lies_in'")
    if rows and rows[0][0] == here:
        return
    sql = "INSERT INTO etl_meta VALUES ('lies_in', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    transaction.run(sql, (here,))
    distrust = "UPDATE etl_mapping SET stamp = stamp + 1, trusted_after = stamp + 1 RETURNING mapping_id"
    if rows and transaction.rows(distrust):
        log.warning(
            "The state was restored or its server replaced: what was sent before may be sent again. place=%s", place
        )


def _where(transaction: Transaction) -> str:
    parts = [str(transaction.rows("SELECT 'etl_mapping'::regclass::oid::bigint")[0][0])]
    for function, sql in _SERVER.items():
        if transaction.rows("SELECT has_function_privilege(to_regprocedure(?), 'EXECUTE')", (function,))[0][0]:
            parts.append(str(transaction.rows(sql)[0][0]))
    return " ".join(parts)

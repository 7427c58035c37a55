"""Detects a state in PostgreSQL that was restored from a backup: its ledger, which lacks later sends, is not trusted.

The rule: a state stores the identity of its server and of its table. They differ after any restore: a restored dump has
another table number, another server another system identifier, and a promoted standby or a point-in-time recovery
another timeline.
"""

from __future__ import annotations

import logging

from etl.state.database import Transaction

log = logging.getLogger(__name__)

# Managed servers may forbid these functions; the table's number is always known. The timeline is taken from the current
# WAL file, because the control file shows the old one for minutes after a promotion.
_SERVER = {
    "pg_control_system()": "SELECT system_identifier FROM pg_control_system()",
    # A standby has no current WAL file; the error comes later, when the state is written.
    "pg_walfile_name(pg_lsn)": """
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END""",
}


def distrust_restored(transaction: Transaction, place: str) -> None:
    """Stop trusting every mapping's ledger if the state is on another server or in another table than before."""
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

"""The tables of the state, and the steps that upgrade an older version.

The rule: a step, once released, is never edited; a change is a new step (D12). The version is the number
of steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from etl.errors import StateUnusable
from etl.state.database import Transaction

# The application id in the header of our SQLite files: "SqzE" in ASCII.
APPLICATION_ID = 0x53717A45

# Statements that begin so are for a server only: the table is written often, and may be lost when the server crashes.
_SERVER_ONLY = "CREATE UNLOGGED TABLE "

# The statements of each step; {serial}, {bytes}, {no_bytes} and {clustered} are replaced by each database's own words.
# Times are ISO 8601 texts in UTC. `seal` is a keyed hash over the row, so that a flipped bit is noticed.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE etl_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        """CREATE TABLE etl_mapping (
            mapping_id {serial}, name TEXT NOT NULL UNIQUE, fingerprint TEXT,
            stamp BIGINT NOT NULL DEFAULT 0, recorded_stamp BIGINT NOT NULL DEFAULT 0,
            trusted_after BIGINT NOT NULL DEFAULT -1)""",
        """CREATE TABLE etl_checkpoint (
            mapping_id BIGINT NOT NULL, track TEXT NOT NULL, position TEXT, saved_at TEXT NOT NULL,
            run_id TEXT NOT NULL, seal {bytes} NOT NULL, PRIMARY KEY (mapping_id, track))""",
        """CREATE TABLE etl_backfill (
            backfill_id {serial}, mapping_id BIGINT NOT NULL, spec TEXT NOT NULL, window_at TEXT,
            windows_done BIGINT NOT NULL DEFAULT 0, started_at TEXT NOT NULL, finished_at TEXT)""",
        "CREATE INDEX etl_backfill_spec ON etl_backfill (mapping_id, spec)",
        """CREATE TABLE etl_ledger (
            mapping_id INTEGER NOT NULL, key {bytes} NOT NULL, event {bytes} NOT NULL, stamp BIGINT NOT NULL,
            marks {bytes} NOT NULL, PRIMARY KEY (mapping_id, key)){clustered}""",
        """CREATE TABLE etl_doubt (
            doubt_id {serial}, mapping_id INTEGER NOT NULL, run_no BIGINT NOT NULL, stamp BIGINT NOT NULL,
            keys {bytes} NOT NULL)""",
        "CREATE INDEX etl_doubt_mapping ON etl_doubt (mapping_id, run_no)",
        """CREATE TABLE etl_answer (
            answer_id {serial}, mapping_id INTEGER NOT NULL, track TEXT NOT NULL, run_no BIGINT NOT NULL,
            words TEXT NOT NULL, tails {bytes} NOT NULL)""",
        "CREATE INDEX etl_answer_mapping ON etl_answer (mapping_id, track, run_no)",
        """CREATE TABLE etl_reading (
            mapping_id INTEGER NOT NULL, stamp BIGINT NOT NULL, run_no BIGINT NOT NULL,
            PRIMARY KEY (mapping_id, stamp)){clustered}""",
        """CREATE TABLE etl_earlier_run (
            mapping_id INTEGER NOT NULL, run_no BIGINT NOT NULL, key {bytes} NOT NULL,
            PRIMARY KEY (mapping_id, run_no, key)){clustered}""",
        """CREATE TABLE etl_field (
            mapping_id INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL,
            PRIMARY KEY (mapping_id, place)){clustered}""",
        """CREATE TABLE etl_dead_letter (
            letter_id {serial}, mapping_id BIGINT NOT NULL, ledger_key {bytes} NOT NULL, key TEXT NOT NULL,
            reason TEXT NOT NULL, words TEXT NOT NULL, attempts BIGINT NOT NULL, opened_at TEXT NOT NULL,
            last_at TEXT NOT NULL, digest {bytes} NOT NULL, run_id TEXT NOT NULL, stamp BIGINT NOT NULL,
            seal {bytes} NOT NULL, closed_at TEXT, closed_how TEXT, acknowledged_at TEXT)""",
        """CREATE UNIQUE INDEX etl_dead_letter_open ON etl_dead_letter (mapping_id, ledger_key)
            WHERE closed_at IS NULL""",
        """CREATE INDEX etl_dead_letter_newest ON etl_dead_letter (mapping_id, letter_id)
            WHERE closed_at IS NULL""",
        "CREATE INDEX etl_dead_letter_key ON etl_dead_letter (mapping_id, ledger_key, letter_id)",
        # Belongs to accounts, not to mappings, so that it survives the removal of a mapping.
        """CREATE TABLE etl_suppression (
            suppression_id {serial}, account TEXT NOT NULL, identity {bytes} NOT NULL, since TEXT NOT NULL)""",
        "CREATE UNIQUE INDEX etl_suppression_identity ON etl_suppression (account, identity)",
        """CREATE TABLE etl_run (
            run_no {serial}, mapping_id BIGINT NOT NULL, run_id TEXT NOT NULL, command TEXT NOT NULL,
            started_at TEXT NOT NULL, finished_at TEXT, outcome TEXT, exit_code BIGINT, summary TEXT, before TEXT,
            pid BIGINT NOT NULL, host TEXT NOT NULL)""",
        "CREATE INDEX etl_run_mapping ON etl_run (mapping_id, run_no)",
        """CREATE TABLE etl_holder (
            mapping_id BIGINT NOT NULL, track TEXT NOT NULL, pid BIGINT NOT NULL, host TEXT NOT NULL,
            since TEXT NOT NULL, PRIMARY KEY (mapping_id, track))""",
    ),
    # From here on a mark has two bytes a field; older marks are dropped, because they cannot be compared.
    ("UPDATE etl_ledger SET marks = {no_bytes}",),
    ("ALTER TABLE etl_mapping ADD COLUMN mapped TEXT",),
    (
        # Not in a file: its processes are on one host, and share their rate there.
        f"""{_SERVER_ONLY}etl_rate (
            account TEXT PRIMARY KEY, requests_paid_at FLOAT8 NOT NULL DEFAULT 0,
            events_paid_at FLOAT8 NOT NULL DEFAULT 0, paused_until FLOAT8 NOT NULL DEFAULT 0,
            factor FLOAT8 NOT NULL DEFAULT 1, slowed_at FLOAT8 NOT NULL DEFAULT -1,
            recovered_at FLOAT8 NOT NULL DEFAULT 0, wanted_at FLOAT8 NOT NULL DEFAULT -1,
            asked_at FLOAT8 NOT NULL DEFAULT 0, wait FLOAT8 NOT NULL DEFAULT 0)""",
    ),
    ("ALTER TABLE etl_mapping ADD COLUMN lone_failures TEXT",),
    ("ALTER TABLE etl_mapping ADD COLUMN accepted_by TEXT",),
)
SCHEMA_VERSION = len(STEPS)

# The tables checked for damage at every opening. Not the ledger: a flipped bit there costs a repeat at most.
SMALL_TABLES = (
    "etl_meta",
    "etl_mapping",
    "etl_checkpoint",
    "etl_backfill",
    "etl_dead_letter",
    "etl_suppression",
    "etl_run",
)


def upgrade(
    transaction: Transaction, version: int, *, postgresql: bool, steps: Sequence[Sequence[str]] = STEPS
) -> None:
    """Bring a state of `version` (0: no tables at all) to the version after the last of `steps`."""
    serial = "BIGINT GENERATED BY DEFAULT AS IDENTITY" if postgresql else "INTEGER"
    words = {
        "serial": f"{serial} PRIMARY KEY{'' if postgresql else ' AUTOINCREMENT'}",
        "bytes": "BYTEA" if postgresql else "BLOB",
        "no_bytes": "''::bytea" if postgresql else "x''",
        "clustered": "" if postgresql else " WITHOUT ROWID",
    }
    for step in steps[version:]:
        for statement in step:
            if postgresql or not statement.startswith(_SERVER_ONLY):
                transaction.run(statement.format(**words))
    if postgresql:
        transaction.run(
            "INSERT INTO etl_meta VALUES ('schema_version', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (str(len(steps)),),
        )
    else:
        transaction.run(f"PRAGMA user_version = {len(steps)}")
        transaction.run(f"PRAGMA application_id = {APPLICATION_ID}")


def refuse_newer(version: int, place: str) -> None:
    """Raise `StateUnusable` for a version that only a newer program knows."""
    if version > SCHEMA_VERSION:
        raise StateUnusable(
            f"the state {place} has version {version}; this program knows versions up to {SCHEMA_VERSION}",
            hint="use the program version that wrote it, or a newer one",
        )


def refuse_older(version: int, place: str) -> None:
    """Raise `StateUnusable` for a version that has to be upgraded before it can be read."""
    if version < SCHEMA_VERSION:
        raise StateUnusable(
            f"the state {place} has the older version {version}", hint="any run brings it up to date; look again then"
        )

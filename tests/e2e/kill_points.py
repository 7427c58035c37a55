"""Where the sweep of `test_kill_sweep.py` kills: each point has a name, and stages (`tests/processes/crash_points.py`).

A function that is renamed fails the sweep, so that no point is lost unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Stages = Sequence[Mapping[str, Any]]

_STORE = "etl.state.store"
_STATE = "etl.state.mapping_state:MappingState"


def _around(words: str, place: str) -> dict[str, Stages]:
    return {f"before {words}": [{"call": place}], f"after {words}": [{"return": place}]}


def _written(words: str, place: str) -> dict[str, Stages]:
    """Around a call that writes in one transaction, and on both sides of its commit."""
    return {
        **_around(words, place),
        f"before the commit of {words}": [{"call": place}, {"before": "COMMIT"}],
        f"after the commit of {words}": [{"call": place}, {"after": "COMMIT"}],
    }


# The state's file does not exist yet, or is not whole.
MAKING: dict[str, Stages] = {
    **_around("the tables are made", "etl.state.schema:upgrade"),
    "in the middle of the tables": [{"after": "CREATE TABLE", "nth": 4}],
    "before the commit of the tables": [{"call": "etl.state.schema:upgrade"}, {"before": "COMMIT"}],
    "after the commit of the tables": [{"call": "etl.state.schema:upgrade"}, {"after": "COMMIT"}],
    **_around("the new file gets its name", "pathlib:Path.rename"),
    "before the new file is opened": [{"call": "etl.state.sqlite:for_writing"}],
    **_around("the log is opened", "etl.state.sqlite:_enter_wal"),
    "after the hash key": [{"return": f"{_STORE}:_hash_key"}],
    "before the mapping is entered": [{"before": "INSERT INTO etl_mapping"}],
    "after the mapping is entered": [{"after": "INSERT INTO etl_mapping"}],
    **_around("the fingerprint is compared", f"{_STATE}.confirm_fingerprint"),
    **_written("the mark of a first run", f"{_STATE}.set_checkpoint"),
}

# In every run that has something to send.
ANY: dict[str, Stages] = {
    "before the state is opened": [{"call": f"{_STORE}:open_state"}],
    **_written("the touch", f"{_STORE}:StateStore.touch"),
    **_around("the lock", "etl.state.lock:FileLock.__enter__"),
    "with the lock, before its holder's name": [{"call": "etl.state.lock:_holder_text"}],
    **_around("the source is opened", "etl.source.open:open_source"),
    **_written("the run's record", f"{_STATE}.start_run"),
    "before a page is prepared": [{"call": "etl.job.prepare:Preparer.__call__"}],
    "after a page is prepared": [{"return": "etl.job.prepare:Preparer.__call__"}],
    **_around("a page is taken in", "etl.job.loop:Delivery._take_in"),
    **_around("a request", "etl.api.client:ApiClient.track"),
    "after the second request": [{"return": "etl.api.client:ApiClient.track", "nth": 2}],
    "before an answer is judged": [{"call": "etl.verdict.judge:judge"}],
    **_written("a settlement", f"{_STATE}.settle"),
    **_around("the state is bound", "etl.state.checkpoints:Binding.bind"),
    "before the commit of the second settlement": [{"call": f"{_STATE}.settle", "nth": 2}, {"before": "COMMIT"}],
    "after the commit of the second settlement": [{"call": f"{_STATE}.settle", "nth": 2}, {"after": "COMMIT"}],
    **_written("the end of the run's record", f"{_STATE}.finish_run"),
    **_around("the note of the last run", "etl.state.last_run:write_note"),
    "before the result": [{"call": f"{_STATE}.finish_run"}, {"call": "click.utils:echo"}],
    "after the result": [{"call": f"{_STATE}.finish_run"}, {"return": "click.utils:echo"}],
    "before the lock is given back": [{"call": "etl.state.lock:FileLock.__exit__"}],
    "after the lock is given back": [{"return": "etl.state.lock:FileLock.__exit__"}],
    **_around("the state is closed", "etl.state.database:Database.close"),
    "before the log is put away": [{"before": "PRAGMA journal_mode = DELETE"}],
    "after the log is put away": [{"after": "PRAGMA journal_mode = DELETE"}],
}

# With a ledger.
LEDGER: dict[str, Stages] = {
    **_written("a stamp", f"{_STATE}.next_stamp"),
    **_around("the ledger's entries", "etl.state.ledger:Ledger.record"),
}

# With changed events of rows that the ledger knows.
DOUBT: dict[str, Stages] = _written("a doubt", f"{_STATE}.doubt")

# With invalid rows among the others, and events that the API refuses.
BROKEN: dict[str, Stages] = {
    **_written("dead letters of invalid rows", f"{_STATE}.bury"),
    **_around("a dead letter is opened", "etl.state.dead_letters:DeadLetters.open"),
}

# With a cursor.
PAGES: dict[str, Stages] = {
    **_around("a page is read", "etl.source.pages:PageReader._page"),
    "before the second page is read": [{"call": "etl.source.pages:PageReader._page", "nth": 2}],
    **_around("the checkpoint is written", "etl.state.checkpoints:Checkpoints.set"),
}

# With a cursor that has no index.
SPOOL: dict[str, Stages] = {
    **_around("the rows are spooled", "etl.source.spool:Spool.write"),
    **_around("a page is taken from the spool", "etl.source.spooled:SpooledReader._at"),
    "before the second page is taken from the spool": [{"call": "etl.source.spooled:SpooledReader._at", "nth": 2}],
    **_around("the checkpoint is written", "etl.state.checkpoints:Checkpoints.set"),
}

# With workers, in the process that started them.
WORKERS: dict[str, Stages] = {
    **_around("a range's end is found", "etl.source.ranges:Ranges.end"),
    **_around("the workers are started", "etl.host.worker_pool:WorkerPool.open"),
    **_around("a range is handed out", "etl.job.spread:Workers.submit"),
    **_around("a range is taken back", "etl.job.spread:Spread._done"),
    "before the second range is taken back": [{"call": "etl.job.spread:Spread._done", "nth": 2}],
    "before the commit of a settlement": [{"call": f"{_STATE}.settle"}, {"before": "COMMIT"}],
    "after the commit of a settlement": [{"call": f"{_STATE}.settle"}, {"after": "COMMIT"}],
    **_around("the workers are ended", "etl.host.worker_pool:WorkerPool.close"),
}

# The same, with a cursor that has no index.
PLACES: dict[str, Stages] = {
    **_around("places of rows are found", "etl.source.spooled:SpooledReader._proved_places"),
    **_around("rows are handed out", "etl.job.spread:Workers.submit"),
    **_around("rows are taken back", "etl.job.spread:Spread._done"),
    "before the second rows are taken back": [{"call": "etl.job.spread:Spread._done", "nth": 2}],
    "before the commit of a settlement": [{"call": f"{_STATE}.settle"}, {"before": "COMMIT"}],
}

BACKFILL: dict[str, Stages] = {
    **_around("the backfill is looked up", f"{_STATE}.backfill"),
    **_written("a window is entered", f"{_STATE}.enter_window"),
}

BACKFILL_END: dict[str, Stages] = _written("the backfill's end", f"{_STATE}.finish_backfill")

RETRY: dict[str, Stages] = {
    **_around("the dead letters are listed", f"{_STATE}.open_dead_letter_keys"),
    **_around("the rows of dead letters are read", "etl.job.retry:RowsOfKeys.pages"),
    **_around("dead letters are closed", "etl.state.dead_letters:DeadLetters.close"),
}

# By `forget`, of a person whose row the ledger knows.
FORGET: dict[str, Stages] = {
    "before the state is opened": [{"call": f"{_STORE}:open_state"}],
    "before the mapping is entered": [{"call": f"{_STORE}:StateStore.mapping"}],
    **_written("the suppression", "etl.state.suppressions:Suppressions.add"),
    **_written("the erasure", "etl.state.erasing:Erasing.erase"),
    "in the middle of the erasure": [{"before": "DELETE FROM etl_dead_letter"}],
    **_around("the state is closed", "etl.state.database:Database.close"),
    "before the receipt": [{"return": "etl.commands.forget:erase"}],
}

# By the server, at the n-th request of the run.
LOCK = "etl.state.lock:FileLock.__enter__"
SERVER = ("before the events are accepted", "after the events are accepted", "in the middle of the answer")

TABLES = (MAKING, ANY, LEDGER, DOUBT, BROKEN, PAGES, SPOOL, WORKERS, PLACES, BACKFILL, BACKFILL_END, RETRY, FORGET)

"""Opens the state: a SQLite file by its path, or a PostgreSQL database by its URL.

The rule: opening for writing really writes once (D6); opening for looking changes no byte (D21); what is not a complete
state is refused, never made anew (D3).
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from etl.checkpoint import LastRun
from etl.clock import Clock
from etl.errors import StateUnusable
from etl.state import moving, sqlite
from etl.state.database import Database, Transaction
from etl.state.last_run import read_note, remove_note, write_note
from etl.state.lock import FileLock, Holder, Lock, Locks, file_holder, lock_path, note_path
from etl.state.mapping_state import MappingState
from etl.state.not_started import NotStartedCalls
from etl.state.safe_file import check_file, make_folder, open_private
from etl.state.schema import SCHEMA_VERSION, refuse_newer, upgrade
from etl.state.server_lock import ServerLock, server_holder
from etl.state.suppressions import SuppressedPeople, Suppressions, account_hash
from etl.state.trouble import DAMAGED_HINT, told_as_state

_HASH_KEY_BYTES = 32
# A user and a password before a host but no scheme: probably a URL, so it must not be shown as a path.
_URL_LIKE = re.compile(r":.*@", re.DOTALL)


def open_state(location: str, *, clock: Clock, write: bool) -> StateStore:
    """Open the state at `location`, a path or a URL.

    write: make it when it is missing, bring it up to date, and write to it once. Otherwise nothing is made or changed,
    and a missing state looks like an empty one.
    Raises `StateUnusable`.
    """
    with ExitStack() as undo:
        database: Database | None
        make_locks: Callable[[Database, str, int], Locks]
        last_words: tuple[str, ...] = ()
        folder: Path | None = None
        if on_server(location):
            from etl.state.postgresql import open_postgresql, shown_place  # noqa: PLC0415 - half of a start

            place = shown_place(location)
            database = open_postgresql(location, write=write)

            def make_locks(database: Database, name: str, mapping_id: int) -> Locks:
                return _ServerLocks(database, name, mapping_id, clock)

        else:
            path = _file_path(location)
            place = str(path)
            folder = path.parent
            if write:
                database = _open_file(path, clock)
                last_words = sqlite.at_rest()
            else:
                database = sqlite.for_looking(path, lambda folder: _removed(undo, folder))

            file_locks: dict[str, _FileLocks] = {}

            def make_locks(database: Database, name: str, mapping_id: int) -> Locks:  # noqa: ARG001
                # One object for each mapping, so that a lock taken through it is also confirmed through it.
                return file_locks.setdefault(name, _FileLocks(path, name, clock))

        found = database is not None
        if database is None:
            database = _nothing(place)
        undo.callback(database.close, last_words)
        store = StateStore(database, clock=clock, make_locks=make_locks, writable=write, undo=undo, folder=folder)
        store.found = found
        if write:
            store.touch()
        store.keep()
        return store


def state_exists(location: str) -> bool:
    """Whether a file exists at `location`; always True for a server, which is not asked.

    Raises `StateUnusable` where `location` is neither a path nor a URL.
    """
    return on_server(location) or _file_path(location).exists()


def on_server(location: str) -> bool:
    """Whether `location` is the URL of a server, not a file."""
    return "://" in location and not location.startswith("sqlite:")


class StateStore:
    """An open state. Close it, or use it as a context manager."""

    def __init__(  # noqa: PLR0913 - what an open state consists of
        self,
        database: Database,
        *,
        clock: Clock,
        make_locks: Callable[[Database, str, int], Locks],
        writable: bool,
        undo: ExitStack,
        folder: Path | None = None,
    ) -> None:
        # The folder of the file; None for a server.
        self.folder: Final = folder
        self.place: Final = database.place
        # As `place`, for messages about a new state.
        self.named: Final = database.named
        # False if the state does not exist and an empty one stands for it.
        self.found = True
        # Whether this opening created it.
        self.made: Final = database.made
        self.writable: Final = writable
        # The database if it is on a server, which processes of several hosts may share; otherwise None.
        self.server: Final = database if database.postgresql else None
        self._database: Final = database
        self._clock: Final = clock
        self._make_locks: Final = make_locks
        self._undo = undo
        self._hash_key: Final = _hash_key(database)

    def mapping(self, name: str) -> MappingState:
        """The state of the mapping `name`; empty when it is new."""
        sql = "SELECT mapping_id FROM etl_mapping WHERE name = ?"
        rows = self._database.rows(sql, (name,))
        if not rows and self.writable:
            with self._database.transaction() as transaction:
                transaction.run("INSERT INTO etl_mapping (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (name,))
                rows = transaction.rows(sql, (name,))
        mapping_id = int(rows[0][0]) if rows else 0
        return MappingState(
            self._database,
            name=name,
            mapping_id=mapping_id,
            hash_key=self._hash_key,
            clock=self._clock,
            locks=self._make_locks(self._database, name, mapping_id),
            writable=self.writable,
        )

    def names(self) -> list[str]:
        """Every mapping that the state knows, in order."""
        return [str(row[0]) for row in self._database.rows("SELECT name FROM etl_mapping ORDER BY name")]

    def suppressions(self, account: str | None, mapping: str = "") -> Suppressions:
        """Who was forgotten in `account`; None: the account that accepted events of `mapping`."""
        if account is not None:
            return Suppressions(self._database, self._hash_key, account_hash(self._hash_key, account))
        return Suppressions(self._database, self._hash_key, self.mapping(mapping).binding.account)

    @property
    def suppressed(self) -> SuppressedPeople:
        """Who was forgotten in every account."""
        return SuppressedPeople(self._database, self._hash_key)

    @property
    def not_started(self) -> NotStartedCalls:
        """Calls that were refused before any run began."""
        return NotStartedCalls(self._database, self._clock)

    def rename(self, old: str, new: str) -> None:
        """Rename the mapping `old` to `new`, a name that the state does not know yet."""
        before = self.mapping(old).locks
        noted = before.noted_run()
        moving.rename(self._database, old, new)
        if noted is not None:
            self.mapping(new).locks.note_run(noted)
        # Otherwise a new mapping with the old name would look as if it were restored from a backup.
        before.forget_note()

    def drop(self, name: str) -> None:
        """Remove all that is known of the mapping `name`."""
        found = self.mapping(name)
        moving.drop(self._database, found.mapping_id, name)
        found.locks.forget_note()

    def copy_to(self, target: StateStore) -> dict[str, int]:
        """Copy everything into the empty `target`, which must be reopened afterwards. Returns row counts by table."""
        return moving.copy(self._database, target._database)

    def was_told(self, subject: str, address: str) -> bool:
        """Whether `address` was told that `subject` needs a person, and not told since that all is well."""
        return bool(self._database.rows("SELECT 1 FROM etl_meta WHERE name = ?", (self._told(subject, address),)))

    def note_told(self, subject: str, address: str, *, needed: bool) -> None:
        """Remember what `address`, which is a secret, was told about `subject`."""
        name = self._told(subject, address)
        with self._database.transaction("write") as transaction:
            if needed:
                sql = "INSERT INTO etl_meta VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
                transaction.run(sql, (name, self._clock.utc_now().isoformat()))
            else:
                transaction.run("DELETE FROM etl_meta WHERE name = ?", (name,))

    def _told(self, subject: str, address: str) -> str:
        mark = blake2b(address.encode(), digest_size=8, key=self._hash_key, person=b"notified").hexdigest()
        return f"needs_person:{mark}:{subject}"

    def touch(self) -> None:
        """Write something, so that a full disk or a missing right shows before sending. Raises `StateUnusable`."""
        with self._database.transaction("write") as transaction:
            transaction.run(
                "INSERT INTO etl_meta VALUES ('opened_at', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (self._clock.utc_now().isoformat(),),
            )

    def keep(self) -> None:
        """Leave the clean-up to `close`: the opening has succeeded."""
        self._undo = self._undo.pop_all()

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._undo.close()

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()


class _FileLocks:
    def __init__(self, state: Path, name: str, clock: Clock) -> None:
        self._state = state
        self._name = name
        self._clock = clock
        # The locks that are held, and one that is being taken.
        self._locks: list[FileLock] = []

    def lock(self, track: str) -> Lock:
        lock = FileLock(lock_path(self._state, self._name, track), what=self._name, clock=self._clock)
        self._locks = [*(each for each in self._locks if each.held), lock]
        return lock

    def holder(self, track: str) -> Holder | None:
        return file_holder(lock_path(self._state, self._name, track))

    def note_run(self, run: LastRun) -> None:
        for lock in self._locks:
            lock.confirm()
        write_note(note_path(self._state, self._name), run)

    def noted_run(self) -> LastRun | None:
        return read_note(note_path(self._state, self._name))

    def forget_note(self) -> None:
        remove_note(note_path(self._state, self._name))


class _ServerLocks:
    def __init__(self, database: Database, name: str, mapping_id: int, clock: Clock) -> None:
        self._database = database
        self._name = name
        self._mapping_id = mapping_id
        self._clock = clock

    def lock(self, track: str) -> Lock:
        return ServerLock(self._database, self._mapping_id, mapping=self._name, track=track, clock=self._clock)

    def holder(self, track: str) -> Holder | None:
        if not self._database.postgresql:  # the server holds no state yet, and an empty one stands for it
            return None
        return server_holder(self._database, self._mapping_id, self._name, track)

    def note_run(self, run: LastRun) -> None:
        """Does nothing: a server has no place for a note outside the state; `restored` detects its backups."""

    def noted_run(self) -> LastRun | None:
        return None

    def forget_note(self) -> None:
        """There is none."""


def _open_file(path: Path, clock: Clock) -> Database:
    make_folder(path.parent)
    made = False
    if check_file(path) is None:
        # Locked, because two first runs may begin at once: one makes the file, the other finds it.
        folder = path.with_name(path.name + ".lock.d")
        make_folder(folder)
        with told_as_state("make", str(path)):
            descriptor = open_private(folder / "making.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if check_file(path) is None:
                sqlite.create(path, _fill)
                made = True
        finally:
            os.close(descriptor)
    database = sqlite.for_writing(path, clock)
    database.made = made
    try:
        if sqlite.version(database) < SCHEMA_VERSION:
            with database.transaction("bring up to date") as transaction:
                found = int(transaction.rows("PRAGMA user_version")[0][0])
                refuse_newer(found, database.place)
                upgrade(transaction, found, postgresql=False)
    except BaseException:
        database.close()
        raise
    return database


def _fill(database: Database) -> None:
    # The key is made in the same transaction: after a kill, tables without a key would look damaged.
    with database.transaction("make") as transaction:
        upgrade(transaction, 0, postgresql=database.postgresql)
        _make_hash_key(transaction)


def _nothing(place: str) -> Database:
    database = sqlite.memory(place)
    _fill(database)
    return database


def _hash_key(database: Database) -> bytes:
    sql = "SELECT value FROM etl_meta WHERE name = 'hash_key'"
    rows = database.rows(sql)
    if not rows and database.writable:
        with database.transaction() as transaction:
            _make_hash_key(transaction)
            rows = transaction.rows(sql)
    try:
        key = bytes.fromhex(rows[0][0])
    except (LookupError, ValueError, TypeError):
        key = b""
    if len(key) != _HASH_KEY_BYTES:
        raise StateUnusable(f"the state {database.place} is damaged: its key is missing", hint=DAMAGED_HINT)
    return key


def _make_hash_key(transaction: Transaction) -> None:
    new = secrets.token_hex(_HASH_KEY_BYTES)
    transaction.run("INSERT INTO etl_meta VALUES ('hash_key', ?) ON CONFLICT (name) DO NOTHING", (new,))


def _file_path(location: str) -> Path:
    if location.startswith("sqlite:"):
        from sqlalchemy import make_url  # noqa: PLC0415 - half of a start
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

        try:
            url = make_url(location)
        except (ArgumentError, ValueError):
            raise StateUnusable("the state's URL cannot be read", hint="sqlite:///state.sqlite") from None
        if url.host or url.username is not None:
            words = "the state's URL: one of SQLite has three slashes and neither user nor host"
            raise StateUnusable(words, hint="sqlite:///state.sqlite")
        location = url.database or ""
    elif _URL_LIKE.search(location):
        raise StateUnusable(
            "the state's place is neither a path nor a URL: is :// missing or misspelt?",
            hint="--state .etl/state.sqlite, or --state postgresql://user@host/database",
        )
    if not location:
        raise StateUnusable("no path for the state", hint="--state PATH-OR-URL")
    return Path(os.path.abspath(location))  # noqa: PTH100 - resolve() would follow a symbolic link in the last place


def _removed(undo: ExitStack, folder: Path) -> None:
    undo.callback(sqlite.remove_folder, folder)

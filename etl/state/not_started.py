"""Remembers calls of `run` that were refused before any run began, for one mapping or for a whole call.

The rule: one note for each subject, the latest, kept until the subject's run begins. It says what was wrong, without a
value of a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from etl.clock import Clock
from etl.state.database import Database, Transaction

_BEGINS = "not_started:"


@dataclass(frozen=True, slots=True)
class NotStarted:
    """One refused call. `at`: when, aware, UTC. `message` says what was wrong, `hint` what to do ("": no more to say).

    mapping: its name; "" for a call that was refused as a whole. paths: what the call named, absolute. begun: those of
    the paths whose runs were begun by other calls since.
    """

    mapping: str
    paths: tuple[str, ...]
    message: str
    hint: str
    at: datetime
    begun: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The key of the note: when a later call begins this subject, the note is forgotten."""
        return subject_of_mapping(self.mapping) if self.mapping else subject_of_call(self.paths)


def subject_of_mapping(name: str) -> str:
    """The subject for the mapping `name`."""
    return f"mapping {name}"


def subject_of_call(paths: Sequence[str]) -> str:
    """The subject of a call as a whole."""
    return "call " + json.dumps(sorted(paths))


class NotStartedCalls:
    """The notes of one state. Raises `StateUnusable` as the database does."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock

    def listed(self) -> list[NotStarted]:
        """Every note, the oldest first; one that cannot be read is left out."""
        rows = self._database.rows("SELECT value FROM etl_meta WHERE name LIKE ?", (f"{_BEGINS}%",))
        found = [note for (text,) in rows if (note := _read(text)) is not None]
        return sorted(found, key=lambda one: (one.at, one.subject))

    def note(self, refused: Iterable[NotStarted]) -> None:
        """Keep each of `refused`, in place of an earlier one of its subject."""
        sql = "INSERT INTO etl_meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        with self._database.transaction("write") as transaction:
            transaction.many(sql, [(_named(one.subject), _written(one)) for one in refused])

    def revise(self, change: Callable[[NotStarted], NotStarted | None]) -> None:
        """Replace each note by the result of `change`; None: forget the note. Safe with several processes."""
        if not self.listed():
            return
        with self._database.transaction("write") as transaction:
            like = (f"{_BEGINS}%",)
            transaction.run("UPDATE etl_meta SET value = value WHERE name LIKE ?", like)
            for name, text in transaction.rows("SELECT name, value FROM etl_meta WHERE name LIKE ?", like):
                if (note := _read(text)) is None or (new := change(note)) == note:
                    continue
                if new is None:
                    transaction.run("DELETE FROM etl_meta WHERE name = ?", (name,))
                else:
                    transaction.run("UPDATE etl_meta SET value = ? WHERE name = ?", (_written(new), name))

    def forget(self, subjects: Iterable[str]) -> int:
        """Forget the notes of `subjects`. Returns how many there were."""
        known = {one.subject for one in self.listed()}.intersection(subjects)
        if known:
            with self._database.transaction("write") as transaction:
                transaction.many("DELETE FROM etl_meta WHERE name = ?", [(_named(one),) for one in known])
        return len(known)

    def refusal(self, mapping: str, paths: Iterable[str], *, message: str, hint: str) -> NotStarted:
        """A new note about `mapping`, with the present time."""
        return NotStarted(mapping, tuple(paths), message, hint, self._clock.utc_now())


def drop_notes(transaction: Transaction, mapping: str) -> None:
    """Forget the note of `mapping`, which is gone or has another name now."""
    transaction.run("DELETE FROM etl_meta WHERE name = ?", (_named(subject_of_mapping(mapping)),))


def _named(subject: str) -> str:
    # A hash, because a server's index takes no long texts, and there may be many paths.
    return _BEGINS + blake2b(subject.encode(), digest_size=16).hexdigest()


def _written(one: NotStarted) -> str:
    return json.dumps(
        {
            "mapping": one.mapping,
            "paths": one.paths,
            "message": one.message,
            "hint": one.hint,
            "at": one.at.isoformat(),
            "begun": one.begun,
        }
    )


def _read(text: str) -> NotStarted | None:
    try:
        found = json.loads(text)
        at = datetime.fromisoformat(found["at"])
        paths = tuple(map(str, found["paths"]))
        begun = tuple(map(str, found.get("begun", ())))
        return NotStarted(str(found["mapping"]), paths, str(found["message"]), str(found["hint"]), at, begun)
    except (ValueError, LookupError, TypeError):
        return None

"""The file of `forget --export`: who is suppressed, as keyed hashes, to be carried to a restored state.

The rule: the file names no person and holds no key; it is usable only with a state that has the same key, such as a
restored backup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from etl.commands.advice import shell_line
from etl.errors import StateUnusable, UsageProblem
from etl.host.whole_file import write_whole
from etl.state.suppressions import HASH_BYTES, Suppressed

_VERSION = 1


def write_suppressions(file: Path, found: Sequence[Suppressed], *, key: str) -> None:
    """Write `file` (0600) atomically; `key`: the fingerprint of the state's key. Raises `UsageProblem`."""
    rows = [{"account": one.account, "identity": one.identity.hex(), "since": one.since} for one in found]
    text = json.dumps({"version": _VERSION, "key": key, "suppressed": rows}, indent=1) + "\n"
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise UsageProblem(f"{file} cannot be written: {error.strerror}") from None


def refuse_to_lose(file: Path, found: Sequence[Suppressed], *, key: str, place: str, state: str) -> None:
    """Refuse to replace `file` where it holds anything that `found`, of the state `place`, does not.

    state: the same state as it was given. Raises `StateUnusable`, or `UsageProblem` where it is no such file.
    """
    if not file.is_file() or not file.stat().st_size:
        return
    of_key, old = _content(file)
    if of_key != key:
        raise StateUnusable(
            f"{file} is the export of a state with another key ({of_key}) than {place} has ({key}); it was left as "
            "it is",
            hint="name the state that it is of: --state PATH-OR-URL; or export to another file",
        )
    known = {(one.account, one.identity) for one in found}
    if missing := sum((one.account, one.identity) not in known for one in old):
        raise StateUnusable(
            f"{file} names {missing:,} suppressed that {place} does not know: it was left as it is",
            hint=f"take them over first: {shell_line('forget', '--import', str(file), state=state)}",
        )


def read_suppressions(file: Path, *, key: str, place: str) -> list[Suppressed]:
    """What `file` holds.

    Raises:
        UsageProblem: it cannot be read, or is no such file.
        StateUnusable: it is of a state with another key than that with the fingerprint `key`, the state `place`.
    """
    of_key, rows = _content(file)
    if of_key != key:
        raise StateUnusable(
            f"{file} was exported from a state with another key ({of_key}) than {place} has ({key}): its hashes say "
            "nothing here",
            hint="restore the state itself from a backup, then import; or forget each person again",
        )
    return rows


def _content(file: Path) -> tuple[str, list[Suppressed]]:
    """The key's fingerprint and the rows. Raises `UsageProblem`."""
    try:
        content = json.loads(file.read_text(encoding="ascii"))
        rows = [
            Suppressed(row["account"], bytes.fromhex(row["identity"]), row["since"]) for row in content["suppressed"]
        ]
        of_key, version = content["key"], content["version"]
    except OSError as error:
        raise UsageProblem(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError):
        rows, of_key, version = [], "", 0
    if version != _VERSION or any(len(one.identity) != HASH_BYTES or not _is_plain(one) for one in rows):
        raise UsageProblem(f"{file} is no file of `forget --export`, or not a whole one", hint="name another file")
    return str(of_key), rows


def _is_plain(row: Suppressed) -> bool:
    return isinstance(row.account, str) and len(row.account) == 2 * HASH_BYTES and isinstance(row.since, str)

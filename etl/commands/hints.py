"""What to do about an error, with the whole command: a hint that is printed can be pasted.

The rule: an error knows neither the mapping's file nor the state as it was given, so the command is added here. CURSOR
stands for what only a person knows.
"""

from __future__ import annotations

from etl.commands.advice import Place
from etl.errors import (
    AlreadyBegun,
    AnotherSource,
    EtlError,
    FirstRunUndecided,
    GuardTripped,
    MappingLocked,
    TableWentBack,
)


def hint_of(error: EtlError, place: Place, *, command: str) -> str | None:
    """The hint of `error`, which ended `command` on the mapping of `place`; None where the message says it all."""
    more: list[str] = []
    match error:
        case AnotherSource():
            more = [
                f"the same rows and account under another address: {place.command('state adopt')}",
                f"to begin anew: {place.command('state reset')}",
            ]
        case FirstRunUndecided():
            more = [f"to send all: {place.command('run', '--start-from', 'beginning')}"]
        case AlreadyBegun():
            more = [f"to go on: {place.command('run')}"]
        case TableWentBack():
            more = [place.command("state set", "CURSOR")]
        case GuardTripped():
            more = [
                f"to look: {place.command('run', '--dry-run', *error.again)}",
                f"to send it all the same: {place.command('run', '--ignore-guards', *error.again)}",
            ]
        case MappingLocked() if command == "run":
            more = [f"to wait: {place.command('run', '--if-locked', 'wait')}"]
        case _:
            pass
    return "; ".join([*([error.hint] if error.hint else []), *more]) or None

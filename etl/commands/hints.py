"""Completes an error by what is unknown where it is raised: the API's address, and the whole command to type next.

The rule: an error knows neither the mapping's file nor the state as it was given, so the command is added here. It
works as it is printed: where a person has to put something in, the words of the error name the command.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etl.commands.advice import MappingPlace, NextStep
from etl.errors import ApiTrouble, EtlError, GuardTripped

if TYPE_CHECKING:
    from etl.mapping.destination import Destination


def name_api(error: EtlError, destination: Destination) -> None:
    """Put the API's address into `error`, and mention a proxy of the environment that is not used."""
    if not isinstance(error, ApiTrouble):
        return
    error.name_api(destination.host_and_port)
    if error.unreached and not destination.proxy:
        from etl.api.proxy import unused_proxy

        variable = unused_proxy(destination.url, environment=os.environ)
        if variable is not None:
            told = f"{variable} is set here, but the mapping does not use it: destination.proxy: true does"
            error.hint = "; ".join([told, *([error.hint] if error.hint else [])])


def hint_of(error: EtlError, place: MappingPlace, *, command: str, again: Sequence[str] = ()) -> str | None:
    """The hint of `error`, which ended `command` on the mapping of `place`; None where the message says it all.

    again: the options of a run that say what it sends. Without them the command that is printed would send more.
    """
    given = again or (error.again if isinstance(error, GuardTripped) else ())
    more = [f"{step.text}: {step.command}" for step in more_steps(kind_of(error), place, command=command, again=given)]
    return "; ".join([*([error.hint] if error.hint else []), *more]) or None


def kind_of(error: EtlError) -> str:
    """The name of the error's kind for `more_steps`, also kept in the state."""
    return type(error).__name__


def more_steps(kind: str, place: MappingPlace, *, command: str, again: Sequence[str] = ()) -> list[NextStep]:
    """The commands after an error of `kind`, in addition to its own hint; arguments as for `hint_of`."""
    steps: list[NextStep] = []
    match kind:
        case "AnotherSource":
            steps = [
                NextStep("the same rows and account under another address", place.command("state adopt")),
                NextStep("to begin anew", place.command("state reset")),
            ]
        case "FirstRunUndecided":
            steps = [NextStep("to send all", place.command("run", "--start-from", "beginning", *again))]
        case "AlreadyBegun":
            steps = [NextStep("to go on", place.command("run", *_without_start(again)))]
        case "TableWentBack":
            steps = [
                NextStep(
                    "to read all rows again and send those that differ", place.command("state reset", "--keep-ledger")
                )
            ]
        case "GuardTripped":
            steps = [
                NextStep("to look", place.command("run", "--dry-run", *again)),
                NextStep("to send it all the same", place.command("run", "--ignore-guards", *again)),
            ]
        case "MappingLocked" if command == "run":
            steps = [NextStep("to wait", place.command("run", "--if-locked", "wait", *again))]
        case _:
            pass
    return steps


def _without_start(again: Sequence[str]) -> list[str]:
    """`again` without where to begin."""
    words = [word for word in again if word != "--yes"]
    if "--start-from" in words:
        at = words.index("--start-from")
        del words[at : at + 2]
    return words

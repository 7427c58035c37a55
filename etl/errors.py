"""Every way in which a command ends without success, grouped by what the operator has to do next.

    EtlError
    ├── UsageProblem            2   fix the call, the mapping or the configuration
    │   ├── MappingInvalid      2   the mapping file has problems; carries all of them
    │   ├── SourceMismatch      2   the mapping names a table or a column that the database does not have
    │   └── DestinationMisconfigured  2   wrong URL, TLS failure, redirect, 404: nothing is wrong with the events
    ├── TooManyFailures         3   max_failure_rate reached: the mapping is wrong, look at `status`
    ├── SourceFailed            4   the database is unreachable or a query failed: later
    ├── CredentialsRefused      5   fix the key
    ├── StoppedEarly            6   the API is unreachable, or a budget or deadline is spent: the next run goes on
    ├── MappingLocked           7   another run holds the mapping
    ├── StateUnusable           8   a person decides
    │   └── FirstRunUndecided   8   no checkpoint yet, and no --start-from
    └── Interrupted       130/143/129   a signal; the checkpoint is saved

An error's `message` says what happened and where, its `hint` what to do next. Neither holds a secret or a row's value.
Expected outcomes of single events (`etl.delivery.verdict`) and rows (`etl.transform`) are values, not errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class EtlError(Exception):
    """Root of the tree. `exit_code` is the process's (contract §4); `hint` is None when the message says it all."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageProblem(EtlError):
    """The call or the configuration is wrong; running again changes nothing."""

    exit_code = 2


class MappingInvalid(UsageProblem):
    """The mapping file has problems. `problems` holds one printable line each: `file:line:column  path: what; hint`."""

    def __init__(self, message: str, *, problems: Sequence[str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class SourceMismatch(UsageProblem):
    """The database lacks a table or column that the mapping names, or its columns changed during the run."""


class DestinationMisconfigured(UsageProblem):
    """The API's address answers, but it is not the API: redirect, 404, wrong method, TLS that does not verify."""


class TooManyFailures(EtlError):
    """`max_failure_rate` was exceeded, so the run stopped before it worked its way through the table."""

    exit_code = 3


class SourceFailed(EtlError):
    """The source database cannot be reached, refuses the login, or a query failed."""

    exit_code = 4


class CredentialsRefused(EtlError):
    """The API answered 401 or 403. The checkpoint is untouched."""

    exit_code = 5


class StoppedEarly(EtlError):
    """The run stopped cleanly before the end: API unreachable, retry budget, `--max-runtime`, `--deadline`, quota."""

    exit_code = 6


class MappingLocked(EtlError):
    """Another process runs this mapping. The message names its pid, host and start when they are known."""

    exit_code = 7


class StateUnusable(EtlError):
    """The state is missing, damaged, of another mapping or of a newer version, or cannot be written."""

    exit_code = 8


class FirstRunUndecided(StateUnusable):
    """There is no checkpoint, and nobody said where to begin."""


class Interrupted(EtlError):
    """A signal ended the run after its checkpoint was saved. `exit_code` is 128 + the signal's number."""

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number  # type: ignore[misc]  # the one error whose code depends on its cause


# With several mappings the process ends with the worst code, in this order (contract §4).
WORST_FIRST = (130, 143, 129, 1, 8, 2, 5, 4, 6, 3, 7, 0)


def worst_exit_code(codes: Sequence[int]) -> int:
    """The exit code of a process whose mappings ended with `codes`; 0 for none."""
    return min(codes, key=WORST_FIRST.index, default=0)

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
    │   └── HostRefused         6   the operating system refuses space, files, threads, locks or memory
    ├── GuardTripped            9   a guard of the mapping stopped it before anything was sent: a person decides
    ├── MappingLocked           7   another run holds the mapping
    ├── StateUnusable           8   a person decides
    │   ├── FirstRunUndecided   8   no checkpoint yet, and no --start-from
    │   ├── AlreadyBegun        8   --start-from, though there is a checkpoint
    │   ├── AnotherSource       8   the state belongs to another source or account
    │   ├── TableWentBack       8   the table was restored below the checkpoint
    │   ├── StateAway           6   its server is away or was restarted: the next run goes on
    │   └── StateRefused        6   the operating system refuses its file space or descriptors: the next run goes on
    └── Interrupted       130/143/129   a signal; the checkpoint is saved

An error's `message` says what happened and where, its `hint` what to do next. Neither holds a secret or a row's value;
only what a person typed, a key, may be in the `message`, and never in the `message_to_keep`.
`{api}` in the words of an `ApiTrouble` stands for the API's address, told where the mapping is known.
Expected outcomes of single events (`etl.verdict.judge`) and rows (`etl.transform`) are values, not errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


class EtlError(Exception):
    """Root of the tree. `exit_code` is the process's; `hint` is None when the message says it all.

    `to_keep` is the message without what a person typed, which may be an address: where there is one, the state and
    notifications hold it instead.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, to_keep: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self._to_keep = to_keep

    @property
    def message_to_keep(self) -> str:
        """The message for the state and for notifications."""
        return self.message if self._to_keep is None else self._to_keep

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the error for another process unchanged, without calling the constructor of its class."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[EtlError], args: tuple[Any, ...], values: dict[str, Any]) -> EtlError:
    made = kind.__new__(kind, *args)
    made.args = args
    made.__dict__.update(values)
    return made


class ApiTrouble(EtlError):
    """Something between here and the API. `unreached`: no connection to it came about."""

    def __init__(self, message: str, *, hint: str | None = None, unreached: bool = False) -> None:
        super().__init__(message.replace("{api}", "the API"), hint=hint)
        self.unreached = unreached
        self._words = message

    def happened_while(self, doing: str) -> None:
        """Replace the operation in the message, for another call of the API, such as `checking the credentials at`."""
        self._words = self._words.replace("sending events to", doing, 1)
        self.message = self._words.replace("{api}", "the API")

    def name_api(self, address: str) -> None:
        """Put `address` in the place of `{api}`."""
        self.message = self._words.replace("{api}", address)


class UsageProblem(EtlError):
    """The call or the configuration is wrong; running again changes nothing."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class WrongFile:
    """A file that gave no mapping. `mapping`: the name that it would have, None where that is not known.

    problems: printable lines, as `MappingInvalid` has them. words: the same ones without file, line and column.
    """

    path: Path
    mapping: str | None
    problems: tuple[str, ...]
    words: tuple[str, ...]


class MappingInvalid(UsageProblem):
    """Mapping files have problems. `problems` holds one printable line each: `file:line:column  path: what; hint`.

    `files`: those that are wrong by themselves; empty if the problem is between files, such as a name used twice.
    """

    def __init__(
        self, message: str, *, problems: Sequence[str], files: Sequence[WrongFile] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)
        self.files = tuple(files)

    def __str__(self) -> str:
        """The message and each problem, a line each: a traceback shows no more of an error than this."""
        return "\n".join((self.message, *self.problems))


class SourceMismatch(UsageProblem):
    """The database lacks a table or column that the mapping names, or its columns changed during the run."""


class DestinationMisconfigured(ApiTrouble, UsageProblem):
    """The API's address answers, but it is not the API: redirect, 404, wrong method, TLS that does not verify."""


class TooManyFailures(EtlError):
    """`max_failure_rate` was exceeded, so the run stopped before it worked its way through the table."""

    exit_code = 3


class SourceFailed(EtlError):
    """The source database cannot be reached, refuses the login, or a query failed."""

    exit_code = 4


class CredentialsRefused(ApiTrouble):
    """The API answered 401 or 403. The checkpoint is untouched."""

    exit_code = 5


class StoppedEarly(ApiTrouble):
    """The run stopped cleanly before the end: API unreachable, retry budget, `--max-runtime`, `--deadline`, quota."""

    exit_code = 6


class HostRefused(StoppedEarly):
    """The operating system refused what a run needs: space, files, threads, locks or memory."""


class GuardTripped(EtlError):
    """What a run would send is more unusual than the mapping's guards allow. Nothing was sent, the checkpoint stays.

    `again` are the options of the run, for the command that sends it all the same.
    """

    exit_code = 9

    def __init__(self, message: str, *, again: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.again = tuple(again)


class MappingLocked(EtlError):
    """Another process runs this mapping. The message names its pid, host and start when they are known."""

    exit_code = 7


class StateUnusable(EtlError):
    """The state is missing, damaged, of another mapping or of a newer version, or cannot be written."""

    exit_code = 8


class FirstRunUndecided(StateUnusable):
    """There is no checkpoint, and no `--start-from` that says where to begin."""


class AlreadyBegun(StateUnusable):
    """There is a checkpoint, and `--start-from` would leave rows out, or read them once more."""


class AnotherSource(StateUnusable):
    """The checkpoint and the ledger belong to another source or account than the mapping names."""


class TableWentBack(StateUnusable):
    """The table, or its keys, end below the checkpoint, and nothing shows that a run may go on."""


class StateAway(StateUnusable):
    """The state's server went away, or is not there yet: it was restarted, or the network to it is down."""

    exit_code = 6


class StateRefused(StateUnusable):
    """The operating system refused what the state's file needs: space, or a descriptor."""

    exit_code = 6


class Interrupted(EtlError):
    """A signal ended the run after its checkpoint was saved. `exit_code` is 128 + the signal's number."""

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number  # type: ignore[misc]  # the one error whose code depends on its cause


@dataclass(frozen=True, slots=True)
class ExitCode:
    """An exit code: what it means, and what a scheduler should do.

    `goes_on`: the run stopped cleanly before its end, so a scheduler may count it as a success. `for_person`:
    another attempt changes nothing before a person has done something.
    """

    meaning: str
    scheduler: str
    goes_on: bool = False
    for_person: bool = False


EXIT_CODES = {
    0: ExitCode('done; also "nothing to do"', "nothing"),
    1: ExitCode("a bug: a traceback, please report it", "page"),
    2: ExitCode("usage, mapping or configuration is wrong", "fix it", for_person=True),
    3: ExitCode("done, but some rows are invalid or rejected; or their rate stopped the run", "look at `status`"),
    4: ExitCode("the source database is out of reach, or a query failed", "later"),
    5: ExitCode("the API refused the credentials; the checkpoint is untouched", "fix the key", for_person=True),
    6: ExitCode(
        "stopped early: API away, retry budget, --max-runtime, --deadline, host out of space, files or threads",
        "nothing: the next run goes on",
        goes_on=True,
    ),
    7: ExitCode("another run holds the mapping", "nothing"),
    8: ExitCode(
        "the state is missing, damaged, of another mapping or of a newer version", "a person decides", for_person=True
    ),
    9: ExitCode(
        "a guard stopped it before anything was sent",
        "look at the dry run, then --ignore-guards or correct the source",
        for_person=True,
    ),
    **dict.fromkeys((129, 130, 143), ExitCode("interrupted by a signal; the checkpoint is saved", "nothing")),
}
# With several mappings the process ends with the worst code, in this order. Signals are intended, so they come after
# the codes that need a person.
WORST_FIRST = (1, 8, 9, 2, 5, 4, 143, 130, 129, 6, 3, 7, 0)


def worst_exit_code(codes: Sequence[int], *, fine: frozenset[int] = frozenset()) -> int:
    """The exit code of a process whose mappings ended with `codes`; 0 for none. Those that are `fine` count as 0."""
    return min((code for code in codes if code not in fine), key=WORST_FIRST.index, default=0)

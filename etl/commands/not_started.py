"""Records in the state that a call of `run` was refused before it began, so that `status` can report it.

The rule: nothing here creates a state, or stops or fails a run; text that a person typed is not stored.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.checkpoint import DEFAULT_STATE
from etl.errors import EtlError, MappingInvalid, StateUnusable, UsageProblem
from etl.host.system_clock import SystemClock
from etl.screen.wording import first_of
from etl.state.not_started import NotStarted
from etl.state.store import StateStore, open_state, state_exists

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

LOG = logging.getLogger(__name__)
_MAPPING_FILES = (".yaml", ".yml")
_NO_FILE = "MAPPING…: it names what is no file or folder"


@contextmanager
def refusals_noted(paths: Sequence[Path], state: str) -> Iterator[None]:
    """Note in `state`, where there is one, what refuses the call on `paths` within this block."""
    try:
        yield
    except (UsageProblem, click.UsageError) as error:
        note_refusal(paths, state, error)
        raise


def note_refusal(paths: Sequence[Path], state: str, error: UsageProblem | click.UsageError) -> None:
    """Note in `state`, where there is one, that the call on `paths` was refused by `error`."""
    if isinstance(error, MappingInvalid) and error.files:
        _in_state(state, lambda store: note_begun(store, Begun(paths, invalid=error)))
        return
    if isinstance(error, MappingInvalid):
        message, hint = first_of(error.problems) or error.message, error.hint
    elif isinstance(error, UsageProblem):
        message, hint = error.message_to_keep, error.hint
    else:
        message, hint = _mistake(error), None

    def note(store: StateStore) -> None:
        known = store.not_started
        known.note([known.refusal("", _absolute(paths), message=message, hint=hint or "")])

    _in_state(state, note)


def note_mistyped(arguments: Sequence[str], error: UsageProblem | click.UsageError) -> None:
    """The same for a command line that could not be parsed, so its paths and its state have to be searched for."""
    if {"--dry-run", "--key", "-h", "--help"} & {one.partition("=")[0] for one in arguments}:
        return
    # An argument that is no existing path may be anything, even a misplaced secret.
    paths = [Path(one) for one in arguments if not one.startswith("-") and _is_of_mappings(Path(one))]
    note_refusal(paths, _state_in(arguments), error)


@dataclass(frozen=True, slots=True)
class Begun:
    """A call of `run` on `paths` that begins.

    mappings: those that it runs. others: those left to other shards. invalid: the errors of files that gave no mapping.
    """

    paths: Sequence[Path]
    mappings: Sequence[Mapping] = ()
    others: Sequence[Mapping] = ()
    invalid: MappingInvalid | None = None


def note_begun(store: StateStore, call: Begun) -> None:
    """Note which files of `call` are wrong; remove the notes of mappings that it runs, and of its other files."""
    try:
        refused = _refused(store, call)
        _end_notes(store, call)
        if refused:
            store.not_started.note(refused)
    except StateUnusable as trouble:
        _warn(trouble)


def _refused(store: StateStore, call: Begun) -> list[NotStarted]:
    known, named = store.not_started, _absolute(call.paths)
    files = () if call.invalid is None else call.invalid.files
    found = [
        known.refusal(file.mapping or str(file.path), named, message=first_of(file.problems), hint="")
        for file in files
        if file.path.exists()
    ]
    if len(found) < len(files):
        # Its name may be anything, a secret in the wrong place too.
        found.append(known.refusal("", named, message=_NO_FILE, hint=""))
    return found


def _end_notes(store: StateStore, call: Begun) -> None:
    wrong = () if call.invalid is None else call.invalid.files
    running = {one.name for one in call.mappings}
    elsewhere = {one.name for one in call.others} | {one.mapping or str(one.path) for one in wrong}
    named = {path.resolve() for path in call.paths}
    # Each that is wrong has a note of its own by now.
    begun = {*(one.path.resolve() for one in call.mappings), *(one.path.resolve() for one in wrong)}
    all_files = begun | {one.path.resolve() for one in call.others}

    def after(note: NotStarted) -> NotStarted | None:
        paths = [Path(path).resolve() for path in note.paths]
        there = [path for path in paths if path.exists()]
        if note.mapping:
            # The path is gone, and all others of that earlier call are part of this one.
            gone = bool(running or call.others) and note.mapping not in elsewhere
            known = [path for path in paths if path in named or (path in there and _files(path) <= all_files)]
            return None if note.mapping in running or (gone and known and {*there} <= {*known}) else note
        since = {Path(one) for one in note.begun} | begun
        # Where nothing runs, the notes of the files stand for that of the same call.
        if wrong and {*paths} == named and not call.others:
            return None
        if not running:
            return note
        if all(_files(path) <= since and (_files(path) or path in named) for path in there):
            return None
        return replace(
            note, begun=tuple(sorted(str(one) for one in since if any(one in _files(path) for path in there)))
        )

    store.not_started.revise(after)


def _files(path: Path) -> set[Path]:
    """The mapping files that `path`, which exists, stands for."""
    from etl.commands.loading import mapping_files  # a call that cannot be read needs no pydantic

    try:
        return {one.resolve() for one in mapping_files([path])}
    except UsageProblem:
        return set()


def note_begun_in(state: str, call: Begun) -> None:
    """The same with the state at `state`, where there is one."""
    _in_state(state, lambda store: note_begun(store, call))


def _in_state(state: str, work: Callable[[StateStore], None]) -> None:
    clock = SystemClock()
    try:
        if not state_exists(state):
            return
        with open_state(state, clock=clock, write=False) as looked:
            if not looked.found:  # a server that holds no state gets none for this
                return
        with open_state(state, clock=clock, write=True) as store:
            work(store)
    except EtlError as trouble:
        _warn(trouble)


def _warn(trouble: EtlError) -> None:
    LOG.warning("that a call was refused, or no longer is, could not be kept: %s", trouble.message_to_keep)


def _mistake(error: click.UsageError) -> str:
    """What is wrong with a call, without what was typed."""
    match error:
        case click.NoSuchOption():
            plain = re.fullmatch("--?[a-z-]+", error.option_name)
            return f"there is no option {error.option_name}" if plain else "there is no such option"
        case click.MissingParameter() if error.param is not None:
            return f"{_named(error.param)} is missing"
        case click.BadParameter() if isinstance(error.param, click.Argument):
            return _NO_FILE
        case click.BadParameter() if error.param is not None:
            return f"{_named(error.param)}: what is given is not as it should be"
        case _:
            return error.message


def _named(parameter: click.Parameter) -> str:
    return parameter.opts[-1] if isinstance(parameter, click.Option) else "MAPPING…"


def _state_in(arguments: Sequence[str]) -> str:
    """`--state` of a command line that could not be read; else what the environment says."""
    for at, word in enumerate(arguments):
        name, given, value = word.partition("=")
        if name == "--state":
            return value if given else "".join(arguments[at + 1 : at + 2])
    return os.environ.get("SQUEEZELY_ETL_STATE") or DEFAULT_STATE


def _is_of_mappings(path: Path) -> bool:
    return path.is_dir() or (path.suffix in _MAPPING_FILES and path.exists())


def _absolute(paths: Sequence[Path]) -> list[str]:
    return [str(path.absolute()) for path in paths if path.exists()]

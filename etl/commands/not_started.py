"""Keeps in the state that a call of `run` was refused before anything of it began, for `status` to tell.

The rule: nothing here makes a state, stops a run, or is a reason to fail; what a person typed is not kept.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.checkpoint import DEFAULT_STATE
from etl.errors import EtlError, MappingInvalid, StateUnusable, UsageProblem
from etl.host.system_clock import SystemClock
from etl.screen.wording import first_of
from etl.state.not_started import subject_of_call, subject_of_mapping
from etl.state.store import StateStore, open_state, state_exists

if TYPE_CHECKING:
    from etl.mapping.model import Mapping

LOG = logging.getLogger(__name__)
_MAPPING_FILES = (".yaml", ".yml")


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
        _in_state(state, lambda store: note_begun(store, paths, (), error))
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
    """The same for a command line that could not be read, so that its paths and its state have to be looked for."""
    if {"--dry-run", "--key", "-h", "--help"} & {one.partition("=")[0] for one in arguments}:
        return
    # What is not there may be anything, a secret in the wrong place too.
    paths = [Path(one) for one in arguments if not one.startswith("-") and _is_of_mappings(Path(one))]
    note_refusal(paths, _state_in(arguments), error)


def note_begun(
    store: StateStore, paths: Sequence[Path], mappings: Sequence[Mapping], invalid: MappingInvalid | None
) -> None:
    """Note which files of the call on `paths` are wrong; what was noted of the call and of `mappings` is over."""
    try:
        _note_begun(store, paths, mappings, invalid)
    except StateUnusable as trouble:
        _warn(trouble)


def _note_begun(
    store: StateStore, paths: Sequence[Path], mappings: Sequence[Mapping], invalid: MappingInvalid | None
) -> None:
    known, named = store.not_started, _absolute(paths)
    refused = [
        known.refusal(file.mapping or str(file.path), named, message=first_of(file.problems), hint="")
        for file in (() if invalid is None else invalid.files)
    ]
    subjects = {one.subject for one in refused}
    over = [one.subject for one in known.listed() if sorted(one.paths) == sorted(named)]
    over += [subject_of_call(named), *(subject_of_mapping(one.name) for one in mappings)]
    known.forget(one for one in over if one not in subjects)
    if refused:
        known.note(refused)


def note_begun_in(
    state: str, paths: Sequence[Path], mappings: Sequence[Mapping], invalid: MappingInvalid | None
) -> None:
    """The same with the state at `state`, where there is one."""
    _in_state(state, lambda store: note_begun(store, paths, mappings, invalid))


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
            return f"{_named(error.param)}: it names what is no file or folder"
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
    return [str(path.absolute()) for path in paths]

"""The names of what a mapping takes from its surroundings, found without looking at any value.

The rule: the mapping is loaded with an environment that knows nothing, so nothing secret can be read, let alone shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from etl.deploy.plan import Variable
from etl.errors import MappingInvalid
from etl.mapping.load import load_mapping

_WITH_DEFAULT = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*):-")


@dataclass(frozen=True, slots=True)
class Needs:
    """`names` of the mappings, `variables` they use, `secret_files` of `${file:…}` and their own steps, each once."""

    names: tuple[str, ...]
    variables: tuple[Variable, ...]
    secret_files: tuple[PurePath, ...]
    own_steps: tuple[Path, ...]


def needs_of(files: Iterable[Path], *, access_needed: bool = True) -> Needs:
    """What the mapping `files` need; `access_needed` False: without the account and its key.

    Raises `MappingInvalid` with the problems of all of them.
    """
    asked = _Asked()
    names: list[str] = []
    problems: list[str] = []
    with_default: set[str] = set()
    for file in files:
        try:
            mapping = load_mapping(
                file,
                environment=asked,
                read_file=asked.reader_of(file),
                resolve_variables=False,
                access_needed=access_needed,
            )
            names.append(mapping.name)
        except MappingInvalid as error:
            problems.extend(error.problems or (f"{file}: {error.message}",))
            continue
        with_default.update(name.decode() for name in _WITH_DEFAULT.findall(file.read_bytes()))
    if problems:
        raise MappingInvalid("a unit is only written for mappings that can run", problems=problems)
    return Needs(
        names=tuple(names),
        variables=tuple(Variable(name, name in with_default) for name in asked.variables),
        secret_files=tuple(asked.files),
        own_steps=tuple(asked.own_steps),
    )


class _Asked(Mapping[str, str]):
    """An environment in which nothing is set, and which remembers what it was asked for."""

    def __init__(self) -> None:
        self.variables: dict[str, None] = {}
        self.files: dict[PurePath, None] = {}
        self.own_steps: dict[Path, None] = {}

    def reader_of(self, mapping: Path) -> _Reader:
        return _Reader(mapping, self)

    def __getitem__(self, name: str) -> str:
        self.variables[name] = None
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class _Reader:
    mapping: Path
    asked: _Asked

    def __call__(self, path: Path) -> bytes:
        if path == self.mapping:
            return path.read_bytes()
        if path.parent == self.mapping.parent and path.suffix == ".py":
            # Its own steps; no secret is kept in such a file.
            self.asked.own_steps[path] = None
            return path.read_bytes()
        self.asked.files[path] = None
        raise FileNotFoundError(path)

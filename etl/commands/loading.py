"""Finds mapping files and loads them, without importing what only a run needs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Self

from etl.errors import MappingInvalid, UsageProblem
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping
from etl.screen.wording import counted


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of a call's mappings for one of `count` parallel calls; `index` counts from 0."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`I/N`. Raises ValueError with words for a person."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if found is None:
            raise ValueError("write it as I/N, such as 0/4")
        index, count = int(found[1]), int(found[2])
        if index >= count:
            raise ValueError("I counts from 0, so it is less than N")
        return cls(index, count)

    def of(self, mappings: Sequence[Mapping]) -> list[Mapping]:
        """The mappings of this shard, chosen by their names only, so that a new mapping does not move others."""
        return [one for one in mappings if _number(one.name) % self.count == self.index]


def _number(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big")


def mapping_files(paths: Sequence[Path]) -> list[Path]:
    """The mapping files among `paths`: files as they are, of folders every *.yaml and *.yml in order but hidden ones.

    Raises `UsageProblem` when a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        # Beside a mapping editors leave a .#name.yaml, and macOS a ._name.yaml.
        found = sorted(
            child for child in path.iterdir() if child.suffix in (".yaml", ".yml") and not child.name.startswith(".")
        )
        if not found:
            raise UsageProblem(f"{path}: no mapping file in this folder", hint="mapping files end in .yaml")
        files.extend(found)
    return files


def load_each(
    paths: Sequence[Path],
    *,
    resolve_variables: bool = True,
    access_needed: bool = True,
    read_file: Callable[[Path], bytes] = Path.read_bytes,
) -> Iterator[tuple[Path, Mapping | MappingInvalid]]:
    """Yield each mapping file of `paths` with its mapping, or with all of its problems."""
    for file in mapping_files(paths):
        try:
            yield (
                file,
                load_mapping(
                    file,
                    environment=os.environ,
                    read_file=read_file,
                    resolve_variables=resolve_variables,
                    access_needed=access_needed,
                ),
            )
        except MappingInvalid as error:
            yield file, error


def load(paths: Sequence[Path], *, resolve_variables: bool = True, access_needed: bool = True) -> list[Mapping]:
    """Load every mapping of `paths`. Raises `MappingInvalid` with the problems of all files at once."""
    mappings, invalid = load_good(paths, resolve_variables=resolve_variables, access_needed=access_needed)
    if invalid is not None:
        raise invalid
    return mappings


def load_good(
    paths: Sequence[Path], *, resolve_variables: bool = True, access_needed: bool = True
) -> tuple[list[Mapping], MappingInvalid | None]:
    """Load the mappings of `paths` that are right; of the others one error with the problems of all (None: no other).

    Raises `MappingInvalid` when two have one name: it cannot be told which of them the checkpoint belongs to.
    """
    loaded = list(load_each(paths, resolve_variables=resolve_variables, access_needed=access_needed))
    mappings = [mapping for _, mapping in loaded if isinstance(mapping, Mapping)]
    errors = [error for _, error in loaded if isinstance(error, MappingInvalid)]
    files_of: dict[str, list[str]] = {}
    for mapping in mappings:
        files_of.setdefault(mapping.name, []).append(str(mapping.path))
    twice = [
        f"{', '.join(files)}: name: {name} is used twice; a name is one checkpoint"
        for name, files in files_of.items()
        if len(files) > 1
    ]
    problems = [line for error in errors for line in error.problems] + twice
    invalid = None
    if problems:
        wrong = len(errors) + sum(len(files) for files in files_of.values() if len(files) > 1)
        where = f"{wrong} of {counted(len(loaded), 'mapping file')}" if len(loaded) > 1 else "the mapping file"
        # If another file already has the name, it is unknown whether it is this file's.
        files = [
            replace(file, mapping=None) if file.mapping in files_of else file
            for error in errors
            for file in error.files
        ]
        invalid = MappingInvalid(f"{counted(len(problems), 'problem')} in {where}", problems=problems, files=files)
    if twice and invalid is not None:
        raise invalid
    return mappings, invalid

"""Finds mapping files and loads them, without importing what only a run needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from etl.errors import MappingInvalid, UsageProblem
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping


def mapping_files(paths: Sequence[Path]) -> list[Path]:
    """The mapping files among `paths`: files as they are, of folders every *.yaml and *.yml in order.

    Raises `UsageProblem` when a folder holds none.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = sorted(child for child in path.iterdir() if child.suffix in (".yaml", ".yml"))
        if not found:
            raise UsageProblem(f"{path}: no mapping file in this folder", hint="mapping files end in .yaml")
        files.extend(found)
    return files


def load_each(
    paths: Sequence[Path], *, resolve_variables: bool = True
) -> Iterator[tuple[Path, Mapping | MappingInvalid]]:
    """Yield each mapping file of `paths` with its mapping, or with all of its problems."""
    for file in mapping_files(paths):
        try:
            yield (
                file,
                load_mapping(
                    file, environment=os.environ, read_file=Path.read_bytes, resolve_variables=resolve_variables
                ),
            )
        except MappingInvalid as error:
            yield file, error


def load(paths: Sequence[Path], *, resolve_variables: bool = True) -> list[Mapping]:
    """Load every mapping of `paths`. Raises `MappingInvalid` with the problems of all files at once."""
    loaded = list(load_each(paths, resolve_variables=resolve_variables))
    mappings = [mapping for _, mapping in loaded if isinstance(mapping, Mapping)]
    problems = [line for _, error in loaded if isinstance(error, MappingInvalid) for line in error.problems]
    files_of: dict[str, list[str]] = {}
    for mapping in mappings:
        files_of.setdefault(mapping.name, []).append(str(mapping.path))
    problems.extend(
        f"{', '.join(files)}: name: {name} is used twice; a name is one checkpoint"
        for name, files in files_of.items()
        if len(files) > 1
    )
    if problems:
        raise MappingInvalid(f"{len(problems)} problem(s) in {len(loaded)} mapping file(s)", problems=problems)
    return mappings

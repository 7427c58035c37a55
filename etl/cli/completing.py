"""What a shell offers for MAPPING and for `--reason`.

The rule: it imports nothing slow, changes nothing, and offers only what it can find.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from etl.cli.mistakes import begun_or_nearest
from etl.secret import variable_in

_MAPPING_FILES = (".yaml", ".yml")


# The URL of a database, also without its scheme: it may hold a password.
URL_LIKE = re.compile(r"://|:.*@", re.DOTALL)


class MappingPath(click.Path):
    """A mapping file or a folder of them (`one_file`: not a folder); completed as far as folders lead to one.

    A mistyped one gets the nearest name beside it.
    """

    def __init__(self, *, one_file: bool = False) -> None:
        super().__init__(path_type=Path, dir_okay=not one_file)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The path of `value`, which exists."""
        path = Path(str(value))
        if not path.exists() and URL_LIKE.search(str(value)):
            self.fail("a URL stands here where a mapping file belongs", param, ctx)
        if not path.exists() and (variable := variable_in(str(value), os.environ)) is not None:
            self.fail(f"there is no file or folder of what is given, which holds the value of {variable}", param, ctx)
        if not path.exists():
            beside = path.parent
            names = [each.name for each in beside.iterdir()] if beside.is_dir() else []
            near = begun_or_nearest(path.name, names)
            guess = f"; did you mean `{beside / near}`?" if near else ""
            self.fail(f"there is no file or folder {path}{guess}", param, ctx)
        if path.is_dir() and not self.dir_okay:
            self.fail(f"{path} is a folder; this takes one mapping file", param, ctx)
        return path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The folders and mapping files that begin with `incomplete`."""
        del ctx, param
        found = list(_beginning_with(incomplete))
        while len(found) == 1 and found[0].endswith(os.sep):
            # A shell completes a word with a single candidate; offering the folder's contents keeps it open.
            inside = list(_beginning_with(found[0]))
            if not inside:
                break
            found = ([found[0]] if self.dir_okay and any(map(_is_mapping, inside)) else []) + inside
        return [CompletionItem(one) for one in found]


def complete_reason(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The reasons of open dead letters in the state; every known code when there is none to be seen."""
    from etl.mapping.problem_codes import PROBLEMS
    from etl.state.dead_letters import open_reasons

    del param
    reasons = open_reasons(str(ctx.params.get("state") or "")) or sorted(PROBLEMS)
    return [
        CompletionItem(code, help=PROBLEMS[code].meaning if code in PROBLEMS else None)
        for code in reasons
        if code.startswith(incomplete)
    ]


def _beginning_with(incomplete: str) -> Iterator[str]:
    folder, _, name = incomplete.rpartition(os.sep)
    prefix = incomplete[: len(incomplete) - len(name)]
    try:
        children = sorted(Path(folder or (os.sep if prefix else ".")).expanduser().iterdir())
    except OSError:
        return
    for child in children:
        if not child.name.startswith(name) or (child.name.startswith(".") and not name.startswith(".")):
            continue
        if child.is_dir():
            yield f"{prefix}{child.name}{os.sep}"
        elif _is_mapping(child.name):
            yield prefix + child.name


def _is_mapping(name: str) -> bool:
    return name.endswith(_MAPPING_FILES)

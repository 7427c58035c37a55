"""Every command explains itself on a narrow terminal, and its example can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from etl.cli.commands import squeezely_etl


def commands(group: click.Group = squeezely_etl, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [(), *commands()], ids=" ".join)
def test_help_reads_well_at_80_columns_and_ends_with_an_example(office: Any, path: tuple[str, ...]) -> None:
    ended = office.call(*path, "--help", columns=80)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"Usage: {' '.join(['squeezely-etl', *path])} ")
    assert max(map(len, lines)) <= 80
    assert "..." not in ended.out.partition("\n\n")[2], "no sentence is cut off"
    *_, heading, example = lines
    assert heading == ("Example:" if path else "Start with:")
    assert example.startswith(f"  {' '.join(['squeezely-etl', *path])} ")


def test_the_pages_that_the_help_names_are_there(office: Any) -> None:
    """In a checkout; `tests/docs/test_citations.py` looks at those of the wheel."""
    named = re.findall(r"[\w/-]+\.md", office.call("--help").out)
    assert len(named) == 2
    assert [name for name in named if not (Path(__file__).parents[2] / name).exists()] == []


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_example_is_a_call_that_the_command_takes(office: Any, path: tuple[str, ...]) -> None:
    for name in ("customers", "orders"):
        (office.folder / "mappings").mkdir(exist_ok=True)
        (office.folder / "mappings" / f"{name}.yaml").touch()
    command: click.Command = squeezely_etl
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    if isinstance(command, click.Group):
        command, path = command.commands["show"], (*path, "show")
    words = shlex.split((command.epilog or "").removeprefix("Example: ").partition(" > ")[0])
    assert words[: 1 + len(path)] == ["squeezely-etl", *path]
    with command.make_context(" ".join(path), words[1 + len(path) :]) as context:
        assert context.args == []


def test_a_mistyped_command_of_a_state_has_help_too(office: Any) -> None:
    assert office.call("state").code == 2

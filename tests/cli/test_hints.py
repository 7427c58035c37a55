"""Every command that a hint or an advice prints exists, with its options: what is printed can be pasted."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import etl
from etl.cli.commands import squeezely_etl
from etl.commands.advice import WITHOUT_STATE, MappingPlace, shell_line
from etl.commands.hints import hint_of
from etl.errors import (
    AlreadyBegun,
    EtlError,
    FirstRunUndecided,
    GuardTripped,
    Interrupted,
    MappingInvalid,
    MappingLocked,
)
from etl.exact import printable
from etl.page import Column
from etl.source.key_text import parse_key

PACKAGE = Path(etl.__file__).parent
FUNCTIONS = ("command", "shell_line")
STATE = squeezely_etl.commands["state"]
assert isinstance(STATE, click.Group)
COMMANDS = {**squeezely_etl.commands, **{f"state {name}": each for name, each in STATE.commands.items()}}
NAMES = "|".join(sorted(COMMANDS, key=len, reverse=True))
# A command with its options, within a sentence or alone.
WRITTEN = re.compile(rf"(?<![\w.-])(?<!docker )({NAMES})((?: (?:--?[a-z][a-z-]*|[\w./…-]+))*? --[a-z][a-z-]*)+")
# The program with a word after it that is not the next one of a sentence.
PROGRAM = re.compile(r"squeezely-etl (?!(?:runs|ended|and|mapping)\b)([a-z]+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def options_of(command: click.Command) -> set[str]:
    return {"--help", *(flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts))}


EVERY_OPTION = {"--version"}.union(*map(options_of, COMMANDS.values()))


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The texts of a module but its docstrings, with X where a value is put in."""
    held = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in held | alone:
            yield node.lineno, node.value


def wrong_in(text: str) -> list[str]:
    """The commands and options that `text` names and that do not exist."""
    wrong = [f"squeezely-etl {name}" for name in PROGRAM.findall(text) if name not in squeezely_etl.commands]
    for found in WRITTEN.finditer(text):
        missing = set(OPTION.findall(found[0])) - options_of(COMMANDS[found[1]])
        wrong += [f"{found[1]} {option}" for option in sorted(missing)]
    return wrong


def calls(tree: ast.AST) -> Iterator[tuple[int, str, list[str]]]:
    """`Place.command("run", "--dry-run")` and its like: line, command, options."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            words = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            declares = any(keyword.arg == "cls" for keyword in node.keywords)
            if name in FUNCTIONS and not declares and isinstance(node.args[0], ast.Constant) and words:
                yield node.lineno, words[0], [word for word in words[1:] if word.startswith("--")]


def modules() -> Iterator[tuple[str, ast.AST]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield str(file.relative_to(PACKAGE)), ast.parse(file.read_text(encoding="utf-8"))


def test_every_command_that_a_text_names_exists_with_its_options() -> None:
    seen, wrong = 0, []
    for name, tree in modules():
        for line, text in texts(tree):
            seen += len(WRITTEN.findall(text)) + len(PROGRAM.findall(text))
            wrong += [f"{name}:{line}: {each}" for each in wrong_in(text)]
    assert wrong == []
    assert seen > 30


def test_every_command_that_is_put_together_exists_with_its_options() -> None:
    found = [(name, *call) for name, tree in modules() for call in calls(tree)]
    assert len(found) > 20
    assert [(name, line, words) for name, line, words, _ in found if words not in COMMANDS] == []
    assert [each for each in found if not set(each[3]) <= options_of(COMMANDS[each[2]])] == []


def test_a_wrong_command_would_be_seen() -> None:
    assert wrong_in("call validate --conect first") == ["validate --conect"]
    assert wrong_in("squeezely-etl state show m.yaml --jes; squeezely-etl rerun m.yaml") == [
        "squeezely-etl rerun",
        "state show --jes",
    ]


def every_error(kind: type[EtlError] = EtlError) -> Iterator[EtlError]:
    for each in kind.__subclasses__():
        yield from every_error(each)
    if issubclass(kind, MappingInvalid):
        yield kind("words", problems=())
    elif issubclass(kind, Interrupted):
        yield kind("words", signal_number=2)
    elif issubclass(kind, GuardTripped):
        yield kind("words", again=("--full-refresh", "--limit", "5"))
    else:
        yield kind("words")


AGAIN = {
    MappingLocked: ("run m.yaml --if-locked wait --key 1 --limit 5", ("--key", "1", "--limit", "5")),
    FirstRunUndecided: ("run m.yaml --start-from beginning --limit 5", ("--limit", "5")),
    AlreadyBegun: ("run m.yaml --limit 5", ("--start-from", "beginning", "--limit", "5", "--yes")),
    GuardTripped: ("run m.yaml --ignore-guards --full-refresh --limit 5", ("--full-refresh", "--limit", "5")),
}


@pytest.mark.parametrize("kind", AGAIN, ids=lambda kind: kind.__name__)
def test_a_command_that_is_printed_sends_no_more_than_what_was_called(kind: type[EtlError]) -> None:
    line, again = AGAIN[kind]
    hint = hint_of(kind("words"), MappingPlace(Path("m.yaml"), ("id",)), command="run", again=again)
    assert f"squeezely-etl {line}" in re.split(": |; ", hint or "")


@pytest.mark.parametrize("state", [".etl/state.sqlite", "elsewhere/my state.sqlite", "postgresql://eva:secret@host/db"])
def test_what_an_error_prints_is_taken_by_the_command_line(tmp_path: Path, state: str) -> None:
    """Each is read as a shell and then the program would read it, with a file whose name has a space and a quote."""
    file = tmp_path / "eva's customers.yaml"
    file.touch()
    place = MappingPlace(file, ("id",), state)
    printed = [
        found
        for error in every_error()
        for found in re.findall(r"squeezely-etl [^;]+", hint_of(error, place, command="run") or "")
    ]
    assert len(printed) >= 8
    for line in printed:
        assert "secret" not in line
        _, *words = shlex.split(line)
        with squeezely_etl.make_context("squeezely-etl", list(words), resilient_parsing=False) as context:
            name, command, rest = squeezely_etl.resolve_command(context, words)
            if isinstance(command, click.Group):
                name, command, rest = command.resolve_command(context, rest)
            assert command is not None
            command.make_context(name, rest, parent=context)


def test_a_state_is_given_to_the_commands_that_take_one_and_to_no_other() -> None:
    """`preview --state` would be refused, when it is pasted."""
    without = {name for name, command in COMMANDS.items() if "--state" not in options_of(command)}
    # `state` alone is a group, and `state copy` names two states.
    assert without - {"state", "state copy"} == WITHOUT_STATE
    assert (
        shell_line("preview", "m.yaml", "--invalid", state="other.sqlite") == "squeezely-etl preview m.yaml --invalid"
    )
    assert shell_line("run", "m.yaml", state="other.sqlite") == "squeezely-etl run m.yaml --state other.sqlite"


ODD_KEYS = (
    *("4711", "two\nlines", "it's \\ a\ttab", "a b;rm -rf $HOME`id`", "é\u202e\x1b[31m", "\U0001f600\n", "-9", "id=7"),
    b"\x00\xff",
)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "of two"])
@pytest.mark.parametrize("value", ODD_KEYS, ids=repr)
def test_a_key_that_is_printed_is_the_key_that_a_shell_gives_back(value: str | bytes, *, alone: bool) -> None:
    """On one line, without a character that could steer the terminal, and never read as an option."""
    kind = "bytes" if isinstance(value, bytes) else "text"
    columns = [Column("id", kind), *([] if alone else [Column("shop", "integer")])]
    key = (value,) if alone else (value, 3)
    place = MappingPlace(Path("m.yaml"), tuple(column.name for column in columns))
    line = place.command("explain", place.key_argument(key))
    assert printable(line) == line
    script = line.replace("squeezely-etl", "printf '%s\\0'", 1)
    printed = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    *before, last = printed.removesuffix(b"\0").split(b"\0")
    assert before == [b"explain", b"m.yaml"]
    assert not last.startswith(b"-")
    assert parse_key(last.decode(), columns)[0] == key

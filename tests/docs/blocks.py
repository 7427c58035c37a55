"""The generated blocks of the pages, from the code that they describe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from etl import errors
from etl.cli.commands import squeezely_etl
from etl.mapping.catalogue import FIELDS, PROBLEMS, PRODUCT_FIELDS, STEPS, TYPES
from etl.verdict.judge import VERDICTS

# Of a line of a page.
WIDTH = 140


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table, whose first row is its head; a list where a row is too long for a line of the page."""
    head, *rest = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(" --- " for _ in head) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rest]
    return "\n".join(lines) if max(map(len, lines)) <= WIDTH + 20 else listing(*rest)


def listing(*rows: tuple[str, ...]) -> str:
    """A Markdown list of rows, whose first cell is what each is about."""
    wrapped = (
        textwrap.wrap(
            f"* {row[0]}: {'; '.join(cell for cell in row[1:] if cell)}",
            WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for row in rows
    )
    return "\n".join(line for lines in wrapped for line in lines)


@dataclass(frozen=True)
class OptionRow:
    """What the README says of an option. `default` is "" where there is none; `variable` is the one that is read."""

    command: str
    flags: str
    default: str
    what: str
    variable: str


def results() -> str:
    """The benchmarks' results, as `make bench` and `make bench-peers` wrote them."""
    folder = Path(__file__).parents[1] / "benchmarks"
    written = [folder / f"results{name}.md" for name in ("", "-latency", "-start", "-growth", "-peers")]
    texts = "\n".join(file.read_text(encoding="utf-8") for file in written if file.exists())
    return "\n".join(_within(line) for line in texts.splitlines())


def _within(line: str) -> str:
    return line if line.startswith("|") else textwrap.fill(line, WIDTH)


def exit_codes() -> str:
    """Every exit code."""
    alike: dict[errors.ExitCode, list[str]] = {}
    for code, entry in errors.EXIT_CODES.items():
        alike.setdefault(entry, []).append(str(code))
    rows = [(", ".join(codes), entry.meaning, entry.scheduler) for entry, codes in alike.items()]
    return table(("code", "meaning", "what a scheduler does"), *rows)


def options() -> str:
    """The options of single commands."""
    rows = [
        (f"`{row.command}`", row.flags, row.default, row.what) for alike in _alike() for row in alike if len(alike) == 1
    ]
    return table(("command", "option", "default", "what it does"), *sorted(rows, key=lambda row: row[0]))


def shared_options() -> str:
    """The options that are the same in several commands, each once."""
    everywhere = {row.command for row in option_rows()}
    rows = [
        (first.flags, first.default, _among([row.command for row in alike], everywhere), first.what)
        for alike in _alike()
        if len(alike) > 1
        for first in alike[:1]
    ]
    return table(("option", "default", "of", "what it does"), *rows)


def _among(commands: list[str], everywhere: set[str]) -> str:
    missing = sorted(everywhere - set(commands))
    if not missing:
        return "every command"
    listed = ", ".join(f"`{one}`" for one in (missing if len(missing) <= 3 else commands))
    return f"all but {listed}" if len(missing) <= 3 else listed


def _alike() -> Iterator[list[OptionRow]]:
    found: dict[tuple[str, str, str], list[OptionRow]] = {}
    for row in option_rows():
        found.setdefault((row.flags, row.default, row.what), []).append(row)
    yield from found.values()


def option_rows() -> Iterator[OptionRow]:
    """Every option of every command, commands in order."""
    for name, command in sorted(squeezely_etl.commands.items()):
        yield from _options_of(name, command)


def _options_of(name: str, command: click.Command) -> Iterator[OptionRow]:
    if isinstance(command, click.Group):
        for inner, sub in sorted(command.commands.items()):
            yield from _options_of(f"{name} {inner}", sub)
        return
    prefix = f"SQUEEZELY_ETL_{name.replace(' ', '_').upper()}"
    for option in command.params:
        if isinstance(option, click.Option):
            default = option.default if isinstance(option.default, (str, int, Path)) and not option.is_flag else ""
            yield OptionRow(
                command=name,
                flags=", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts)) + _values(option),
                default=f"`{default}`" if default != "" else "",
                what=option.help or "",
                variable=option.envvar if isinstance(option.envvar, str) else f"{prefix}_{(option.name or '').upper()}",
            )


def _values(option: click.Option) -> str:
    if option.is_flag:
        return ""
    choices = "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ""
    return f" {choices or option.metavar or option.type.name.upper()}"


def commands() -> str:
    """Each command with its line of help."""
    rows = [("command", "does")]
    rows += [
        (f"`{name}`", command.get_short_help_str(limit=200)) for name, command in sorted(squeezely_etl.commands.items())
    ]
    return table(*rows)


def verdicts() -> str:
    """Every kind of answer and what it means."""
    return table(("answer", "verdict", "why"), *((case.answer, case.verdict, case.why) for case in VERDICTS))


def problem_codes() -> str:
    """Every problem code."""
    return table(
        ("code", "what it means", "what to do"),
        *((f"`{code}`", entry.meaning, entry.remedy) for code, entry in sorted(PROBLEMS.items())),
    )


def receiver_fields() -> str:
    """Every field that the receiver knows."""
    rows = [("field", "type", "rule", "sure")]
    rows += [(f"`{name}`", field.type, field.rule, field.sure) for name, field in FIELDS.items()]
    rows += [(f"`products.{name}`", field.type, field.rule, field.sure) for name, field in PRODUCT_FIELDS.items()]
    return table(*rows)


def types() -> str:
    """Every type of a field."""
    return table(("type", "what it makes"), *((f"`{name}`", str(what)) for name, what in TYPES.items()))


def steps() -> str:
    """Every step of `transform`."""
    return table(("step", "what it does"), *((f"`{step.example}`", step.what) for step in STEPS.values()))


def error_classes() -> list[type[errors.EtlError]]:
    """Every class of the error tree."""
    found: list[type[errors.EtlError]] = []
    waiting = [errors.EtlError]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.__subclasses__()
    return found

"""The generated blocks of the README, from the code that they describe."""

from __future__ import annotations

from collections.abc import Iterator

import click

from etl import errors
from etl.cli.commands import squeezely_etl
from etl.delivery.verdict import VERDICTS
from etl.mapping.catalogue import FIELDS, PROBLEMS, PRODUCT_FIELDS, STEPS, TYPES


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head."""
    head, *rest = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(" --- " for _ in head) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rest]
    return "\n".join(lines)


def options() -> str:
    """Every option of every command."""
    rows: list[tuple[str, ...]] = [("command", "option", "default", "variable", "what it does")]
    for name, command in sorted(squeezely_etl.commands.items()):
        rows += [(f"`{name}`", *row) for row in _options_of(name, command)]
    return table(*rows)


def _options_of(name: str, command: click.Command) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for inner, sub in sorted(command.commands.items()):
            yield from _options_of(f"{name}_{inner}", sub)
        return
    for parameter in command.params:
        if not isinstance(parameter, click.Option):
            continue
        flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
        default = "" if not isinstance(parameter.default, (str, int)) or parameter.is_flag else f"`{parameter.default}`"
        own = parameter.envvar if isinstance(parameter.envvar, str) else None
        variable = own or f"SQUEEZELY_ETL_{name.upper()}_{(parameter.name or '').upper()}"
        yield flags, default, f"`{variable}`", parameter.help or ""


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

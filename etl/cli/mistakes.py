"""A mistyped call in one line, with the nearest right word and an example to copy."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

from etl.errors import EXIT_CODES, UsageProblem
from etl.mapping.nearest import nearest
from etl.screen.messages import show_error
from etl.secret import HIDDEN, variable_in


class Described(click.Command):
    """Prints its epilog, `Example: squeezely-etl …`, on a line of its own that is never wrapped."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        del ctx
        write_example(self.epilog or "", formatter)


def write_example(epilog: str, formatter: click.HelpFormatter) -> None:
    """Write `Example: command` as a heading and the command."""
    heading, _, command = epilog.partition(": ")
    formatter.write(f"\n{heading}:\n  {command}\n")


# Codes from here on are those of signals.
SIGNALS = 128


class NearestGroup(click.Group):
    """A group that names the nearest command when one is mistyped."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of `args`, or fail with the nearest name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            where = "" if ctx.parent is None else f" of `{ctx.info_name}`"
            names = self.list_commands(ctx)
            guess = meant(args[0], names) or f"there are {', '.join(names)};"
            raise UsageProblem(
                f"no command {_typed(args[0])}{where}", hint=f"{guess} `{ctx.command_path} --help` says what each does"
            )
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the process may end with, for the whole command line, and the example."""
        if ctx.parent is None:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), entry.meaning) for code, entry in EXIT_CODES.items() if code < SIGNALS])
        write_example(self.epilog or "", formatter)


def _typed(word: str, *, mark: str = "`") -> str:
    """What was typed, unless it holds a secret."""
    return HIDDEN if variable_in(word, os.environ) is not None else f"{mark}{word}{mark}"


def meant(word: str, known: Iterable[str]) -> str:
    """The question after a mistyped `word`; "" when nothing in `known` is near."""
    near = begun_or_nearest(word, known)
    return f"did you mean `{near}`?" if near else ""


def begun_or_nearest(word: str, known: Iterable[str]) -> str | None:
    """The first in `known` of which `word` is the beginning, else the nearest; None when nothing is near."""
    names = list(known)
    return next((name for name in names if name.startswith(word)), None) or nearest(word, names)


def _name_of(parameter: click.Parameter) -> str:
    """The option by its long name, the argument as the usage line has it."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name


def show_mistake(error: click.ClickException) -> None:
    """Say on stderr what is wrong with the call."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "squeezely-etl"
    hints, about = [], ""
    if isinstance(error, click.NoSuchOption):
        message = f"`{command}` has no option {_typed(error.option_name, mark='')}"
        known = [flag for parameter in context.command.params for flag in parameter.opts] if context else []
        hints.append(meant(error.option_name, [flag for flag in known if flag.startswith("--")]))
    elif isinstance(error, click.MissingParameter) and error.param is not None:
        message = f"`{command}` needs {_name_of(error.param)}"
    elif isinstance(error, click.BadParameter) and error.param is not None:
        message = f"{_name_of(error.param)}: {error.message}"
    else:
        message = error.format_message()
        about = message.partition(" ")[0]
    example = context.command.epilog if context else None
    if about.startswith("--") and about not in (example or ""):
        # Typed after a mistake with --key, an example of the whole would do more than was meant.
        example = None
    if not any(hints) and example and example.startswith("Example: "):
        hints.append(f"for instance `{example.removeprefix('Example: ')}`;")
    hints.append(f"`{command} --help` lists the options")
    show_error(UsageProblem(message.rstrip("."), hint=" ".join(hint for hint in hints if hint)))

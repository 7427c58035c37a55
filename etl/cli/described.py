"""A command whose help ends with an example to copy, in one piece."""

from __future__ import annotations

import click


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

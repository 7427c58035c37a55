"""The group that holds every command."""

from __future__ import annotations

import difflib

import click

from etl import __version__
from etl.cli.backfill import backfill
from etl.cli.deploy import deploy
from etl.cli.explain import explain
from etl.cli.init import init
from etl.cli.preview import preview
from etl.cli.retry import retry
from etl.cli.run import run
from etl.cli.sandbox import sandbox
from etl.cli.schema import schema
from etl.cli.state import state
from etl.cli.status import status
from etl.cli.test import test
from etl.cli.validate import validate


class NearestGroup(click.Group):
    """A group that names the nearest command when one is mistyped."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of `args`, or fail with the nearest name."""
        if args and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"no command `{args[0]}`{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=NearestGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SQUEEZELY_ETL"},
    epilog="Start with: squeezely-etl validate mappings --connect",
)
@click.version_option(__version__, prog_name="squeezely-etl")
def squeezely_etl() -> None:
    """Send rows of a SQL database to Squeezely (Spotler Activate) as backend custom events."""


for command in (backfill, explain, state, deploy, init, preview, retry, run, sandbox, schema, status, test, validate):
    squeezely_etl.add_command(command)

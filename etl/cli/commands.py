"""The group that holds every command."""

from __future__ import annotations

import click

from etl import __version__
from etl.cli.backfill import backfill
from etl.cli.deploy import deploy
from etl.cli.explain import explain
from etl.cli.init import init
from etl.cli.mistakes import NearestGroup
from etl.cli.preview import preview
from etl.cli.retry import retry
from etl.cli.run import run
from etl.cli.sandbox import sandbox
from etl.cli.schema import schema
from etl.cli.state import state
from etl.cli.status import status
from etl.cli.test import test
from etl.cli.validate import validate


@click.group(
    cls=NearestGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SQUEEZELY_ETL"},
    epilog="Start with: squeezely-etl validate mappings --connect",
)
@click.version_option(__version__, prog_name="squeezely-etl")
def squeezely_etl() -> None:
    """Send rows of a SQL database to Squeezely (Spotler Activate) as backend custom events.

    MAPPING is a file, MAPPING… are files or folders of files.
    """


for command in (backfill, explain, state, deploy, init, preview, retry, run, sandbox, schema, status, test, validate):
    squeezely_etl.add_command(command)

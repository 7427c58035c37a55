"""The group that holds every command."""

from __future__ import annotations

import click

from etl import __version__
from etl.cli.keeping import forget, state
from etl.cli.looking import explain, preview, status
from etl.cli.mistakes import NearestGroup
from etl.cli.sending import backfill, retry, run
from etl.cli.setting_up import deploy, init, sandbox, schema, test, validate


@click.group(
    cls=NearestGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SQUEEZELY_ETL"},
    epilog="Start with: squeezely-etl validate mappings --connect",
)
@click.version_option(__version__, prog_name="squeezely-etl")
def squeezely_etl() -> None:
    """Send rows of a SQL database to Squeezely (Spotler Activate) as backend custom events.

    MAPPING is a file, MAPPING… are files or folders of files. The installed package holds the pages README.md
    (operating, problem codes, recipes) and mapping-language.md.
    """


for command in (
    backfill,
    explain,
    forget,
    state,
    deploy,
    init,
    preview,
    retry,
    run,
    sandbox,
    schema,
    status,
    test,
    validate,
):
    squeezely_etl.add_command(command)

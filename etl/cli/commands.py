"""The group that holds every command."""

from __future__ import annotations

from pathlib import Path

import click

from etl import __version__
from etl.cli.keeping import forget, state
from etl.cli.looking import explain, preview, status
from etl.cli.mistakes import NearestGroup
from etl.cli.sending import backfill, retry, run
from etl.cli.setting_up import deploy, init, sandbox, schema, test, validate

# The wheel has the page on mappings beside the package under a name of its own; a checkout has it where it is written.
_LANGUAGE = "mapping-language.md"
PAGES = (
    f"Pages in the installed package: {_LANGUAGE} (mappings, recipes) and README.md (operating, problem codes)."
    if Path(__file__).parents[1].joinpath(_LANGUAGE).exists()
    else "Pages: mappings/README.md (mappings, recipes) and etl/README.md (operating, problem codes)."
)


@click.group(
    cls=NearestGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "SQUEEZELY_ETL"},
    help=f"""Send rows of a SQL database to Squeezely (Spotler Activate) as backend custom events.

    MAPPING is a file, MAPPING… are files or folders of files.

    {PAGES}
    """,
    epilog="Start with: squeezely-etl validate mappings --connect",
)
@click.version_option(__version__, prog_name="squeezely-etl")
def squeezely_etl() -> None:
    """The group; its help is said above, because it names what is there."""


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

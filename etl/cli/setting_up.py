"""The commands around the mapping file and its place: `init`, `validate`, `test`, `schema`, `deploy`, `sandbox`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from etl.checkpoint import DEFAULT_STATE
from etl.cli.mistakes import Described
from etl.cli.options import (
    file_option,
    log_options,
    mappings_argument,
    metrics_option,
    output_option,
    state_option,
    yes_option,
)
from etl.screen.messages import tell

UNITS = ("cron", "systemd", "kubernetes", "airflow", "docker", "github", "dask")


@click.command(
    cls=Described,
    short_help="Write a commented mapping for TABLE of the database at URL, or list its tables.",
    epilog="Example: squeezely-etl init '${SHOP_DATABASE_URL}' customers -o mappings/customers.yaml",
)
@click.argument("url", metavar="URL")
@click.argument("table", metavar="[TABLE]", required=False)
@click.option(
    "--query",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="A file with one SELECT, instead of TABLE.",
)
@file_option("Where to write the mapping.  [default: stdout]")
@yes_option
@log_options
def init(url: str, table: str | None, **options: Any) -> None:  # noqa: ANN401  # the keywords of draft_mapping
    """Write a commented mapping for TABLE of the database at URL; without TABLE, list what could be one.

    Reads the table's structure and its newest rows. Columns become fields by their names, in English, Dutch and
    German, and by what their values look like; each choice says why. TABLE may be a view, and is found in every
    schema. URL may be a variable in quotes, such as '${SHOP_DATABASE_URL}', so that no password stands in the history
    of the shell; a password is never written.
    """
    from etl.commands.init import draft_mapping

    draft_mapping(url, table, **options)


@click.command(cls=Described, epilog="Example: squeezely-etl validate mappings --connect")
@mappings_argument
@click.option("--connect", is_flag=True, help="Also check columns, keys, cursors and the API's credentials.")
@click.option("--changed-since", metavar="REV", help="Only mappings that differ from where git's branch left REV.")
@state_option
@output_option
@log_options
def validate(mappings: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  # the keywords of validate_all
    """Check mapping files; every problem is reported at once."""
    from etl.commands.validate import validate_all

    return validate_all(mappings, **options)


@click.command(
    cls=Described,
    short_help="Run the examples that mappings carry in `tests:`.",
    epilog="Example: squeezely-etl test mappings",
)
@mappings_argument
@output_option
@log_options
def test(mappings: tuple[Path, ...], *, output: str) -> int:
    """Run the `tests:` of mappings: given a row, expect an event or problems.

    Works offline: no database, no account, no variable needs to be set. Only what a test names is compared.
    Ends with 0 when every test passes (also when there are none), and with 2 when one fails.
    """
    from etl.commands.run_examples import run_and_show

    return run_and_show(mappings, output=output)


@click.command(cls=Described, epilog="Example: squeezely-etl schema -o mappings/mapping.schema.json")
@file_option("Where to write it, beside the mappings; replaces what is there.  [default: stdout]")
def schema(*, output: Path | None) -> None:
    """Print the JSON Schema of the mapping file.

    Editors complete and check mapping files with it, where it lies beside them as mapping.schema.json.
    """
    from etl.commands.schema import write_schema

    write_schema(output=output)


@click.command(cls=Described, epilog="Example: squeezely-etl deploy systemd mappings --schedule '17 3 * * *'")
@click.argument("kind", type=click.Choice(UNITS), metavar="cron|systemd|kubernetes|airflow|docker|github|dask")
@mappings_argument
@click.option(
    "--schedule", default="17 3 * * *", show_default=True, metavar="CRON", help="The five fields of a crontab."
)
@click.option(
    "--max-runtime", default="3h", show_default=True, metavar="DURATION", help="After this the run stops cleanly."
)
@click.option(
    "--environment-file",
    type=click.Path(path_type=Path),
    default=Path("secrets.env"),
    show_default=True,
    help="Where the variables will stand, for cron and systemd; it is not read.",
)
@click.option("--log", type=click.Path(path_type=Path), metavar="PATH", help="cron's log.  [default: beside the state]")
@click.option("--user", metavar="NAME", help="Who runs it under systemd.  [default: you]")
@click.option("--image", metavar="NAME", help="The image's name.  [default: squeezely-etl and the version]")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write the unit's files there instead of printing them.",
)
@click.option(
    "--shards",
    type=click.IntRange(2, 1000),
    metavar="N",
    help="For kubernetes: divide the mappings among N pods; their state is in PostgreSQL.",
)
@metrics_option
@state_option
@log_options
def deploy(mappings: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  # the fields of DeployCall
    """Print a unit that runs the mappings every night, filled in."""
    from etl.commands.deploy import DeployCall, deploy_all

    source = click.get_current_context().get_parameter_source("state")
    if source is click.core.ParameterSource.ENVIRONMENT and "://" not in options["state"]:
        # It may be that of a trial in this shell, and would be written into the unit.
        options["state"] = DEFAULT_STATE
        tell("SQUEEZELY_ETL_STATE of this shell is not written into the unit: say --state where it is meant")
    return deploy_all(mappings, DeployCall(**options))


@click.command(
    cls=Described,
    short_help="Stand in for the API on this machine, with a page to look at.",
    epilog="Example: squeezely-etl sandbox --fault 429@5% --fault slow=200ms",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=8765, show_default=True, help="0 picks a free one."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    envvar="SQUEEZELY_ETL_SANDBOX_FAULT",
    metavar="FAULT",
    help="Rehearse trouble: 429@5%, 500@2%, slow=200ms, drop@1%, reject=EMAIL. May be given several times.",
)
@click.option("--multiple-languages", is_flag=True, help="Ask for language, as an account with several does.")
@click.option("--multiple-currencies", is_flag=True, help="Ask for currency beside amounts, as such an account does.")
@click.option(
    "--extra-field",
    "extra_fields",
    multiple=True,
    envvar="SQUEEZELY_ETL_SANDBOX_EXTRA_FIELD",
    metavar="NAME",
    help="A field that the account knows.",
)
@click.option("--rate", type=float, default=None, metavar="N", help="Answer 429 above N requests a second.")
@log_options
def sandbox(**options: Any) -> None:  # noqa: ANN401  # the fields of SandboxCall
    """Stand in for the API on this machine, with a page that shows the events as they arrive."""
    from etl.commands.sandbox import SandboxCall, serve_sandbox

    serve_sandbox(SandboxCall(**options))

"""`init`: the first mapping of a table."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, yes_option


@click.command(
    cls=Described, epilog="Example: squeezely-etl init sqlite:///shop.db customers -o mappings/customers.yaml"
)
@click.argument("url", metavar="URL")
@click.argument("table", metavar="TABLE")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the mapping.  [default: stdout]",
)
@yes_option
@log_options
def init(url: str, table: str, *, output: Path | None, yes: bool) -> None:
    """Write a commented mapping for TABLE of the database at URL.

    Reads the table's structure and its newest rows. Columns become fields by their names, in English, Dutch and
    German, and by what their values look like; each choice says why. URL may be a variable in quotes, such as
    '${SHOP_DATABASE_URL}', so that no password stands in the history of the shell; a password is never written.
    """
    from etl.cli.initial import write_initial

    write_initial(url, table, output=output, overwrite=yes)

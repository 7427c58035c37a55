"""`validate`: whether a mapping is right, and fits the database and the account."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mappings_argument, output_option


@click.command(cls=Described, epilog="Example: squeezely-etl validate mappings --connect")
@mappings_argument
@click.option("--connect", is_flag=True, help="Also check columns, keys, cursors and the API's credentials.")
@output_option
@log_options
def validate(mappings: tuple[Path, ...], *, connect: bool, output: str) -> int:
    """Check mapping files; every problem is reported at once."""
    from etl.cli.validation import validate_all

    return validate_all(mappings, connect=connect, output=output)

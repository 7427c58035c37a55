"""`explain`: one row's story."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mapping_argument, output_option, state_option


@click.command(
    cls=Described,
    short_help="Tell one row's story, and whether it would be sent now.",
    epilog="Example: squeezely-etl explain mappings/customers.yaml 4711",
)
@mapping_argument
@click.argument("key", metavar="KEY")
@click.option("--mask", is_flag=True, help="Hide the values, for sharing.")
@state_option
@output_option
@log_options
def explain(mapping: Path, key: str, *, mask: bool, state: str, output: str) -> int:
    """Tell what happened to one row: its values, each field's steps, the event, and whether it would be sent now."""
    from etl.cli.explanation import explain_row

    return explain_row(mapping, key, mask=mask, state=state, output=output)

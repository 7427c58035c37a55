"""`status`: what a person asks in the morning."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.options import MAPPING_PATH, log_options, output_option, state_option


@click.command(epilog="Example: squeezely-etl status mappings --check")
@click.argument("mappings", nargs=-1, metavar="[MAPPING…]", type=MAPPING_PATH)
@click.option(
    "--history", type=click.IntRange(min=0), default=3, show_default=True, metavar="N", help="The last N runs of each."
)
@state_option
@output_option
@log_options
def status(mappings: tuple[Path, ...], *, history: int, state: str, output: str) -> int:
    """Show each mapping's checkpoint, last run and open dead letters."""
    from etl.cli.statuses import show_status

    return show_status(mappings, history=history, state=state, output=output)

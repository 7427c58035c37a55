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
@click.option("--check", is_flag=True, help="End with 3 when a person is needed, and say why.")
@click.option(
    "--max-age",
    default="26h",
    show_default=True,
    metavar="DURATION",
    help="With --check: the longest time since the last run that was done.",
)
@state_option
@output_option
@log_options
def status(  # noqa: PLR0913 - one parameter an option
    mappings: tuple[Path, ...], *, history: int, check: bool, max_age: str, state: str, output: str
) -> int:
    """Show each mapping's checkpoint, last run and open dead letters."""
    from etl.cli.statuses import show_status

    return show_status(mappings, history=history, check_age=max_age if check else None, state=state, output=output)

"""`status`: what a person asks in the morning."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import MAPPING_PATH, log_options, output_option, state_option


@click.command(cls=Described, epilog="Example: squeezely-etl status mappings --check")
@click.argument("mappings", nargs=-1, metavar="[MAPPING…]", type=MAPPING_PATH)
@click.option(
    "--history", type=click.IntRange(min=0), default=3, show_default=True, metavar="N", help="The last N runs of each."
)
@click.option("--check", is_flag=True, help="End with 3 when a person is needed.")
@click.option(
    "--max-age",
    default="26h",
    show_default=True,
    metavar="DURATION",
    help="The longest time since the last run that was done.",
)
@click.option(
    "--max-lag", metavar="DURATION", help="The longest time that a row may wait, by its cursor.  [default: any]"
)
@state_option
@output_option
@log_options
def status(  # noqa: PLR0913 - one parameter an option
    mappings: tuple[Path, ...],
    *,
    history: int,
    check: bool,
    max_age: str,
    max_lag: str | None,
    state: str,
    output: str,
) -> int:
    """Show what needs a person, the lag and the last runs.

    Without MAPPING all that the state knows; with mapping files their databases are asked for the lag.
    """
    from etl.cli.statuses import StatusCall, show_status
    from etl.host.system_clock import SystemClock

    call = StatusCall(history=history, check=check, max_age=max_age, max_lag=max_lag, state=state, output=output)
    return show_status(mappings, call, clock=SystemClock())

"""`run`: from the checkpoint to the run's upper bound."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mappings_argument, output_option, report_options, state_option, yes_option
from etl.monitoring.ping_url import PingUrl


@click.command(cls=Described, epilog="Example: squeezely-etl run mappings --start-from beginning")
@mappings_argument
@click.option("--dry-run", is_flag=True, help="The whole run but the sending: counts, reasons, requests, duration.")
@click.option(
    "--start-from", metavar="beginning|now|VALUE", help="Where a first run begins; VALUE is a cursor's value."
)
@click.option("--full-refresh", is_flag=True, help="Read and send every row again, whatever was sent before.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N rows.")
@click.option("--max-runtime", metavar="DURATION", help="Stop cleanly after this time, such as 2h.")
@click.option("--deadline", metavar="HH:MM", help="Stop cleanly at this local time, such as 06:00.")
@click.option(
    "--if-locked",
    type=click.Choice(["fail", "skip", "wait"]),
    default="fail",
    show_default=True,
    help="What to do while another run holds the mapping.",
)
@state_option
@output_option
@yes_option
@report_options
@log_options
def run(  # noqa: PLR0913 - one parameter an option
    mappings: tuple[Path, ...],
    *,
    dry_run: bool,
    start_from: str | None,
    full_refresh: bool,
    limit: int | None,
    max_runtime: str | None,
    deadline: str | None,
    if_locked: str,
    state: str,
    output: str,
    yes: bool,
    metrics_file: Path | None,
    ping_url: PingUrl | None,
) -> int:
    """Send what is new or changed since the last run.

    A first run needs --start-from; from then on the checkpoint says where to go on.
    """
    from etl.cli.reports import ReportTo
    from etl.cli.runs import RunCall, run_all

    call = RunCall(
        dry_run=dry_run,
        start_from=start_from,
        full_refresh=full_refresh,
        limit=limit,
        max_runtime=max_runtime,
        deadline=deadline,
        if_locked=if_locked,
        state=state,
        output=output,
        yes=yes,
        report_to=ReportTo(metrics_file, ping_url),
    )
    return run_all(mappings, call)

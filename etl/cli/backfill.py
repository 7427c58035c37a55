"""`backfill`: a range of the past."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mapping_argument, output_option, report_options, state_option
from etl.monitoring.ping_url import PingUrl


@click.command(
    cls=Described, epilog="Example: squeezely-etl backfill mappings/orders.yaml --from 2024-01-01 --to 2025-01-01"
)
@mapping_argument
@click.option(
    "--from",
    "start",
    required=True,
    envvar="SQUEEZELY_ETL_BACKFILL_FROM",
    metavar="A",
    help="The first cursor value to send.",
)
@click.option(
    "--to",
    "end",
    required=True,
    envvar="SQUEEZELY_ETL_BACKFILL_TO",
    metavar="B",
    help="The first cursor value not to send.",
)
@click.option("--window", metavar="STEP", help="Width of a window: 1h, 1d, 1w, 1mo; a number for an integer cursor.")
@click.option("--restart", is_flag=True, help="Begin anew instead of where the last call stopped.")
@click.option("--dry-run", is_flag=True, help="Forecast each window; nothing is sent.")
@state_option
@output_option
@report_options
@log_options
def backfill(  # noqa: PLR0913 - one parameter an option
    mapping: Path,
    *,
    start: str,
    end: str,
    window: str | None,
    restart: bool,
    dry_run: bool,
    state: str,
    output: str,
    metrics_file: Path | None,
    ping_url: PingUrl | None,
) -> int:
    """Send a range of the past, [A, B), with a checkpoint of its own.

    Called again, it goes on where it stopped; it shares the rate with the nightly run.
    """
    from etl.cli.reports import ReportTo
    from etl.cli.runs import BackfillCall, backfill_one

    call = BackfillCall(
        start=start,
        end=end,
        window=window,
        restart=restart,
        dry_run=dry_run,
        state=state,
        output=output,
        report_to=ReportTo(metrics_file, ping_url),
    )
    return backfill_one(mapping, call)

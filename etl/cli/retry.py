"""`retry`: dead letters again."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.completing import complete_reason
from etl.cli.described import Described
from etl.cli.options import log_options, mappings_argument, output_option, report_options, state_option
from etl.monitoring.ping_url import PingUrl


@click.command(cls=Described, epilog="Example: squeezely-etl retry mappings --reason invalid_email")
@mappings_argument
@click.option("--reason", metavar="CODE", shell_complete=complete_reason, help="Only dead letters with this reason.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N dead letters a mapping.")
@state_option
@output_option
@report_options
@log_options
def retry(  # noqa: PLR0913 - one parameter an option
    mappings: tuple[Path, ...],
    *,
    reason: str | None,
    limit: int | None,
    state: str,
    output: str,
    metrics_file: Path | None,
    ping_url: PingUrl | None,
) -> int:
    """Read the rows of open dead letters again, map and send them."""
    from etl.cli.reports import ReportTo
    from etl.cli.runs import RetryCall, retry_all

    to = ReportTo(metrics_file, ping_url)
    return retry_all(mappings, RetryCall(reason=reason, limit=limit, state=state, output=output, report_to=to))

"""`retry`: dead letters again."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.options import log_options, mappings_argument, output_option, state_option


@click.command(epilog="Example: squeezely-etl retry mappings --reason invalid_email")
@mappings_argument
@click.option("--reason", metavar="CODE", help="Only dead letters with this reason.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N dead letters a mapping.")
@state_option
@output_option
@log_options
def retry(mappings: tuple[Path, ...], *, reason: str | None, limit: int | None, state: str, output: str) -> int:
    """Read the rows of open dead letters again, map and send them."""
    from etl.cli.runs import RetryCall, retry_all

    return retry_all(mappings, RetryCall(reason=reason, limit=limit, state=state, output=output))

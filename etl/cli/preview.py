"""`preview`: real rows beside their events, nothing sent."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mapping_argument, output_option


@click.command(cls=Described, epilog="Example: squeezely-etl preview mappings/customers.yaml --key 4711")
@mapping_argument
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="How many rows.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    envvar="SQUEEZELY_ETL_PREVIEW_KEY",
    metavar="KEY",
    help="The row with this key; may be given several times.",
)
@click.option("--invalid", is_flag=True, help="Look for rows that fail.")
@click.option("--request", is_flag=True, help="Print the exact bodies of the requests.")
@click.option("--mask", is_flag=True, help="Hide the values, for sharing.")
@click.option("--as-test", is_flag=True, help="Print the rows of --key as entries of tests:, personal data replaced.")
@output_option
@log_options
def preview(  # noqa: PLR0913 - one parameter an option
    mapping: Path,
    *,
    limit: int,
    keys: tuple[str, ...],
    invalid: bool,
    request: bool,
    mask: bool,
    as_test: bool,
    output: str,
) -> int:
    """Show source rows beside the events that they become. Nothing is sent, no state is touched."""
    from etl.cli.loading import load
    from etl.cli.previews import preview_rows, show_previews

    if as_test and not keys:
        raise click.UsageError("--as-test needs --key: the row to make a test of")
    (loaded,) = load([mapping])
    if as_test:
        from etl.cli.as_test import show_as_tests

        show_as_tests(loaded, keys)
        return 0
    rows = preview_rows(loaded, limit=limit, keys=keys, invalid=invalid)
    show_previews(rows, mapping=loaded, request=request, mask=mask, output=output)
    return 0

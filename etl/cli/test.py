"""`test`: the mapping's own examples, offline."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mappings_argument, output_option


@click.command(
    cls=Described,
    short_help="Run the examples that mappings carry in `tests:`.",
    epilog="Example: squeezely-etl test mappings",
)
@mappings_argument
@output_option
@log_options
def test(mappings: tuple[Path, ...], *, output: str) -> int:
    """Run the `tests:` of mappings: given a row, expect an event or problems.

    Works offline: no database, no account, no variable needs to be set. Only what a test names is compared.
    Ends with 0 when every test passes (also when there are none), and with 2 when one fails.
    """
    from etl.cli.test_results import run_and_show

    return run_and_show(mappings, output=output)

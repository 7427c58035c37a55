"""`state`: read or move a checkpoint, with the consequence shown first."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.mistakes import NearestGroup
from etl.cli.options import log_options, mapping_argument, output_option, state_option, yes_option


@click.group(cls=NearestGroup, epilog="Example: squeezely-etl state show mappings/customers.yaml")
def state() -> None:
    """Read or move a mapping's checkpoint."""


@state.command(cls=Described, epilog="Example: squeezely-etl state show mappings/customers.yaml -o json")
@mapping_argument
@state_option
@output_option
@log_options
def show(mapping: Path, *, state: str, output: str) -> int:
    """Show the checkpoint, the ledger's size and the backfills."""
    from etl.cli.states import show_state

    return show_state(mapping, state=state, output=output)


@state.command(
    "set", cls=Described, epilog="Example: squeezely-etl state set mappings/customers.yaml 2024-01-31T00:00:00"
)
@mapping_argument
@click.argument("cursor", metavar="CURSOR")
@state_option
@yes_option
@log_options
def set_checkpoint(mapping: Path, cursor: str, *, state: str, yes: bool) -> int:
    """Move the checkpoint to just behind the rows with this cursor value."""
    from etl.cli.states import set_state

    return set_state(mapping, cursor=cursor, state=state, yes=yes)


@state.command(cls=Described, epilog="Example: squeezely-etl state reset mappings/customers.yaml --keep-ledger")
@mapping_argument
@click.option("--keep-ledger", is_flag=True, help="Keep what was accepted, so that unchanged rows are not sent again.")
@state_option
@yes_option
@log_options
def reset(mapping: Path, *, keep_ledger: bool, state: str, yes: bool) -> int:
    """Forget the checkpoint, dead letters and the ledger of a mapping."""
    from etl.cli.states import reset_state

    return reset_state(mapping, keep_ledger=keep_ledger, state=state, yes=yes)

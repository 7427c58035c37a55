"""The commands that look, and send nothing: `preview`, `explain`, `status`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from etl.checkpoint import USUAL_HOURS
from etl.cli.mistakes import Described
from etl.cli.options import (
    MAPPING_PATH,
    keys_option,
    log_options,
    mapping_argument,
    mask_option,
    output_option,
    page_options,
    state_option,
    yes_option,
)


@click.command(cls=Described, epilog="Example: squeezely-etl preview mappings/customers.yaml --key 4711")
@mapping_argument
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="How many rows.")
@keys_option("The row with this key; may be given several times.")
@click.option("--invalid", is_flag=True, help="Look for rows that fail.")
@click.option("--request", is_flag=True, help="Print the exact bodies of the requests.")
@mask_option
@click.option("--as-test", is_flag=True, help="Print the rows of --key as entries of tests:, values replaced.")
@click.option("--watch", is_flag=True, help="Show the same rows again on each save of the mapping, and what changed.")
@page_options
@output_option
@log_options
def preview(mapping: Path, **options: Any) -> int:  # noqa: ANN401  # the fields of PreviewCall
    """Show source rows beside the events that they become. Nothing is sent, no state is touched."""
    from etl.commands.preview import PreviewCall, preview_one

    return preview_one(mapping, PreviewCall(**options))


@click.command(
    cls=Described,
    short_help="Tell one row's story, and whether it would be sent now.",
    epilog="Example: squeezely-etl explain mappings/customers.yaml 4711",
)
@mapping_argument
@click.argument("key", metavar="KEY")
@mask_option
@state_option
@output_option
@log_options
def explain(mapping: Path, key: str, **options: Any) -> int:  # noqa: ANN401  # the keywords of explain_row
    """Tell what happened to one row: its values, each field's steps, the event, and whether it would be sent now."""
    from etl.commands.explain import explain_row

    return explain_row(mapping, key, **options)


@click.command(cls=Described, epilog="Example: squeezely-etl status mappings --check")
@click.argument("mappings", nargs=-1, metavar="[MAPPING…]", type=MAPPING_PATH)
@click.option(
    "--history", type=click.IntRange(min=0), default=3, show_default=True, metavar="N", help="The last N runs of each."
)
@click.option("--check", is_flag=True, help="End with 3 when a person is needed.")
@click.option(
    "--max-age",
    default=f"{USUAL_HOURS}h",
    show_default=True,
    metavar="DURATION",
    help="The longest time since the last run that was done.",
)
@click.option(
    "--max-lag", metavar="DURATION", help="The longest time that a row may wait, by its cursor.  [default: any]"
)
@click.option("--dead-letters", is_flag=True, help="List the open dead letters with their keys instead.")
@click.option("--with-identity", is_flag=True, help="With --dead-letters: read from the source whom each is about.")
@click.option(
    "--acknowledge",
    is_flag=True,
    help="A person has seen the open dead letters: only newer ones count for --check and exit code 3.",
)
@state_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="Form of the result on stdout; csv with --dead-letters.",
)
@yes_option
@log_options
def status(mappings: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  # the fields of StatusCall
    """Show what needs a person, the lag and the last runs.

    Without MAPPING all that the state knows; with mapping files their databases are asked for the lag.
    """
    from etl.commands.status import StatusCall, show_status

    return show_status(mappings, StatusCall(**options))

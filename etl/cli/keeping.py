"""The commands that change what the state keeps: `state`, `forget`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from etl.cli.mistakes import Described, NearestGroup
from etl.cli.options import (
    MAPPING_PATH,
    keys_option,
    log_options,
    mapping_argument,
    output_option,
    state_option,
    yes_option,
)

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=NearestGroup, epilog="Example: squeezely-etl state show mappings/customers.yaml")
def state() -> None:
    """Look at what is known of mappings, and move it."""


@state.command(cls=Described, epilog="Example: squeezely-etl state show mappings/customers.yaml -o json")
@mapping_argument
@state_option
@output_option
@log_options
def show(mapping: Path, **options: Any) -> int:  # noqa: ANN401  # the keywords of show_state
    """Show the checkpoint, the ledger's size and the backfills."""
    from etl.commands.checkpoint import show_state

    return show_state(mapping, **options)


@state.command(
    "set", cls=Described, epilog="Example: squeezely-etl state set mappings/customers.yaml 2024-01-31T00:00:00"
)
@mapping_argument
@click.argument("cursor", metavar="CURSOR")
@state_option
@yes_option
@log_options
def set_checkpoint(mapping: Path, **options: Any) -> int:  # noqa: ANN401  # the keywords of set_state
    """Move the checkpoint behind the rows with this cursor value."""
    from etl.commands.checkpoint import set_state

    return set_state(mapping, **options)


@state.command(cls=Described, epilog="Example: squeezely-etl state reset mappings/customers.yaml --keep-ledger")
@mapping_argument
@click.option("--keep-ledger", is_flag=True, help="Keep what was accepted, so that unchanged rows are not sent again.")
@state_option
@yes_option
@log_options
def reset(mapping: Path, **options: Any) -> int:  # noqa: ANN401  # the keywords of reset_state
    """Forget the checkpoint, dead letters and the ledger of a mapping."""
    from etl.commands.checkpoint import reset_state

    return reset_state(mapping, **options)


@state.command(cls=Described, epilog="Example: squeezely-etl state adopt mappings/customers.yaml --yes")
@mapping_argument
@state_option
@yes_option
@log_options
def adopt(mapping: Path, **options: Any) -> int:  # noqa: ANN401  # the keywords of adopt_state
    """Keep what is known of a source that has another address.

    The source or the account was moved or renamed, but rows and people are the same.
    """
    from etl.commands.moving import adopt_state

    return adopt_state(mapping, **options)


@state.command(
    cls=Described,
    short_help="Give a mapping another name.",
    epilog="Example: squeezely-etl state rename customers klanten --yes",
)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@state_option
@yes_option
@log_options
def rename(old: str, new: str, **options: Any) -> int:  # noqa: ANN401  # the keywords of rename_state
    """Give what is known of the mapping OLD the name NEW."""
    from etl.commands.moving import rename_state

    return rename_state(old, new, **options)


@state.command(cls=Described, epilog="Example: squeezely-etl state drop customers --yes")
@click.argument("name", metavar="NAME")
@state_option
@yes_option
@log_options
def drop(name: str, **options: Any) -> int:  # noqa: ANN401  # the keywords of drop_state
    """Forget all that is known of a mapping that is gone."""
    from etl.commands.moving import drop_state

    return drop_state(name, **options)


@state.command(
    cls=Described,
    short_help="Copy a whole state into an empty one.",
    epilog="Example: squeezely-etl state copy .etl/state.sqlite postgresql://etl@db.example.com/etl",
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@yes_option
@log_options
def copy(source: str, target: str, **options: Any) -> int:  # noqa: ANN401  # the keywords of copy_state
    """Copy a whole state into an empty one: a path, or the URL of a PostgreSQL database."""
    from etl.commands.moving import copy_state

    return copy_state(source, target, **options)


@click.command(
    cls=Described,
    short_help="Erase a person, who is never sent again.",
    epilog="Example: squeezely-etl forget mappings --email - --yes",
)
@click.argument("mappings", nargs=-1, metavar="[MAPPING…]", type=MAPPING_PATH)
@click.option(
    "--email",
    "emails",
    multiple=True,
    envvar="SQUEEZELY_ETL_FORGET_EMAIL",
    metavar="X",
    help="This address, or its SHA-256; - reads one line of stdin.",
)
@click.option(
    "--userid",
    "userids",
    multiple=True,
    envvar="SQUEEZELY_ETL_FORGET_USERID",
    metavar="X",
    help="This user id, as the account has it; - reads one line of stdin.",
)
@keys_option("The row with this key: the identities that it holds, its ledger entry and its dead letters.")
@click.option(
    "--export",
    "export_to",
    envvar="SQUEEZELY_ETL_FORGET_EXPORT",
    type=_FILE,
    metavar="FILE",
    help="Write all that is suppressed, as keyed hashes, to be kept beside the backups of the state.",
)
@click.option(
    "--import",
    "import_from",
    envvar="SQUEEZELY_ETL_FORGET_IMPORT",
    type=_FILE,
    metavar="FILE",
    help="Suppress what FILE holds too, after the state was restored from a backup.",
)
@state_option
@output_option
@yes_option
@log_options
def forget(mappings: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  # the fields of ForgetCall
    """Erase a person: no run, backfill or retry sends an event of this identity again.

    It is kept as a keyed hash, for the account of each MAPPING and for good. The receipt is dated and names no person.
    """
    from etl.commands.forget import ForgetCall
    from etl.commands.forget import forget as forget_people

    return forget_people(mappings, ForgetCall(**options))

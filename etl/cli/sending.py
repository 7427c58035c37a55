"""The commands that send: `run`, `backfill`, `retry`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.completing import complete_reason
from etl.cli.mistakes import Described
from etl.cli.options import (
    exit_zero_option,
    keys_option,
    log_options,
    mapping_argument,
    mappings_argument,
    output_option,
    page_options,
    report_options,
    state_option,
    workers_option,
)
from etl.errors import EtlError, UsageProblem
from etl.screen.messages import show_error

if TYPE_CHECKING:
    from etl.commands.loading import Shard


def _parsed_shard(_: click.Context, __: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    from etl.commands.loading import Shard

    try:
        return Shard.parse(value)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def _excused(work: Callable[[], int], fine: frozenset[int]) -> int:
    """The exit code of `work`; 0 for codes in `fine`, even if it ended before any mapping."""
    try:
        return work()
    except EtlError as error:
        if error.exit_code not in fine:
            raise
        show_error(error)
        return 0


class Nightly(Described):
    """Notes in the state a call that cannot be parsed: a scheduler's call could be refused each night, unnoticed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the call."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except (click.UsageError, UsageProblem) as error:
            from etl.commands.not_started import note_mistyped

            if not isinstance(error, click.exceptions.NoArgsIsHelpError):
                note_mistyped(given, error)
            raise


@click.command(cls=Nightly, epilog="Example: squeezely-etl run mappings --start-from beginning")
@mappings_argument
@click.option("--dry-run", is_flag=True, help="The whole run but the sending: counts, reasons, requests, duration.")
@click.option("--check", is_flag=True, help="With --dry-run: exit code 3 when there is something to send.")
@page_options
@click.option(
    "--start-from", metavar="beginning|now|VALUE", help="Where a first run begins; VALUE is a cursor's value."
)
@click.option("--full-refresh", is_flag=True, help="Read and send every row again, whatever was sent before.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N rows.")
@keys_option(
    "Send just the row with this key now, whatever was sent before, and show the answer; may be given several times. "
    "The checkpoint stays."
)
@click.option("--show-answer", is_flag=True, help="With --limit: show each request and its answer, values masked.")
@click.option("--show-values", is_flag=True, help="With --key or --show-answer: show the values too.")
@click.option("--max-runtime", metavar="DURATION", help="Stop cleanly after this time, such as 2h.")
@click.option("--deadline", metavar="HH:MM", help="Stop cleanly at this local time, such as 06:00.")
@click.option(
    "--if-locked",
    type=click.Choice(["fail", "skip", "wait"]),
    default="fail",
    show_default=True,
    help="What to do while another run holds the mapping.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Run N mappings at a time."
)
@click.option(
    "--jobs-a-host",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="With --jobs: at most N at a time on one database server.",
)
@click.option(
    "--shard",
    metavar="I/N",
    callback=_parsed_shard,
    help="Run every N-th mapping only, chosen by its name; I counts from 0. For one of N calls side by side.",
)
@workers_option
@click.option("--ignore-guards", is_flag=True, help="Send also what the mapping's guards would stop.")
@state_option
@output_option
@click.option(
    "--yes",
    is_flag=True,
    help="Answer yes where a question would be asked, and begin at --start-from though there is a checkpoint, which is "
    "refused otherwise where nothing can be asked.",
)
@report_options
@exit_zero_option
@log_options
def run(mappings: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  # the fields of RunCall
    """Send what is new or changed since the last run.

    A first run needs --start-from; from then on the checkpoint says where to go on.
    """
    from etl.commands.calls import RunCall
    from etl.commands.sending import run_all

    call = RunCall(**options)
    return _excused(lambda: run_all(mappings, call), call.exit_zero_on)


@click.command(
    cls=Described, epilog="Example: squeezely-etl backfill mappings/orders.yaml --from 2024-01-01 --to 2025-01-01"
)
@mapping_argument
@click.option(
    "--from",
    "start",
    envvar="SQUEEZELY_ETL_BACKFILL_FROM",
    metavar="A",
    help="The first cursor value to send.",
)
@click.option(
    "--to",
    "end",
    envvar="SQUEEZELY_ETL_BACKFILL_TO",
    metavar="B",
    help="The first cursor value not to send.",
)
@click.option("--window", metavar="STEP", help="Width of a window: 1h, 1d, 1w, 1mo; a number for an integer cursor.")
@click.option("--resend", is_flag=True, help="Send what did not change too: all rows of the range.")
@click.option("--restart", is_flag=True, help="Begin anew instead of where the last call stopped.")
@click.option("--dry-run", is_flag=True, help="Forecast each window; nothing is sent.")
@workers_option
@page_options
@state_option
@output_option
@report_options
@exit_zero_option
@log_options
def backfill(mapping: Path, **options: Any) -> int:  # noqa: ANN401  # the fields of BackfillCall
    """Send a range of the past, [A, B), or everything that changed.

    It sends what the receiver does not have as it is now; --dry-run compares source and ledger, a line a window. Called
    again, it goes on where it stopped; it shares the rate with the nightly run.
    """
    from etl.commands.calls import BackfillCall
    from etl.commands.sending import backfill_one

    call = BackfillCall(**options)
    return _excused(lambda: backfill_one(mapping, call), call.exit_zero_on)


@click.command(cls=Described, epilog="Example: squeezely-etl retry mappings --reason invalid_email")
@mappings_argument
@keys_option("Only the dead letter of the row with this key; may be given several times.")
@click.option("--reason", metavar="CODE", shell_complete=complete_reason, help="Only dead letters with this reason.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N dead letters a mapping.")
@state_option
@output_option
@report_options
@exit_zero_option
@log_options
def retry(mappings: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  # the fields of RetryCall
    """Read the rows of open dead letters again, map and send them."""
    from etl.commands.calls import RetryCall
    from etl.commands.sending import retry_all

    call = RetryCall(**options)
    return _excused(lambda: retry_all(mappings, call), call.exit_zero_on)

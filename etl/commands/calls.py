"""The options of `run`, `retry` and `backfill`: one value each, for the command line and for Python.

The rule: a field has the name and the default of its option, so a caller sets only what differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from etl.checkpoint import DEFAULT_STATE
from etl.commands.loading import Shard
from etl.monitoring.addresses import PingUrl
from etl.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCall:
    """The options of `run`."""

    dry_run: bool = False
    check: bool = False
    start_from: str | None = None
    full_refresh: bool = False
    limit: int | None = None
    max_runtime: str | None = None
    deadline: str | None = None
    if_locked: str = "fail"
    ignore_guards: bool = False
    keys: tuple[str, ...] = ()
    show_answer: bool = False
    show_values: bool = False
    jobs: int = 1
    jobs_a_host: int = 4
    shard: Shard | None = None
    workers: int | str | None = None
    report: Path | None = None
    no_mask: bool = False
    yes: bool = False
    state: str = DEFAULT_STATE
    output: str = "text"
    metrics_file: Path | None = None
    pushgateway: Secret | None = None
    ping_url: PingUrl | None = None
    notify_url: tuple[Secret, ...] = ()
    exit_zero_on: frozenset[int] = frozenset()

    @property
    def again(self) -> tuple[str, ...]:
        """The options that say what is sent and for how long, as arguments for a printed command that does the same."""
        words = [word for key in self.keys for word in ("--key", key)]
        for name in ("start_from", "limit", "max_runtime", "deadline", "full_refresh", "ignore_guards", "yes"):
            value = getattr(self, name)
            if value not in (None, False):
                words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return tuple(words)

    def check_options(self, paths: Sequence[Path]) -> None:
        """Refuse options that do not go together. Raises `click.UsageError`."""
        if self.check and not self.dry_run:
            raise click.UsageError("--check goes with --dry-run: a run that sends ends with 0")
        if self.keys and (self.dry_run or self.start_from or self.full_refresh or self.limit):
            raise click.UsageError("--key goes without --dry-run, --start-from, --full-refresh and --limit")
        _check_keys(self.keys, paths)
        if self.keys and (self.jobs > 1 or self.shard is not None):
            raise click.UsageError("--key goes without --jobs and --shard")
        if self.show_answer and self.limit is None and not self.keys:
            raise click.UsageError("--show-answer needs --limit or --key: a whole run has too many answers to look at")
        if self.show_values and not (self.show_answer or self.keys):
            raise click.UsageError("--show-values needs --show-answer or --key")
        _check_report(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryCall:
    """The options of `retry`."""

    keys: tuple[str, ...] = ()
    reason: str | None = None
    limit: int | None = None
    state: str = DEFAULT_STATE
    output: str = "text"
    metrics_file: Path | None = None
    pushgateway: Secret | None = None
    ping_url: PingUrl | None = None
    notify_url: tuple[Secret, ...] = ()
    exit_zero_on: frozenset[int] = frozenset()

    def check_options(self, paths: Sequence[Path]) -> None:
        """Refuse options that do not go together. Raises `click.UsageError`."""
        _check_keys(self.keys, paths)
        if self.keys and (self.reason is not None or self.limit is not None):
            raise click.UsageError("--key goes without --reason and --limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillCall:
    """The options of `backfill`."""

    start: str | None = None
    end: str | None = None
    window: str | None = None
    resend: bool = False
    restart: bool = False
    dry_run: bool = False
    workers: int | str | None = None
    report: Path | None = None
    no_mask: bool = False
    state: str = DEFAULT_STATE
    output: str = "text"
    metrics_file: Path | None = None
    pushgateway: Secret | None = None
    ping_url: PingUrl | None = None
    notify_url: tuple[Secret, ...] = ()
    exit_zero_on: frozenset[int] = frozenset()

    def check_options(self) -> None:
        """Refuse options that do not go together. Raises `click.UsageError`."""
        _check_report(self)


def _check_keys(keys: Sequence[str], paths: Sequence[Path]) -> None:
    if keys and (len(paths) > 1 or paths[0].is_dir()):
        raise click.UsageError("--key needs one mapping: the file whose row it is")


def _check_report(call: RunCall | BackfillCall) -> None:
    if call.report is not None and not call.dry_run:
        raise click.UsageError("--report goes with --dry-run")
    if call.no_mask and call.report is None:
        raise click.UsageError("--no-mask goes with --report")

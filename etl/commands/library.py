"""The functions of `import etl`: what the commands do, with values in and out.

The rule: they change nothing of the process: no signal handler, no processor, no standard stream; messages that a
command prints on stderr become records of `logging`. An error that ends a run is the `error` of its outcome; an error
before the run begins is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from etl.checkpoint import DEFAULT_STATE
from etl.commands.given import parse_keys, parse_limit, parse_metrics_file, parse_workers
from etl.commands.loading import load as load_all
from etl.errors import MappingInvalid, UsageProblem
from etl.job.outcome import Outcome
from etl.job.preview import PreviewedRow
from etl.mapping.model import Mapping
from etl.monitoring.addresses import parse_notify_urls, parse_push_url
from etl.secret import Secret

if TYPE_CHECKING:
    from etl.commands.forget import Receipt

PathLike = str | Path
# A text or a number alone is one key.
Keys = str | int | Sequence[str | int]
Parsed = TypeVar("Parsed")
# How many of a mapping's problems stand in the hint of its error.
MOST_PROBLEMS = 3


@contextmanager
def _told() -> Iterator[None]:
    """Wraps each function: puts the hint and the problems into the error's text, because nothing prints them here."""
    try:
        yield
    except click.UsageError as error:
        raise UsageProblem(error.message) from None
    except MappingInvalid as error:
        if error.hint is None and error.problems:
            more = len(error.problems) - MOST_PROBLEMS
            error.hint = "; ".join(error.problems[:MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
        raise


@_told()
def load(path: PathLike) -> Mapping:
    """The mapping in the file at `path`, its variables taken from the environment.

    Raises:
        MappingInvalid: it has problems; `problems` holds one line for each.
    """
    (mapping,) = load_all([_file(path)])
    return mapping


@_told()
def validate(path: PathLike, *, connect: bool = False, state: PathLike = DEFAULT_STATE) -> list[str]:
    """The problems of the mapping at `path`, one printable line each; [] when it is right. Warnings are left out.

    `connect`: the database and the account are asked too, at the rate that runs with this `state` share.
    """
    from etl.commands.validate import remarks_on

    return [
        remark.text for remark in remarks_on(_file(path), connect=connect, state=str(state)) if remark.level == "error"
    ]


@_told()
def preview(path: PathLike, *, limit: int = 10, keys: Keys = (), invalid: bool = False) -> list[PreviewedRow]:
    """Up to `limit` rows with their events, or those of `keys`; `invalid`: only rows that fail. Nothing is sent.

    Raises:
        EtlError: the mapping is wrong, or its database failed.
    """
    from etl.commands.preview import preview_rows

    rows, wanted = _checked("limit", parse_limit, limit) or 0, _checked("keys", parse_keys, keys) or ()
    return list(preview_rows(load(path), limit=rows, keys=wanted, invalid=invalid))


@_told()
def run(  # noqa: PLR0913 - the options of the command
    path: PathLike,
    *,
    start_from: str | None = None,
    full_refresh: bool = False,
    limit: int | None = None,
    dry_run: bool = False,
    if_locked: Literal["fail", "wait"] = "fail",
    max_runtime: str | None = None,
    ignore_guards: bool = False,
    metrics_file: PathLike | None = None,
    pushgateway: str | None = None,
    notify_url: str | Sequence[str] = (),
    workers: int | str | None = None,
    state: PathLike = DEFAULT_STATE,
) -> Outcome:
    """Send what is new or changed since the last run, as `squeezely-etl run` does; `dry_run` forecasts it.

    `max_runtime` is a duration such as "2h"; None: no limit. `state` is a path or the URL of a PostgreSQL database.
    `metrics_file` and `pushgateway` get the run's figures for Prometheus; `notify_url`, one or several addresses of
    Apprise, hears when the mapping begins to need a person and when it is well again.
    `workers` processes prepare rows, each of which imports the caller's main module (see `multiprocessing`); a text
    such as "tcp://scheduler:8786" is the scheduler of Dask workers that do.

    Raises:
        MappingInvalid, UsageProblem: the mapping or the call is wrong.
        StateUnusable: the state cannot be opened.
    """
    from etl.commands.calls import RunCall
    from etl.commands.sending import run_all

    if if_locked not in ("fail", "wait"):
        raise UsageProblem('if_locked: "fail" or "wait"', hint="with fail the outcome's error is a MappingLocked")
    outcomes: list[Outcome] = []
    call = RunCall(
        dry_run=dry_run,
        start_from=start_from,
        full_refresh=full_refresh,
        limit=_checked("limit", parse_limit, limit),
        max_runtime=max_runtime,
        if_locked=if_locked,
        ignore_guards=ignore_guards,
        state=str(state),
        metrics_file=_place(metrics_file),
        pushgateway=_gateway(pushgateway),
        notify_url=_people(notify_url),
        workers=_checked("workers", parse_workers, workers),
    )
    run_all((_file(path),), call, heard=outcomes.append)
    return outcomes[0]


@_told()
def backfill(  # noqa: PLR0913 - the options of the command
    path: PathLike,
    *,
    start: str | None = None,
    end: str | None = None,
    window: str | None = None,
    resend: bool = False,
    restart: bool = False,
    dry_run: bool = False,
    metrics_file: PathLike | None = None,
    pushgateway: str | None = None,
    notify_url: str | Sequence[str] = (),
    workers: int | str | None = None,
    state: PathLike = DEFAULT_STATE,
) -> Outcome:
    """Send the rows whose cursor lies in [start, end), without both all, as `backfill` does. Raises as `run`."""
    from etl.commands.calls import BackfillCall
    from etl.commands.sending import backfill_one

    outcomes: list[Outcome] = []
    call = BackfillCall(
        start=start,
        end=end,
        window=window,
        resend=resend,
        restart=restart,
        dry_run=dry_run,
        state=str(state),
        metrics_file=_place(metrics_file),
        pushgateway=_gateway(pushgateway),
        notify_url=_people(notify_url),
        workers=_checked("workers", parse_workers, workers),
    )
    backfill_one(_file(path), call, heard=outcomes.append)
    return outcomes[0]


@_told()
def retry(  # noqa: PLR0913 - the options of the command
    path: PathLike,
    *,
    keys: Keys = (),
    reason: str | None = None,
    limit: int | None = None,
    metrics_file: PathLike | None = None,
    pushgateway: str | None = None,
    notify_url: str | Sequence[str] = (),
    state: PathLike = DEFAULT_STATE,
) -> Outcome:
    """Send the rows of open dead letters again: all, or those of `keys` or of `reason`. Raises as `run`."""
    from etl.commands.calls import RetryCall
    from etl.commands.sending import retry_all

    outcomes: list[Outcome] = []
    call = RetryCall(
        keys=_checked("keys", parse_keys, keys) or (),
        reason=reason,
        limit=_checked("limit", parse_limit, limit),
        state=str(state),
        metrics_file=_place(metrics_file),
        pushgateway=_gateway(pushgateway),
        notify_url=_people(notify_url),
    )
    retry_all((_file(path),), call, heard=outcomes.append)
    return outcomes[0]


@_told()
def forget(
    *paths: PathLike,
    email: str | None = None,
    userid: str | None = None,
    key: str | int | None = None,
    state: PathLike = DEFAULT_STATE,
) -> Receipt:
    """Erase a person in the accounts of the mappings `paths`, as `forget` does; the receipt names no person.

    `key` names a row of the one mapping. Raises as `run`; ValueError when nothing says whom.
    """
    from etl.commands.forget import ForgetCall, erase

    keys = () if key is None else _checked("key", parse_keys, key) or ()
    if not paths or not (email or userid or any(keys)):
        raise ValueError("forget needs a mapping, and email, userid or key")
    files = tuple(map(Path, paths)) if key is None else (_file(*paths),)
    emails, userids = (() if one is None else (one,) for one in (email, userid))
    call = ForgetCall(emails=emails, userids=userids, keys=keys, state=str(state), yes=True)
    return erase(files, call)


@_told()
def status(*paths: PathLike, history: int = 3, state: PathLike = DEFAULT_STATE) -> list[dict[str, object]]:
    """The output of `squeezely-etl status -o json`: a dictionary for each mapping of `paths`, or for all in the state.

    Raises:
        MappingInvalid: a file of `paths` is wrong.
        StateUnusable: the state cannot be opened.
    """
    from etl.commands.status import standings_with_worries
    from etl.commands.status_text import status_dict

    found = standings_with_worries(tuple(map(Path, paths)), state=str(state))
    return [status_dict(standing, worries, history=history) for standing, worries in found]


def _place(path: PathLike | None) -> Path | None:
    return _checked("metrics_file", lambda given: parse_metrics_file(Path(given)), path)


def _gateway(url: str | None) -> Secret | None:
    return _checked("pushgateway", parse_push_url, url)


def _people(urls: str | Sequence[str]) -> tuple[Secret, ...]:
    # A text as in the command's environment variable: several addresses separated by spaces.
    return _checked("notify_url", parse_notify_urls, urls.split() if isinstance(urls, str) else urls) or ()


def _checked(name: str, parse: Callable[[Any], Parsed], given: object) -> Parsed | None:
    """What `parse` makes of the argument `name`; None stays None. Raises `UsageProblem`."""
    try:
        return None if given is None else parse(given)
    except ValueError as problem:
        raise UsageProblem(f"{name}: {problem}") from None


def _file(*paths: PathLike) -> Path:
    if len(paths) > 1:
        raise ValueError("key needs one mapping: the file whose row it is")
    file = Path(paths[0])
    if file.is_dir():
        raise MappingInvalid(f"{file} is a folder", problems=(), hint="these functions take one mapping's file")
    return file

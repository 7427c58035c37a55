"""Options that several commands share, declared once.

The rule: no option carries a secret; every option has its variable (`SQUEEZELY_ETL_<COMMAND>_<OPTION>`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from etl.cli.completing import MappingPath
from etl.cli.logs import configure_logs
from etl.monitoring.ping_url import PingUrl, parse_ping_url

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_STATE = ".etl/state.sqlite"
MAPPING_PATH = MappingPath()


def mappings_argument(function: F) -> F:
    """`MAPPING…`: files, or folders of files."""
    return click.argument("mappings", nargs=-1, required=True, metavar="MAPPING…", type=MAPPING_PATH)(function)


def mapping_argument(function: F) -> F:
    """`MAPPING`: one file."""
    return click.argument("mapping", metavar="MAPPING", type=MappingPath(one_file=True))(function)


def output_option(function: F) -> F:
    """`-o text|json` for results on stdout."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Form of the result on stdout.",
    )(function)


def state_option(function: F) -> F:
    """`--state PATH-OR-URL`."""
    return click.option(
        "--state",
        default=DEFAULT_STATE,
        show_default=True,
        envvar="SQUEEZELY_ETL_STATE",
        metavar="PATH-OR-URL",
        help="Where checkpoints and the ledger are kept.",
    )(function)


def yes_option(function: F) -> F:
    """`--yes` where a question would be asked."""
    return click.option("--yes", is_flag=True, help="Answer yes where a question would be asked.")(function)


def report_options(function: F) -> F:
    """`--metrics-file` and `--ping-url`: how machines hear of the run."""
    function = click.option(
        "--ping-url",
        callback=_parsed_ping_url,
        metavar="URL",
        help="A cron monitor to tell start and end: URL/start, URL, URL/fail. Better in the variable: it is a secret.",
    )(function)
    return metrics_option(function)


def metrics_option(function: F) -> F:
    """`--metrics-file FILE.prom`."""
    return click.option(
        "--metrics-file",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_must_end_in_prom,
        metavar="FILE.prom",
        help="Where to write the run's figures for Prometheus' node exporter.",
    )(function)


def _parsed_ping_url(_: click.Context, __: click.Parameter, value: str | None) -> PingUrl | None:
    try:
        return None if value is None else parse_ping_url(value)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def _must_end_in_prom(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix != ".prom":
        raise click.BadParameter("the collector reads files that end in .prom only")
    return value


def log_options(function: F) -> F:
    """`--log-format`, `--log-level`, `-q`, `-v`: logs on stderr.

    Takes effect when parsed; the command sees none of them.
    """
    for option in (
        click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_remember, help="More logs."),
        click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_remember, help="Only errors."),
        click.option(
            "--log-level",
            type=click.Choice(["debug", "info", "warning", "error"]),
            expose_value=False,
            callback=_remember,
            help="Least level of logs on stderr.  [default: warning]",
        ),
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            expose_value=False,
            callback=_remember,
            help="Form of the logs on stderr.",
        ),
    ):
        function = option(function)
    return function


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    chosen = context.meta.setdefault("etl.logs", {})
    chosen[parameter.name] = value
    if len(chosen) == 4:
        level = chosen["log_level"] or ("error" if chosen["quiet"] else "info" if chosen["verbose"] else "warning")
        configure_logs(level=level, form=chosen["log_format"])

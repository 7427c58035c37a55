"""Options that several commands share, declared once.

The rule: no option carries a secret; every option has its variable (`SQUEEZELY_ETL_<COMMAND>_<OPTION>`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from etl.checkpoint import DEFAULT_STATE
from etl.cli.completing import MappingPath
from etl.commands.given import parse_metrics_file, parse_workers
from etl.errors import EXIT_CODES
from etl.monitoring.addresses import parse_notify_urls, parse_ping_url, parse_push_url
from etl.screen.logs import configure_logs

F = TypeVar("F", bound=Callable[..., Any])

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


def file_option(what: str) -> Callable[[F], F]:
    """`-o FILE`, where the result of a command is a file; `what` is its help."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option("-o", "--output", type=path, metavar="FILE", help=what)


def keys_option(what: str) -> Callable[[F], F]:
    """`--key KEY`, which may be given several times; `what` is its help."""

    def add(function: F) -> F:
        variable = f"SQUEEZELY_ETL_{function.__name__.upper()}_KEY"
        return click.option("--key", "keys", multiple=True, envvar=variable, metavar="KEY", help=what)(function)

    return add


def mask_option(function: F) -> F:
    """`--mask` for screens that a colleague sees."""
    return click.option("--mask", is_flag=True, help="Hide the values, for sharing.")(function)


def page_options(function: F) -> F:
    """`--report` and `--no-mask`: what was found, for a colleague."""
    function = click.option("--no-mask", is_flag=True, help="Show values and keys of rows in the report.")(function)
    return click.option(
        "--report",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_must_be_a_report,
        metavar="FILE",
        help="Also write it for a colleague: a page (.html), Markdown (.md) or JSON (.json), values masked.",
    )(function)


def workers_option(function: F) -> F:
    """`--workers N|URL`: processes that prepare pages."""
    return click.option(
        "--workers",
        callback=_parsed_by(parse_workers),
        metavar="N|URL",
        help="Read and prepare rows in N more processes, or by the workers of a Dask scheduler, tcp://HOST:PORT or "
        "tls://HOST:PORT; this one sends. For millions of rows.",
    )(function)


def yes_option(function: F) -> F:
    """`--yes` where a question would be asked."""
    return click.option("--yes", is_flag=True, help="Answer yes where a question would be asked.")(function)


def exit_zero_option(function: F) -> F:
    """`--exit-zero-on CODES`: for schedulers that distinguish only 0 and other codes."""
    return click.option(
        "--exit-zero-on",
        default="",
        callback=_parsed_exit_codes,
        metavar="CODES",
        help="End with 0 where it would be one of these exit codes, such as 6,7: for a scheduler that knows 0 alone.",
    )(function)


def report_options(function: F) -> F:
    """`--metrics-file`, `--pushgateway`, `--ping-url` and `--notify-url`: how machines and people hear of the run."""
    function = click.option(
        "--ping-url",
        callback=_parsed_by(parse_ping_url),
        metavar="URL",
        help="A cron monitor to tell start and end: URL/start, URL, URL/fail. Better in the variable: it is a secret.",
    )(function)
    function = click.option(
        "--notify-url",
        multiple=True,
        callback=_parsed_by(parse_notify_urls),
        metavar="URL",
        help="Whom to tell when a mapping begins to need a person, and when it is well again: an address of Apprise. "
        "Better in the variable: it is a secret.",
    )(function)
    function = click.option(
        "--pushgateway",
        callback=_parsed_by(parse_push_url),
        metavar="URL",
        help="A Pushgateway of Prometheus to send the figures to, where no file can be collected. Better in the "
        "variable when it holds a password.",
    )(function)
    return metrics_option(function)


def metrics_option(function: F) -> F:
    """`--metrics-file FILE.prom`."""
    return click.option(
        "--metrics-file",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_parsed_by(parse_metrics_file),
        metavar="FILE.prom",
        help="Where to write the run's figures for Prometheus' node exporter.",
    )(function)


def _parsed_by(parse: Callable[[Any], object]) -> Callable[[click.Context, click.Parameter, Any], object]:
    """The callback of an option whose value `parse` reads; it raises ValueError for people. None stays None."""

    def parsed(_: click.Context, __: click.Parameter, value: Any) -> object:  # noqa: ANN401  # what click gives
        try:
            return None if value is None else parse(value)
        except ValueError as problem:
            raise click.BadParameter(str(problem)) from None

    return parsed


def _parsed_exit_codes(_: click.Context, __: click.Parameter, value: str) -> frozenset[int]:
    known = sorted(set(EXIT_CODES) - {0, 1})
    words = [word.strip() for word in value.split(",") if value]
    wrong = [word for word in words if word not in map(str, known)]
    if wrong:
        said = "1 is a bug of the program" if wrong[0] == "1" else f"{wrong[0]!r} is none of them"
        raise click.BadParameter(f"exit codes with commas between them, of {', '.join(map(str, known))}: {said}")
    return frozenset(map(int, words))


def _must_be_a_report(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in (".html", ".md", ".json"):
        raise click.BadParameter("a report ends in .html, .md or .json")
    if value is not None and not value.parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent}")
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

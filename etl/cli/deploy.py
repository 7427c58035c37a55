"""`deploy`: ready-made units for the schedulers that people already have."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.described import Described
from etl.cli.options import log_options, mappings_argument, metrics_option, state_option

KINDS = ("cron", "systemd", "kubernetes", "airflow", "docker")


@click.command(cls=Described, epilog="Example: squeezely-etl deploy systemd mappings --schedule '17 3 * * *'")
@click.argument("kind", type=click.Choice(KINDS), metavar="cron|systemd|kubernetes|airflow|docker")
@mappings_argument
@click.option(
    "--schedule", default="17 3 * * *", show_default=True, metavar="CRON", help="The five fields of a crontab."
)
@click.option(
    "--max-runtime", default="3h", show_default=True, metavar="DURATION", help="After this the run stops cleanly."
)
@click.option(
    "--environment-file",
    type=click.Path(path_type=Path),
    default=Path("secrets.env"),
    show_default=True,
    help="Where the variables will stand, for cron and systemd; it is not read.",
)
@click.option("--log", type=click.Path(path_type=Path), metavar="PATH", help="cron's log.  [default: beside the state]")
@click.option("--user", metavar="NAME", help="Who runs it under systemd.  [default: you]")
@click.option("--image", metavar="NAME", help="The image's name.  [default: squeezely-etl and the version]")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write the unit's files there instead of printing them.",
)
@metrics_option
@state_option
@log_options
def deploy(  # noqa: PLR0913 - one parameter an option
    kind: str,
    mappings: tuple[Path, ...],
    *,
    schedule: str,
    max_runtime: str,
    environment_file: Path,
    log: Path | None,
    user: str | None,
    image: str | None,
    into: Path | None,
    metrics_file: Path | None,
    state: str,
) -> int:
    """Print a unit that runs the mappings every night, filled in."""
    from etl.cli.deployment import DeployCall, deploy_all

    call = DeployCall(
        kind=kind,
        schedule=schedule,
        max_runtime=max_runtime,
        environment_file=environment_file,
        log=log,
        user=user,
        image=image,
        into=into,
        metrics_file=metrics_file,
        state=state,
    )
    return deploy_all(mappings, call)

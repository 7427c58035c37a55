"""Fills in a unit's plan from this machine: paths made absolute, the executable found, the user named."""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

import click

import etl
from etl import __version__
from etl.commands.loading import mapping_files
from etl.deploy import airflow, cron, dask, docker, github, kubernetes, systemd
from etl.deploy.needs import needs_of
from etl.deploy.plan import GRACE, PUSH_VARIABLE, STATE_VARIABLE, File, Plan, Variable
from etl.deploy.schedule import parse_schedule
from etl.errors import UsageProblem
from etl.mapping.quantities import parse_duration
from etl.state.store import state_exists

_RENDERERS = {
    "cron": cron.render,
    "systemd": systemd.render,
    "kubernetes": kubernetes.render,
    "airflow": airflow.render,
    "dask": dask.render,
    "docker": docker.render,
    "github": github.render,
}
_IN_CONTAINERS = ("kubernetes", "docker")


@dataclass(frozen=True, slots=True)
class DeployCall:
    """The options of `deploy`, as given."""

    kind: str
    schedule: str
    max_runtime: str
    environment_file: Path
    log: Path | None
    user: str | None
    image: str | None
    into: Path | None
    metrics_file: Path | None
    shards: int | None
    state: str


def deploy_all(paths: tuple[Path, ...], call: DeployCall) -> int:
    """Print the unit for the mappings of `paths`, or write its files; returns the exit code."""
    files = _RENDERERS[call.kind](plan_of(paths, call))
    if call.into is not None:
        _write(files, call.into)
        return 0
    for file in files:
        if len(files) > 1:
            click.echo(f"# {file.path}")
        click.echo(file.text, nl=file is not files[-1])
    return 0


def plan_of(paths: tuple[Path, ...], call: DeployCall) -> Plan:
    """The plan of `call`. Raises `UsageProblem` for an option that cannot be read, `MappingInvalid` for a mapping."""
    try:
        schedule = parse_schedule(call.schedule)
    except ValueError as problem:
        raise UsageProblem(f"--schedule: {problem}", hint="minute, hour, day, month, weekday: '17 3 * * *'") from None
    try:
        stop_after = parse_duration(call.max_runtime) + GRACE
    except ValueError as problem:
        raise UsageProblem(f"--max-runtime: {problem}", hint="such as 90m or 3h") from None
    if call.metrics_file is not None and call.kind in _IN_CONTAINERS:
        raise UsageProblem(
            "--metrics-file: the node exporter does not see the files of a container",
            hint=f"they can be sent to a Pushgateway instead: {PUSH_VARIABLE}",
        )
    if call.shards is not None and call.kind != "kubernetes":
        raise UsageProblem("--shards goes with kubernetes: it divides the mappings among the pods of a Job")
    if call.shards is not None and "://" not in call.state:
        raise UsageProblem(
            "--shards: pods on several hosts share no state in a file",
            hint="keep it in PostgreSQL (squeezely-etl state copy), and give its URL as --state; it is not printed",
        )
    files = tuple(file.absolute() for file in mapping_files(paths))
    # A Dask worker talks only to the database.
    needs = needs_of(files, access_needed=call.kind != "dask")
    if needs.own_steps and call.kind in _IN_CONTAINERS:
        raise UsageProblem(
            f"{needs.own_steps[0]}: this unit carries mappings into its container, but not their own steps",
            hint="build an image that holds both, and let it run the folder with them",
        )
    # A database's URL may hold a password, so the unit names its variable instead; a URL without its slashes is
    # refused.
    state_exists(call.state)
    state = None if "://" in call.state else Path(call.state).absolute()
    folder = Path.cwd()
    return Plan(
        names=needs.names,
        command=_executable(),
        mappings=tuple(path.absolute() for path in paths),
        files=files,
        state=state,
        folder=folder,
        variables=(*needs.variables, *(() if state or call.kind == "dask" else (Variable(STATE_VARIABLE),))),
        secret_files=needs.secret_files,
        schedule=schedule,
        max_runtime=call.max_runtime,
        stop_after=stop_after,
        environment_file=call.environment_file.absolute(),
        log=(call.log or (state.parent if state else folder) / "run.log").absolute(),
        user=call.user or pwd.getpwuid(os.geteuid()).pw_name,
        examples=Path(etl.__file__).resolve().parents[1] / "mappings",
        image=call.image or f"squeezely-etl:{__version__}",
        metrics_file=None if call.metrics_file is None else call.metrics_file.absolute(),
        shards=call.shards,
    )


def _executable() -> tuple[str, ...]:
    beside = Path(sys.executable).parent / "squeezely-etl"
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "etl")


def _write(files: tuple[File, ...], into: Path) -> None:
    targets = [into / file.path.name for file in files]
    for target in targets:
        if target.exists():
            raise UsageProblem(f"{target} is there already", hint="move it away, or choose another folder with --into")
    try:
        into.mkdir(parents=True, exist_ok=True)
        for file, target in zip(files, targets, strict=True):
            target.write_text(file.text, encoding="utf-8")
            click.echo(str(target))
    except OSError as error:
        raise UsageProblem(
            f"{into}: cannot be written: {error.strerror}", hint="choose another folder with --into"
        ) from error

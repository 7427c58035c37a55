"""The two commands that start a Dask scheduler and its workers, for `run --workers`.

The rule: they work as printed on one machine; between hosts one variable and Dask's certificates change. No worker is
given the account's key.
"""

from __future__ import annotations

from pathlib import PurePath
from shlex import join, quote

from etl.deploy.cron import with_environment
from etl.deploy.docker import IMAGE_BIN
from etl.deploy.plan import File, Plan, comment

_ADDRESS = '"${SCHEDULER:-tcp://127.0.0.1:8786}"'
# The pages of a stopped worker are given up after a minute instead of five.
_SCHEDULER = "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=60s"
# Pages hold rows: they stay in memory.
_WORKER = " ".join(f"DASK_DISTRIBUTED__WORKER__MEMORY__{name}=False" for name in ("TARGET", "SPILL"))
_TLS = "DASK_DISTRIBUTED__COMM__TLS"


def render(plan: Plan) -> tuple[File, ...]:
    """The commands, with their instructions as comments."""
    dask = quote(str(PurePath(plan.command[0]).parent / "dask"))
    folder = quote(str(plan.folder))
    scheduler = f"{_SCHEDULER} {dask} scheduler --host {_ADDRESS} --no-dashboard"
    worker = (
        f"cd {folder} && {with_environment(plan)}"
        f'{_WORKER} {dask} worker {_ADDRESS} --nworkers "$(nproc)" --nthreads 1 --no-dashboard'
    )
    text = (
        f"{comment(_before(plan))}\n# 1. The scheduler, on one host:\n{scheduler}\n\n"
        f"{comment(_before_workers(plan))}{worker}\n\n{comment(_after(plan))}"
    )
    return (File(PurePath(f"{plan.unit}.dask.sh"), text),)


def _before(plan: Plan) -> list[str]:
    return [
        f"{plan.title}: a Dask scheduler and workers that prepare its rows. Each command goes on until it is ended.",
        "Every host has the same versions of Python, squeezely-etl and distributed: one image, or one lock file.",
        f"The image of `deploy docker` has them: docker run --network host --entrypoint {IMAGE_BIN}/dask …",
        "Between hosts, SCHEDULER is its address, and TLS is on: events go through it, and without TLS each program",
        "that reaches it can have the workers run anything. On every host, before the command:",
        "  export SCHEDULER=tls://10.0.0.5:8786 DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True",
        f"  export {_TLS}__CA_FILE=ca.pem",
        *(f"  export {_TLS}__{who}__CERT={who.lower()}.pem {_TLS}__{who}__KEY={who.lower()}.key" for who in _ROLES),
    ]


_ROLES = ("SCHEDULER", "WORKER", "CLIENT")


def _before_workers(plan: Plan) -> list[str]:
    lines = [
        "2. The workers, on each host that prepares rows, as many as it has processors; it needs (and own steps beside)"
    ]
    lines += [f"  {path}" for path in (*plan.files, *plan.secret_files)]
    if plan.variables:
        lines.append(f"and {plan.environment_file}, readable for its user only (chmod 600), one NAME='value' a line:")
    lines += [f"  {name}" for name in plan.required]
    lines += [f"  {name} (has a default)" for name in plan.optional]
    return lines


def _after(plan: Plan) -> list[str]:
    command = join([*plan.command, "run", *map(str, plan.mappings)])
    return [
        "3. The run, where the state is, with all variables of its mappings:",
        f"  {command} --workers {_ADDRESS}",
    ]

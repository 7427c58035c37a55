"""An Airflow DAG with one mapped task a mapping, for Airflow 3.1 and newer.

The rule: no value of a secret is in the file, in an argument of a task, or in anything that Airflow renders, keeps or
shows. The task asks for it while it runs: in the worker's environment, else of a Connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from string import Template

from etl.deploy.plan import (
    AT_ONCE_CODES,
    FINE_CODES,
    NOTIFY_VARIABLE,
    PUSH_VARIABLE,
    STATE_VARIABLE,
    TOLD,
    File,
    Plan,
    comment,
    own_folder,
)
from etl.errors import MappingLocked

_DAG = Template('''\
from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Connection, Param, get_current_context, task

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException
    from airflow.exceptions import AirflowSkipException

MAPPINGS = $mappings
CREDENTIALS = $credentials
STATE = $state
METRICS_FILE = $metrics_file
LOG = logging.getLogger(__name__)


def take_credentials():
    """Put what is missing into the environment of this task's own process, where the mappings look for it."""
    for name in CREDENTIALS:
        if name in os.environ:
            continue
        try:
            connection = Connection.get(name.lower())
        except AirflowNotFoundException:
            words = f"{name} is not in the worker's environment, and there is no Connection {name.lower()}"
            raise AirflowFailException(words) from None
        os.environ[name] = connection.get_uri() if connection.host else connection.password or ""


def send(name, params):
    """Run the mapping, or send a range of its past; returns what became of its rows."""
    import etl  # not above: a DAG is read every few seconds

    if params["mapping"] not in (None, name):
        raise AirflowSkipException("another mapping was asked for")
    take_credentials()
    file = MAPPINGS[name]
    shared = {
        "state": STATE or os.environ["$state_variable"],
        "metrics_file": METRICS_FILE,
        "pushgateway": os.environ.get("$push_variable"),
        "notify_url": os.environ.get("$notify_variable", ""),
    }
    counts = {}
    try:
        if params["backfill"]:
            chosen = {"start": params["from"], "end": params["to"], "resend": params["resend"]}
            outcome = etl.backfill(file, **chosen, **shared)
        else:
            outcome = etl.run(file, start_from=params["start_from"], max_runtime=$max_runtime, **shared)
        error, code, counts = outcome.error, outcome.exit_code, outcome.books.as_dict()
    except etl.EtlError as problem:
        error, code = problem, problem.exit_code
    words = f"{name} ended with exit code {code}"
    if error is not None:
        words += f": {error.message}" + (f" ({error.hint})" if error.hint else "")
    if code in $at_once:  # a person has to do something first
        raise AirflowFailException(words)
    if code == $locked:  # another run is under way
        raise AirflowSkipException(words)
    if code not in $fine:
        raise AirflowException(words)  # tried again
    if code:
        LOG.warning("%s; %s", words, counts)
    return {"exit_code": code, **counts}


with DAG(
    dag_id=$dag_id,
    description=$title,
    schedule=$schedule,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "mapping": Param(None, type=["null", "string"], enum=[None, *MAPPINGS], description="This one only"),
        "start_from": Param(None, type=["null", "string"], description="First run: beginning, now or a cursor's value"),
        "backfill": Param(False, type="boolean", description="Send a range of the past: from, to, resend"),
        "from": Param(None, type=["null", "string"], description="Backfill: the first cursor value to send"),
        "to": Param(None, type=["null", "string"], description="Backfill: the first cursor value not to send"),
        "resend": Param(False, type="boolean", description="Backfill: what did not change, too"),
    },
):

    @task(
        retries=3,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(seconds=$seconds),
        max_active_tis_per_dagrun=4,
        map_index_template="{{ task.op_kwargs['name'] }}",
    )
    def send_mapping(name):
        return send(name, get_current_context()["params"])

    send_mapping.expand(name=list(MAPPINGS))
''')


def render(plan: Plan) -> tuple[File, ...]:
    """The DAG's file."""
    text = _DAG.substitute(
        mappings=_listed("{}", (f"{name!r}: {str(file)!r}" for name, file in zip(plan.names, plan.files, strict=True))),
        credentials=_listed("[]", map(repr, plan.required)),
        state=repr(None if plan.state is None else str(plan.state)),
        state_variable=STATE_VARIABLE,
        push_variable=PUSH_VARIABLE,
        notify_variable=NOTIFY_VARIABLE,
        metrics_file=repr(None if plan.metrics_file is None else str(plan.metrics_file)),
        max_runtime=repr(plan.max_runtime),
        at_once=AT_ONCE_CODES,
        locked=MappingLocked.exit_code,
        fine=(0, 3, *FINE_CODES),
        dag_id=repr(plan.unit),
        title=repr(plan.title),
        schedule=repr(plan.schedule.cron),
        seconds=int(plan.stop_after.total_seconds()),
    )
    return (File(PurePath(f"{plan.unit}.py"), comment(_instructions(plan)) + text),)


def _listed(brackets: str, entries: Iterable[str]) -> str:
    return brackets[0] + "".join(f"\n    {entry}," for entry in entries) + "\n" + brackets[1]


def _instructions(plan: Plan) -> list[str]:
    lines = [
        f"{plan.title}. Times are UTC. The environment of Airflow's workers needs the package squeezely-etl.",
        *own_folder(plan),
    ]
    if plan.state is not None:
        lines += [
            f"! The state is the file {plan.state}: right only while one host runs all tasks.",
            "! With several workers keep it in PostgreSQL (state copy), and call deploy with its URL as --state.",
        ]
    if plan.required:
        lines += [
            "Each of CREDENTIALS is a variable of the workers' environment, or a Connection whose id is that name in",
            "small letters: a database's with host and login, anything else (a key, a whole URL) as the password.",
            "Neither is ever an argument or a template, so that Airflow shows it nowhere.",
        ]
    if plan.optional:
        lines.append(f"The mappings have defaults for these variables of the workers: {', '.join(plan.optional)}")
    lines += [f"The workers need the file {path}" for path in plan.secret_files]
    lines += [f"{name} of the workers: {TOLD[name]}" for name in (PUSH_VARIABLE, NOTIFY_VARIABLE)]
    trigger = f"  airflow dags trigger {plan.unit} --conf"
    return [
        *lines,
        "The first run is a person's decision:",
        f"""{trigger} '{{"start_from": "beginning"}}'""",
        "A range of the past:",
        f"""{trigger} '{{"backfill": true, "from": "2024-01-01", "to": "2025-01-01"}}'""",
    ]

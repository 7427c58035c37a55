"""An Airflow DAG of one task, for Airflow 2 and 3.

The rule: one run at a time, and no value of a secret in the file: they are Airflow Variables of the same names.
"""

from __future__ import annotations

from pathlib import PurePath
from shlex import join, quote

from etl.deploy.plan import FINE_CODES, File, Plan, comment, first_run, own_folder

_DAG = """\
from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator

with DAG(
    dag_id={dag_id!r},
    description={title!r},
    schedule={schedule!r},
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
):
    BashOperator(
        task_id="run",
        bash_command={command!r},
        cwd={folder!r},
        env={env},
        append_env=True,
        # Stopped cleanly, the next run goes on.
        skip_on_exit_code={fine!r},
        execution_timeout=timedelta(seconds={seconds}),
    )
"""


def render(plan: Plan) -> tuple[File, ...]:
    """The DAG's file."""
    command = join([*plan.command, *plan.run()])
    variables = [f"        {name!r}: {f'{{{{ var.value.{name} }}}}'!r},\n" for name in plan.required]
    text = _DAG.format(
        dag_id=plan.unit,
        title=plan.title,
        schedule=plan.schedule.cron,
        # Airflow reads a command that ends in .sh as the path of a template; a space at the end keeps it a command.
        command=f"{_raw(command)} ",
        folder=str(plan.folder),
        env="{\n" + "".join(f"    {line}" for line in variables) + "        }" if variables else "{}",
        seconds=int(plan.stop_after.total_seconds()),
        fine=list(FINE_CODES),
    )
    return (File(PurePath(f"{plan.unit}.py"), comment(_instructions(plan, command)) + text),)


def _instructions(plan: Plan, command: str) -> list[str]:
    lines = [f"{plan.title}. Times are UTC.", *own_folder(plan)]
    if plan.required:
        lines.append(f"Airflow Variables (better from a secrets backend): {', '.join(plan.required)}")
    if plan.optional:
        lines.append(f"The mappings have defaults for: {', '.join(plan.optional)}")
    return [*lines, *first_run(f"cd {quote(str(plan.folder))} && {command}")]


def _raw(command: str) -> str:
    # The command is a Jinja template.
    if "{{" in command or "{%" in command or "{#" in command:
        return f"{{% raw %}}{command}{{% endraw %}}"
    return command

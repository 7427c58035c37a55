"""A line for the crontab.

The rule: the line works with cron's own environment, which has next to nothing in it (E11); cron sends mail only when a
person has something to do.
"""

from __future__ import annotations

from pathlib import PurePath
from shlex import join, quote

from etl.deploy.plan import FINE_CODES, TOLD, File, Plan, comment, first_run, own_folder


def render(plan: Plan) -> tuple[File, ...]:
    """The crontab's line, with its instructions as comments."""
    program, environment = join([*plan.command, *plan.run()]), with_environment(plan)
    # The date is printed first, so that a run without a summary has its date in the log too.
    dated = f"{environment}{{ date -u '+%F %T UTC'; {program}; }}"
    # For any other code the line prints something, which cron mails to a person.
    words = f"echo {quote(f'{plan.unit} ended with exit code')} $code, see {quote(str(plan.log))}"
    fine = " || ".join(f"[ $code = {code} ]" for code in FINE_CODES)
    unless_fine = f"|| {{ code=$?; {fine} || {words}; }}"
    # The shell opens the log before the first run makes its folder, which usually is that of the state.
    ready = f"mkdir -p -m 700 {quote(str(plan.log.parent))}"
    line = f"cd {quote(str(plan.folder))} && {ready} && {{ {dated} >> {quote(str(plan.log))} 2>&1 {unless_fine}; }}"
    # cron reads % as a line break, also within quotes (crontab(5)).
    words = comment(_instructions(plan, f"{environment}{program}"))
    return (File(PurePath(f"{plan.unit}.cron"), f"{words}{plan.schedule.cron} {line.replace('%', chr(92) + '%')}\n"),)


def with_environment(plan: Plan) -> str:
    """The words that load the environment file into the shell; "" when the mappings use no variables."""
    return f"set -a && . {quote(str(plan.environment_file))} && set +a && " if plan.variables else ""


def environment_file_lines(plan: Plan) -> list[str]:
    """What has to be in the environment file."""
    if not plan.variables:
        return []
    lines = [f"{plan.environment_file} holds, one NAME=value a line and readable for {plan.user} only (chmod 600):"]
    lines += [f"  {name}='…'" for name in plan.required]
    lines += [f"  {name}='…' (has a default)" for name in plan.optional]
    lines += [f"  {name}='…' ({when})" for name, when in TOLD.items()]
    lines.append("Put each value between single quotes: a URL may hold & and other characters of the shell.")
    return lines


def logrotate_lines(plan: Plan) -> list[str]:
    """A stanza for logrotate; the log is opened anew by each run, so that nothing has to be told."""
    return [
        f"The log grows. /etc/logrotate.d/{plan.unit} holds then:",
        f'  "{plan.log}" {{',
        *("    monthly", "    rotate 12", "    compress", "    missingok", "    notifempty"),
        "  }",
    ]


def metrics_lines(plan: Plan) -> list[str]:
    """What the figures for Prometheus need."""
    if plan.metrics_file is None:
        return []
    return [f"{plan.user} must be allowed to write in {plan.metrics_file.parent}"]


def _instructions(plan: Plan, command: str) -> list[str]:
    return [
        f"{plan.title}. Add the last line with: crontab -e",
        *own_folder(plan),
        *environment_file_lines(plan),
        *metrics_lines(plan),
        *logrotate_lines(plan),
        *first_run(f"cd {quote(str(plan.folder))} && {command}"),
    ]

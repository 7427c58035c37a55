"""The plan from which every unit is made: the command, its paths, and the names of the variables and files it needs.

The rule: a plan knows the names of variables, never their values, so no unit can hold a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePath

from etl.deploy.schedule import Schedule
from etl.errors import EXIT_CODES

STATE_VARIABLE = "SQUEEZELY_ETL_STATE"
PUSH_VARIABLE = "SQUEEZELY_ETL_RUN_PUSHGATEWAY"
NOTIFY_VARIABLE = "SQUEEZELY_ETL_RUN_NOTIFY_URL"
# The variables of addresses for reports of a run; the addresses are secrets, so units only name the variables.
TOLD = {
    "SQUEEZELY_ETL_RUN_PING_URL": "if a cron monitor is to be told",
    NOTIFY_VARIABLE: "if people are to be told in chat or by mail when a mapping needs one of them",
    PUSH_VARIABLE: "if a Pushgateway is to have the figures",
}
# How much longer than --max-runtime the scheduler waits: a job killed while answers are awaited sends events twice.
GRACE = timedelta(minutes=10)
# Codes beside 0 that a scheduler counts as a success: stopped cleanly, the next run goes on.
FINE_CODES = tuple(code for code, entry in EXIT_CODES.items() if entry.goes_on)
# Codes after which another attempt changes nothing before a person has done something.
AT_ONCE_CODES = tuple(code for code, entry in EXIT_CODES.items() if entry.for_person)


@dataclass(frozen=True, slots=True)
class Variable:
    """The name of an environment variable; `optional` when the mapping gives a default for it."""

    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file of a unit: where it usually lies, and its text."""

    path: PurePath
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One scheduled run. Every path is absolute.

    `names` are the mappings' names, `files` their files, `mappings` what was given (files or folders). `state` is None
    when the state is a database, whose URL stands in SQUEEZELY_ETL_STATE. `secret_files` are the paths of `${file:…}`.
    `metrics_file` is where the figures for Prometheus go, None for nowhere. `shards` is the number of pods that divide
    the mappings among them, None for one that runs them all.
    `examples` is the folder of the program's own examples, which an update replaces.
    `max_runtime` is as written on the command line, `stop_after` when the scheduler itself may end the job.
    """

    names: tuple[str, ...]
    command: tuple[str, ...]
    mappings: tuple[Path, ...]
    files: tuple[Path, ...]
    state: Path | None
    folder: Path
    variables: tuple[Variable, ...]
    secret_files: tuple[PurePath, ...]
    schedule: Schedule
    max_runtime: str
    stop_after: timedelta
    environment_file: Path
    log: Path
    user: str
    image: str
    examples: Path
    metrics_file: Path | None = None
    shards: int | None = None

    @property
    def unit(self) -> str:
        """The unit's name: a DNS label of at most 52 characters, which is what a CronJob may have."""
        if len(self.names) != 1:
            return "squeezely-etl"
        slug = re.sub(r"[^a-z0-9]+", "-", self.names[0].lower()).strip("-")
        return f"squeezely-etl-{slug}"[:52].rstrip("-")

    @property
    def title(self) -> str:
        """What the unit does, for people."""
        return f"Send {', '.join(self.names)} to Squeezely"

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the variables without a default."""
        return tuple(variable.name for variable in self.variables if not variable.optional)

    @property
    def optional(self) -> tuple[str, ...]:
        """The names of the variables that have a default."""
        return tuple(variable.name for variable in self.variables if variable.optional)

    def run(self, mappings: tuple[PurePath, ...] | None = None, *, state: PurePath | None = None) -> list[str]:
        """The arguments after the executable; `mappings` and `state` as seen from inside a container, when given."""
        place = None if self.state is None else state or self.state
        return [
            "run",
            *map(str, mappings or self.mappings),
            *(() if place is None else ("--state", str(place))),
            "--if-locked",
            "skip",
            "--max-runtime",
            self.max_runtime,
            *(() if self.metrics_file is None else ("--metrics-file", str(self.metrics_file))),
        ]


def own_folder(plan: Plan) -> list[str]:
    """Lines that say where the mappings belong: in a folder that no update touches, and no secret leaves with git."""
    if any(file.is_relative_to(plan.examples) for file in plan.files):
        return [
            f"! {plan.examples} holds the program's examples, and an update replaces them.",
            "! Copy your mappings to a folder of your own, and call deploy there.",
        ]
    places = (plan.environment_file, *(() if plan.state is None else (plan.state.parent,)))
    inside = [path.relative_to(plan.folder) for path in places if plan.folder in path.parents]
    lines = ["The mappings belong in a folder of your own, outside the program's checkout: an update leaves it alone."]
    if inside:
        lines.append(f"Where it is kept in git, its .gitignore holds a line for each of: {' '.join(map(str, inside))}")
    return lines


def first_run(command: str) -> list[str]:
    """Lines that say how the first run is made: a scheduled one without a checkpoint ends with exit code 8."""
    return ["The first run is a person's decision. Once, by hand:", f"  {command} --start-from beginning"]


def comment(lines: list[str]) -> str:
    """`lines` as comments, one `# ` each."""
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)

"""What a command says to people on stderr: lines, or records where the logs are JSON.

The rule: with `--log-format json` nothing else than JSON lines is on stderr once the options are read.
"""

from __future__ import annotations

import logging

from etl.cli.logs import in_json, is_quiet
from etl.cli.streams import say
from etl.errors import EtlError, MappingInvalid

LOG = logging.getLogger(__name__)


def tell(message: str, **values: object) -> None:
    """Say something that is no trouble; `-q` silences it. `values` stand in the record only."""
    if is_quiet():
        return
    if in_json():
        # Not `LOG.info`, which the level of the logs may keep back: people see this line at every level but -q.
        LOG.handle(LOG.makeRecord(LOG.name, logging.INFO, __file__, 0, message, (), None, extra=values))
    else:
        say(message, err=True)


def show_error(error: EtlError, *, subject: str = "") -> None:
    """Say `error` and its hint; `subject` names the mapping when there are several."""
    problems = error.problems if isinstance(error, MappingInvalid) else ()
    if in_json():
        for problem in problems:
            LOG.error(problem)
        LOG.error(error.message, extra={"hint": error.hint, "exit_code": error.exit_code})
        return
    for problem in problems:
        say(problem, err=True)
    prefix = f"{subject}: " if subject and not error.message.startswith(subject) else ""
    say(f"error: {prefix}{error.message}", err=True)
    if error.hint:
        say(f"hint: {error.hint}", err=True)

"""What a command says to people on stderr: lines, or records where the logs are JSON.

The rule: with `--log-format json` nothing else than JSON lines is on stderr once the options are read.
"""

from __future__ import annotations

import logging
import traceback

from etl.errors import EtlError, MappingInvalid
from etl.exact import printable
from etl.screen.logs import in_json, is_quiet
from etl.screen.streams import say

BUG = "this is a bug in squeezely-etl: please report it with the lines above"
LOG = logging.getLogger(__name__)


def tell(message: str, **values: object) -> None:
    """Print a message that is no error; `-q` silences it. `values` appear only in the log record."""
    if is_quiet():
        return
    if in_json():
        # Not `LOG.info`, which the log level may suppress: people see this line at every level except -q.
        LOG.handle(LOG.makeRecord(LOG.name, logging.INFO, __file__, 0, message, (), None, extra=values))
    else:
        say(message, err=True)


def show_error(error: EtlError, *, subject: str = "") -> None:
    """Print `error` and its hint; `subject` names the mapping when there are several."""
    problems = error.problems if isinstance(error, MappingInvalid) else ()
    if in_json():
        for problem in problems:
            LOG.error(problem)
        LOG.error(error.message, extra={"hint": error.hint, "exit_code": error.exit_code})
        return
    for problem in problems:
        _say_harmlessly(problem)
    prefix = f"{subject}: " if subject and not error.message.startswith(subject) else ""
    _say_harmlessly(f"error: {prefix}{error.message}")
    if error.hint:
        _say_harmlessly(f"hint: {error.hint}")


def show_bug(error: BaseException) -> None:
    """Print where `error` happened and its type, not its text, which may quote a row (F3)."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    say(f"Traceback (most recent call last):\n{frames}{type(error).__name__}\n{BUG}", err=True)


def _say_harmlessly(text: str) -> None:
    # Names of files, tables and columns are not ours (F15).
    for line in text.splitlines():
        say(printable(line), err=True)

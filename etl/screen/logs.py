"""Logs on stderr: a past-tense sentence and key=value, or one JSON object a line.

The rule: ids, keys and cursors may stand in a log, other values of a row never; a log that cannot be written stops
nothing; other libraries and Python's warnings are records like ours, these without their text.
"""

from __future__ import annotations

import logging
import sys
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TextIO

from etl.exact import printable
from etl.screen.json_line import json_line

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# The warnings already logged in this process, each only once.
_TOLD: set[tuple[type[Warning], str, int]] = set()


@dataclass(frozen=True, slots=True)
class LogChoice:
    """What `configure_logs` was asked for, and what stands in every record."""

    level: str
    form: Literal["text", "json"]
    context: dict[str, str] = field(default_factory=dict)


def log_choice() -> LogChoice:
    """The log settings of this process, for a process that it starts."""
    level = logging.getLevelName(logging.getLogger("etl").getEffectiveLevel()).lower()
    ours = [one.formatter for one in logging.getLogger().handlers if isinstance(one.formatter, PlainLines | JsonLines)]
    return LogChoice(level, "json" if in_json() else "text", ours[0].context if ours else {})


def configure_logs(*, level: str, form: Literal["text", "json"]) -> None:
    """Send the package's logs of `level` and above to stderr in `form`; other libraries from WARNING on at most."""
    handler = StandardError()
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger("etl").setLevel(level.upper())
    root.setLevel(max(logging.WARNING, logging.getLogger("etl").level))
    warnings.showwarning = _log_warning
    _TOLD.clear()
    logging.raiseExceptions = False


def _log_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    # The warning's text may quote an option of a URL, or a value of a row.
    del message
    # Python's own register of shown warnings is cleared whenever a library changes the filters, so a log would fill up.
    if (category, filename, lineno) in _TOLD:
        return
    _TOLD.add((category, filename, lineno))
    logging.getLogger("py.warnings").warning("%s at %s:%d", category.__name__, filename, lineno)


def take_over_logs(*names: str) -> None:
    """Log the records of the loggers `names` (and below) like ours, if ours go to stderr."""
    if not any(isinstance(handler, StandardError) for handler in logging.getLogger().handlers):
        return
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.startswith(names):
            logger.handlers[:] = []
            logger.propagate = True


def in_json() -> bool:
    """Whether stderr is for JSON lines."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)


def is_quiet() -> bool:
    """Whether only errors are wanted (`-q`)."""
    return not logging.getLogger("etl").isEnabledFor(logging.WARNING)


def log_context(**values: str) -> None:
    """Put `mapping` and `run_id` into every following record."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, PlainLines | JsonLines):
            handler.formatter.context = values


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to the present `sys.stderr`, which a progress bar replaces to stay below the logs."""

    @property
    def stream(self) -> TextIO:
        """The present stderr."""
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """Ignored."""


class PlainLines(logging.Formatter):
    """`2026-01-31T03:00:00Z INFO page taken in rows=5000`."""

    context: dict[str, str] = {}  # noqa: RUF012 - replaced as a whole, never changed

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        values = {**self.context, **_extra(record)}
        pairs = "".join(f" {name}={value}" for name, value in values.items())
        return printable(f"{_timestamp(record)} {record.levelname} {_event(record)}{pairs}")


class JsonLines(logging.Formatter):
    """`{"ts": …, "level": …, "event": …, "mapping": …, "run_id": …, …}`."""

    context: dict[str, str] = {}  # noqa: RUF012 - replaced as a whole, never changed

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        base = {"ts": _timestamp(record), "level": record.levelname.lower(), "event": _event(record)}
        about = {"mapping": None, "run_id": None, **self.context}
        # Another library's extra value must not take the place of ours.
        more = {name: value for name, value in _extra(record).items() if name not in base}
        return json_line({**base, **about, **more})


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(record: logging.LogRecord) -> str:
    # A line a record. Records of Dask and tornado may have an empty message.
    return record.getMessage().strip().replace("\n", " | ") or f"a record of {record.name} without words"


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}

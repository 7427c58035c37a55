"""Logs on stderr: a past-tense sentence and key=value, or one JSON object a line.

The rule: ids, keys and cursors may stand in a log, other values of a row never; a log that cannot be written stops
nothing.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logs(*, level: str, form: Literal["text", "json"]) -> None:
    """Send the package's logs of `level` and above to stderr in `form`; other libraries from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("etl").setLevel(level.upper())
    logging.raiseExceptions = False


def log_context(**values: str) -> None:
    """Stand `mapping` and `run_id` in every following record."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, PlainLines | JsonLines):
            handler.formatter.context = values


class PlainLines(logging.Formatter):
    """`2026-01-31T03:00:00Z INFO page taken in rows=5000`."""

    context: dict[str, str] = {}  # noqa: RUF012 - replaced as a whole, never changed

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        values = {**self.context, **_extra(record)}
        pairs = "".join(f" {name}={value}" for name, value in values.items())
        return f"{_timestamp(record)} {record.levelname} {record.getMessage()}{pairs}"


class JsonLines(logging.Formatter):
    """`{"ts": …, "level": …, "event": …, "mapping": …, "run_id": …, …}`."""

    context: dict[str, str] = {}  # noqa: RUF012 - replaced as a whole, never changed

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        base = {"ts": _timestamp(record), "level": record.levelname.lower(), "event": record.getMessage()}
        about = {"mapping": None, "run_id": None, **self.context}
        return json.dumps({**base, **about, **_extra(record)}, default=str)


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}

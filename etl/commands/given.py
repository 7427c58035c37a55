"""What a caller gave, checked in one place for the command line and for Python.

The rule: each function raises ValueError with words for people, without the name of the option, which the caller knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

MOST_WORKERS = 64
# Dask's own way to write it; without a name or a password, of which it knows none.
_SCHEDULER = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}/?", re.ASCII)


def parse_workers(given: int | str) -> int | str:
    """How many processes, from 1 to 64, or the address of a Dask scheduler. Raises ValueError, without what was given.

    A number may be a text, as it is on a command line.
    """
    if isinstance(given, str) and _SCHEDULER.fullmatch(given):
        return given.rstrip("/")
    count = int(given) if isinstance(given, str) and re.fullmatch(r"\d{1,9}", given, re.ASCII) else given
    if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MOST_WORKERS:
        return count
    raise ValueError(
        f"a number from 1 to {MOST_WORKERS}, or the scheduler of a Dask cluster, such as tcp://10.0.0.5:8786"
    )


def parse_limit(given: int) -> int:
    """How many, 1 or more. Raises ValueError."""
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ValueError("a whole number, 1 or more")
    return given


def parse_keys(given: str | int | Sequence[str | int]) -> tuple[str, ...]:
    """Keys as people write them; a text or a number alone is one key. Raises ValueError, without what was given."""
    keys = [given] if isinstance(given, str | int) else list(given)
    if not all(isinstance(key, str | int) and not isinstance(key, bool) for key in keys):
        raise ValueError('texts or whole numbers, such as ["17", "18"]')
    return tuple(map(str, keys))


def parse_metrics_file(given: Path) -> Path:
    """Where the figures for Prometheus go. Raises ValueError."""
    if given.suffix != ".prom":
        raise ValueError("the collector reads files that end in .prom only")
    return given
